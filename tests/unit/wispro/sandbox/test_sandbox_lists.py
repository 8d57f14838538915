"""Long lists are written and searched fast, and say what the slow way says."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
import pytest

from wispro.sandbox import api, crowds, finding, seed
from wispro.sandbox.ledger import ARGENTINA
from wispro.sandbox.model import CONTRACT_STATES
from wispro.sandbox.state import State
from wispro.sandbox.writing import invoice_json

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=ARGENTINA)


@pytest.fixture
def state() -> State:
    """Give the test an ISP whose contracts and payments came an hour apart."""
    made = State("t", clock=lambda: NOON)
    seed.interatos(made)
    for hours in range(6):
        made.clock = lambda hours=hours: NOON + timedelta(hours=hours)  # type: ignore[misc]
        seed.generate(made, clients=8, invoices=40)
        crowds.pay_some(made, 2)
    return made


def test_an_invoice_is_written_byte_for_byte_as_its_wire_form(state: State) -> None:
    """In every state, with and without a number, with fields of its own, with quotes in names."""
    invoices = state.invoices
    state.change_client(state.holder(invoices[0]), name='María "la\n Flaca" \\ O\'Higgins €')
    state.change_invoice(invoices[1], payment_links=None, concept="otro")
    state.change_invoice(invoices[2], amount="18500.25", number="A-0001")
    for invoice in invoices:
        slow = msgspec.json.encode(state.invoice_wire(invoice))
        assert invoice_json(invoice, state.holder(invoice), state.isp) == slow


def test_a_page_is_the_same_with_and_without_the_fast_way(state: State) -> None:
    """A rule that changes nothing takes the slow way to the same bytes."""
    query = {"page": "2", "per_page": "30", "state_eq": "pending"}
    call = api.Call("GET", "/invoicing/invoices", query)
    slow = api.Call("GET", "/invoicing/invoices", query, faults=frozenset({"timeout"}))
    assert api.respond(state, call).body == api.respond(state, slow).body


def test_contracts_are_found_as_by_reading_them_all(state: State) -> None:
    """By state, by creation, by both, and by client with either."""
    state.set_contract_state(state.contracts[7], "disabled")
    holder = state.clients[state.contracts[7].client].id
    moments = [None, NOON, NOON + timedelta(hours=2), NOON + timedelta(days=1)]
    for wanted, after, before, client in product(
        (None, "unheard", *CONTRACT_STATES), moments, moments, (None, holder)
    ):
        filters: dict[str, str] = {
            name: str(value)
            for name, value in {
                "state_eq": wanted,
                "client_id_eq": client,
                "created_at_after": after,
                "created_at_before": before,
            }.items()
            if value is not None
        }
        expected = [
            place
            for place, contract in enumerate(state.contracts)
            if (wanted is None or contract.state == wanted)
            and (client is None or contract.client == state.contracts[7].client)
            and _within(contract.created_at, after, before)
        ]
        assert list(finding.contracts(state, filters)) == expected


def test_payments_are_found_as_by_reading_them_all(state: State) -> None:
    """After, before and between, by either of their two dates."""
    moments = [None, NOON, NOON + timedelta(hours=1), NOON + timedelta(days=1)]
    for field, after, before in product(("payment_date", "created_at"), moments, moments):
        asked: dict[str, Any] = {f"{field}_after": after, f"{field}_before": before}
        filters = {name: str(moment) for name, moment in asked.items() if moment is not None}
        expected = [p.place for p in state.payments if _within(p.paid_at, after, before)]
        assert list(finding.payments(state, filters)) == expected
    assert len(state.payments) == 5 + 12


def test_a_crowd_pays_voids_and_is_billed(state: State) -> None:
    """Each as often as asked, on different invoices; what was left open stays open."""
    crowds.leave_open(state, 10)
    assert len(state.by_state["pending"]) == 10
    assert all(state.invoices[place].balance == 0 for place in state.by_state["paid"])
    assert state.by_state["paid"] == sorted(state.by_state["paid"])
    payments, invoices = len(state.payments), len(state.invoices)
    happened = crowds.happen(state, {"pay": 3, "void": 2, "bill": 4})
    assert [len(ids) for ids in happened.values()] == [3, 2, 4]
    assert len(state.payments) == payments + 3
    assert len(state.invoices) == invoices + 4
    assert len(state.by_state["pending"]) == 10 - 3 - 2 + 4
    assert state.account(state.clients[0])["invoice_balance_amount"] >= Decimal(0)


def _within(written: str, after: datetime | None, before: datetime | None) -> bool:
    moment = datetime.fromisoformat(written)
    return (after is None or moment > after) and (before is None or moment < before)
