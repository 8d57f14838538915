"""The truth of one ISP and what can happen to it: its customers, their invoices, and faults."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from config.keys import Vault, new_key
from wispro.sandbox.faults import FaultBox, Rule
from wispro.sandbox.ledger import ARGENTINA, holds
from wispro.sandbox.model import Client, Invoice
from wispro.sandbox.state import State

ZONE = ZoneInfo("America/Argentina/Cordoba")
SLUG = "interatos"
TOKEN = "b7d0c6a1-wispro-token-of-the-tests-93fe"
VAULT = Vault([new_key()])
#: A Tuesday, noon in Córdoba.
BEGINNING = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
EVERY = timedelta(minutes=30)


class Provider:
    """The stand-in's state at a time that is a number, and the events that change it."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self.state = State(TOKEN, clock=lambda: self.now.astimezone(ARGENTINA))
        self.faults = FaultBox()
        self.clients: list[Client] = []

    def clock(self) -> datetime:
        """Return the present, a second later each time: no two requests are simultaneous."""
        self.now += timedelta(seconds=1)
        return self.now

    @property
    def today(self) -> date:
        """The date on the customers' walls."""
        return self.now.astimezone(ZONE).date()

    # -- what people and Wispro do ------------------------------------------------------------

    def wait(self, minutes: int) -> None:
        """Let time pass without a daemon."""
        self.now += timedelta(minutes=minutes)

    def person(self, who: int) -> Client:
        """Return one of the customers."""
        return self.clients[who % len(self.clients)]

    def bill(
        self, who: int, due_in: int | None, second_in: int | None, state: str, *, numbered: bool
    ) -> None:
        """Issue an invoice."""
        client = self.person(who)
        contract = self.state.contracts[client.contracts[-1 if due_in == 3 else 0]]
        first = None if due_in is None else self.today + timedelta(days=due_in)
        second = None if first is None or second_in is None else first + timedelta(days=second_in)
        given: dict[str, Any] = {
            "first_due_date": first and str(first), "second_due_date": second and str(second),
            "state": state, "payment_links": [],
        }  # fmt: skip
        if not numbered:
            given["number"] = None
        self.state.bill(contract, **given)

    def invoice(self, which: int, *states: str) -> Invoice | None:
        """Return one of the invoices in these states, the newest first."""
        there = [i for i in self.state.invoices if i.state in states and self.exists(i)]
        return there[-1 - which % len(there)] if there else None

    def exists(self, invoice: Invoice) -> bool:
        """Whether Wispro still knows it."""
        return holds(self.state.live, invoice.place)

    def promote(self, which: int) -> None:
        """Let a draft come out."""
        if invoice := self.invoice(which, "draft", "authorizing"):
            self.state.change_invoice(invoice, state="pending", number=90_000 + invoice.place)

    def pay(self, which: int, amount: int | None) -> None:
        """Pay in part, in full, or too much."""
        invoice = self.invoice(which, "pending")
        if invoice is not None and invoice.balance > 0:
            self.state.pay(invoice, None if amount is None else Decimal(amount))

    def void_payment(self, which: int) -> None:
        """Take a payment back, unless its invoice went another way meanwhile."""
        good = [
            p
            for p in self.state.payments
            if p.state == "success"
            and all(self.state.invoices[i].state in {"paid", "pending"} for i, _ in p.parts)
        ]
        if good:
            self.state.void_payment(good[-1 - which % len(good)])

    def void(self, which: int) -> None:
        """Void an invoice."""
        if invoice := self.invoice(which, "pending", "draft"):
            self.state.set_state(invoice, "void")

    def remove(self, which: int) -> None:
        """Let an invoice vanish."""
        if invoice := self.invoice(which, "pending", "draft"):
            self.state.remove(invoice)

    def move(self, which: int, due_in: int, second_in: int | None) -> None:
        """Move the due dates."""
        if invoice := self.invoice(which, "pending", "draft"):
            first = self.today + timedelta(days=due_in)
            second = None if second_in is None else first + timedelta(days=second_in)
            self.state.change_invoice(
                invoice, first_due_date=str(first), second_due_date=second and str(second)
            )

    def reprice(self, which: int, amount: int) -> None:
        """Change the amount."""
        if invoice := self.invoice(which, "pending", "draft"):
            self.state.change_invoice(invoice, amount=str(amount))

    def credit(self, who: int, amount: int) -> None:
        """Give a customer credit, or take it."""
        self.state.change_client(self.person(who), credit=Decimal(amount))

    def contract(self, who: int, state: str) -> None:
        """Move a contract to another state."""
        client = self.clients[who % len(self.clients)]
        self.state.set_contract_state(self.state.contracts[client.contracts[0]], state)

    def fault(self, name: str, where: str, times: int | None) -> None:
        """Break Wispro."""
        self.faults.add(Rule(fault=name, path=where, times=times))

    def shift(self, how: str, page: int) -> None:
        """Let the list change while it is read: the truth itself changes."""
        self.faults.add(
            Rule(fault="shift", path="^/invoicing/invoices$", page=page, times=1, how=how)
        )

    def mend(self) -> None:
        """End every fault."""
        self.faults.clear()
