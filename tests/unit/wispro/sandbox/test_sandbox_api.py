"""The stand-in has Wispro's documented habits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wispro.sandbox import seed
from wispro.sandbox.faults import Rule
from wispro.sandbox.model import INVOICE_STATES
from wispro.sandbox.state import State

if TYPE_CHECKING:
    import httpx

    from wispro.sandbox.server import SandboxServer


@pytest.fixture
def get(sandbox: SandboxServer, http: httpx.Client) -> Any:
    """Ask the API with the right token; returns the JSON."""

    def ask(path: str, method: str = "GET", **query: object) -> Any:
        answer = http.request(
            method,
            sandbox.base_url + path,
            params={name: str(value) for name, value in query.items()},
            headers={"Authorization": sandbox.state.token},
        )
        assert answer.status_code == 200
        return answer.json()

    return ask


def test_a_list_has_an_envelope_with_four_numbers(get: Any) -> None:
    """Status, meta and data; the default page is twenty; no links."""
    body = get("/invoicing/invoices")
    assert set(body) == {"status", "meta", "data"}
    assert body["meta"]["pagination"] == {
        "total_records": 6,
        "total_pages": 1,
        "per_page": 20,
        "current_page": 1,
    }


def test_a_page_is_clamped_and_oldest_first(sandbox: SandboxServer, get: Any) -> None:
    """A thousand is asked and a hundred comes; a page beyond the end is empty."""
    seed.generate(sandbox.state, clients=30, invoices=300)
    body = get("/invoicing/invoices", per_page=1000, page=4)
    assert body["meta"]["pagination"] == {
        "total_records": 306,
        "total_pages": 4,
        "per_page": 100,
        "current_page": 4,
    }
    assert len(body["data"]) == 6
    first = get("/invoicing/invoices", per_page=1)["data"][0]
    assert first["invoice_number"] == "18154"
    assert get("/invoicing/invoices", page=99)["data"] == []


def test_an_invoice_is_written_as_wispro_does(get: Any) -> None:
    """Texts for amounts, milliseconds and an offset, and no client id."""
    paid, unnumbered = get("/invoicing/invoices")["data"][0], get("/invoicing/invoices")["data"][3]
    assert (paid["amount"], paid["balance"]) == ("2190.0", "0.0")
    assert paid["issued_at"] == "2021-07-29T09:30:00.000-03:00"
    assert paid["first_due_date"] == "2021-08-09"
    assert "client_id" not in paid
    assert (unnumbered["invoice_number"], unnumbered["state"]) == (None, "pending")


def test_known_filters_work_and_unknown_ones_are_ignored(get: Any) -> None:
    """An unsupported or empty filter gives everything, silently."""
    assert len(get("/invoicing/invoices", state_eq="pending")["data"]) == 1
    assert len(get("/invoicing/invoices", state_eq="pending", client_custom_id_eq="x")["data"]) == 0
    assert len(get("/invoicing/invoices", contract_id_eq="x")["data"]) == 6
    assert len(get("/invoicing/invoices", client_custom_id_eq="")["data"]) == 6
    assert len(get("/clients", name_unaccent_cont="gonzalez")["data"]) == 1
    assert len(get("/clients", name_unaccent_cont="gonzalez", email_eq="x")["data"]) == 0
    assert len(get("/contracts", state_eq="disabled")["data"]) == 0
    assert (
        len(get("/contracts", client_national_identification_number_eq="27.345.678")["data"]) == 1
    )


def test_a_bare_date_is_a_bad_filter(get: Any) -> None:
    """`_after` wants an instant with its offset."""
    assert get("/invoicing/payments", payment_date_after="2021-01-01")["status"] == 400
    assert get("/contracts", created_at_before="2021-01-01T00:00:00")["status"] == 400
    whole = get("/invoicing/payments", payment_date_after="2021-01-01T00:00:00-03:00")
    assert len(whole["data"]) == 5


def test_errors_come_inside_a_200_unless_switched(
    sandbox: SandboxServer, http: httpx.Client
) -> None:
    """A wrong token is a 200 with the truth in its body; the switch makes it a real 401."""
    url = f"{sandbox.base_url}/clients"
    wrong = http.get(url, headers={"Authorization": f"Bearer {sandbox.state.token}"})
    assert (wrong.status_code, wrong.json()["status"]) == (200, 401)
    sandbox.state.switches.real_http_codes = True
    assert http.get(url).status_code == 401


def test_the_help_desk_and_promises_answer(sandbox: SandboxServer, get: Any) -> None:
    """The small corners that the old app used are there."""
    assert get("/help_desk/issues", "POST")["status"] == 400
    assert get("/help_desk/issues", "POST", title="Sin internet")["data"]["state"] == "pending"
    assert len(get("/help_desk/issues", state_eq="pending")["data"]) == 1
    assert len(get("/help_desk/categories")["data"]) == 2
    assert get("/plans")["data"][0]["price"] == "2590.0"
    contract = sandbox.state.contracts[0]
    assert get(f"/contracts/{contract.id}/payment_promises", "POST")["status"] == 412
    sandbox.state.set_contract_state(contract, "disabled")
    assert get(f"/contracts/{contract.id}/payment_promises", "POST")["status"] == 200
    assert get(f"/contracts/{contract.id}")["data"]["state"] == "enabled"


def test_a_rule_counts_down_and_meets_its_page_only(sandbox: SandboxServer, get: Any) -> None:
    """A rule for one page and one time fails once."""
    sandbox.faults.add(Rule(fault="body_500", path="^/clients$", page=2, times=1))
    assert get("/clients", page=1)["status"] == 200
    assert get("/contracts", page=2)["status"] == 200
    assert get("/clients", page=2)["status"] == 500
    assert get("/clients", page=2)["status"] == 200
    assert sandbox.faults.rules() == []


def test_a_chance_is_the_same_every_time(sandbox: SandboxServer, get: Any) -> None:
    """A fault with a probability fails the same requests for the same seed."""

    def run() -> list[int]:
        sandbox.faults.clear()
        sandbox.faults.add(Rule(fault="body_500", probability=0.5, seed=3))
        return [get("/plans")["status"] for _ in range(12)]

    first = run()
    assert set(first) == {200, 500}
    assert run() == first


def test_made_up_customers_are_the_same_for_the_same_seed() -> None:
    """Names, ids and states repeat; all the awkward cases are among them."""
    one, two = State("t"), State("t", clock=lambda: fixed)
    fixed = one.clock()
    one.clock = lambda: fixed
    for state in (one, two):
        seed.generate(state, clients=400, invoices=3000, seed=5)
    assert [c.wire() for c in one.clients] == [c.wire() for c in two.clients]
    assert [one.invoice_wire(i) for i in one.invoices] == [
        two.invoice_wire(i) for i in two.invoices
    ]
    assert all(one.by_state[state] for state in INVOICE_STATES)
    emails = [client.email for client in one.clients if client.email]
    assert len(set(emails)) < len(emails)
    assert {None, ""} <= {client.national_id for client in one.clients}
    assert {None, ""} <= {client.email for client in one.clients}
    assert any("." in (client.national_id or "") for client in one.clients)
    assert any((client.national_id or "").isdigit() for client in one.clients)
    assert any((client.custom_id or "").startswith("00") for client in one.clients)
    assert any(len(client.contracts) > 1 for client in one.clients)
    assert any(0 < invoice.balance < invoice.amount for invoice in one.invoices)
    assert len(one.invoices) == 3000
