"""The test's side of the stand-in: what people at the ISP do."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from billing.values import InvoiceState
from wispro.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from wispro.client import WisproClient

CLIENT = "c1000000-0000-4000-8000-000000000000"
PENDING = "1f000000-0000-4000-8000-000000000003"


@pytest.fixture
def control(sandbox: SandboxServer, http: httpx.Client) -> Any:
    """Ask the control side; returns the JSON of a 200, else the status."""

    def ask(method: str, path: str, given: object = None) -> Any:
        answer = http.request(method, f"{sandbox.control_url}/{path}", json=given)
        return answer.json() if answer.status_code == 200 else answer.status_code

    return ask


def test_an_invoice_is_paid_in_parts_and_too_much(wispro: WisproClient, control: Any) -> None:
    """A part leaves a balance, the rest pays it, and what is too much becomes credit."""
    control("POST", f"invoices/{PENDING}/pay", {"amount": "1000.50"})
    part = wispro.invoice(PENDING)
    assert (part.state, part.balance) == (InvoiceState.PENDING, Decimal("1589.50"))
    payment = control("POST", f"invoices/{PENDING}/pay", {"amount": 2000})
    assert wispro.invoice(PENDING).state is InvoiceState.PAID
    assert wispro.balance(CLIENT).balance_amount == Decimal("410.5")
    assert payment["payment_transactions"][0]["invoice_id"] == PENDING


def test_a_voided_payment_is_owed_again(wispro: WisproClient, control: Any) -> None:
    """Paid goes back to pending, with the whole balance."""
    payment = control("POST", f"invoices/{PENDING}/pay")
    assert wispro.pending_invoices().records == ()
    control("POST", f"payments/{payment['id']}/void")
    again = wispro.invoice(PENDING)
    assert (again.state, again.balance) == (InvoiceState.PENDING, Decimal(2590))
    assert wispro.balance(CLIENT).balance_amount == Decimal(-2590)
    assert control("POST", f"payments/{payment['id']}/void") == 400


def test_an_invoice_is_issued_changed_voided_and_gone(wispro: WisproClient, control: Any) -> None:
    """What the ISP does to an invoice is what the API shows next."""
    made = control("POST", "invoices", {"client_id": CLIENT, "amount": "100.25", "number": None})
    assert wispro.invoice(made["id"]).amount == Decimal("100.25")
    control(
        "PATCH",
        f"invoices/{made['id']}",
        {"number": 30777, "first_due_date": "2026-12-09", "amount": "90", "concept": "Bonificado"},
    )
    changed = wispro.invoice(made["id"])
    assert (changed.number, str(changed.first_due_date)) == ("30777", "2026-12-09")
    assert (changed.balance, changed.concept) == (Decimal(90), "Bonificado")
    control("POST", f"invoices/{made['id']}/void")
    assert wispro.invoice(made["id"]).state is InvoiceState.VOID
    control("DELETE", f"invoices/{made['id']}")
    assert control("PATCH", f"invoices/{made['id']}", {"amount": "1"}) == 404
    assert made["id"] not in {
        invoice.wispro_id for invoice in wispro.invoices_by_national_id("27.345.678").records
    }


def test_a_client_is_added_changed_and_credited(wispro: WisproClient, control: Any) -> None:
    """A new client is found by what it is given, and no longer by what was taken away."""
    from billing.values import ClientField

    made = control("POST", "clients", {"name": "Nora", "email": "n@example.org", "contracts": 3})
    assert len(wispro.contracts_of(made["id"]).records) == 3
    control("PATCH", f"clients/{made['id']}", {"email": "nora@example.org"})
    assert wispro.find_clients(ClientField.EMAIL, "n@example.org").records == ()
    assert len(wispro.find_clients(ClientField.EMAIL, "nora@example.org").records) == 1
    control("POST", f"clients/{made['id']}/credit", {"amount": "50"})
    assert wispro.balance(made["id"]).balance_amount == Decimal(50)
    contract = made["contract_ids"][0]
    control("PATCH", f"contracts/{contract}", {"state": "disabled"})
    assert wispro.contracts_of(made["id"]).records[0].state == "disabled"


def test_faults_come_and_go_by_request(control: Any) -> None:
    """Rules are added by JSON, shown, and cleared."""
    assert control("POST", "faults", [{"fault": "http_429", "times": 2, "retry_after": 1}])
    assert control("GET", "faults")[0]["times"] == 2
    assert control("DELETE", "faults") == []
    assert control("GET", "state")["faults"] == []


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("POST", "faults", [{"fault": "gremlins"}], 400),
        ("POST", "faults", [{"fault": "shift", "how": "sideways"}], 400),
        ("POST", "faults", [{"fault": "timeout", "pge": 2}], 400),
        ("POST", "nothing", {}, 404),
        ("POST", "invoices", {"amount": "1"}, 400),
        ("POST", "invoices", {"client_id": "x"}, 404),
        ("PATCH", f"invoices/{PENDING}", {"amount": "much"}, 400),
        ("PATCH", f"invoices/{PENDING}", {"state": "lost"}, 400),
        ("POST", f"invoices/{PENDING}/pay", {"amount": "0"}, 400),
        ("POST", "clients", {"nmae": "x"}, 400),
        ("POST", "settings", {"now": "2021-01-01"}, 400),
        ("POST", "settings", {"speed": 1}, 400),
    ],
)
def test_a_mistake_is_told(
    control: Any, method: str, path: str, given: object, status: int
) -> None:
    """A typing mistake in a test is an answer, not a silent nothing."""
    assert control(method, path, given) == status


def test_the_state_and_a_reset(wispro: WisproClient, control: Any) -> None:
    """Counts and served requests are shown; a reset starts over, with more people if asked."""
    wispro.pending_invoices()
    shown = control("GET", "state")
    assert (shown["invoices"]["pending"], shown["requests"]["/invoicing/invoices"]) == (1, 1)
    control("POST", "settings", {"now": "2021-11-20T09:00:00-03:00", "max_per_page": 7})
    after = control("POST", "reset", {"clients": 3, "invoices": 9})
    assert (after["clients"], after["invoices"]["all"]) == (4, 15)
    assert (after["now"], after["requests"]["all"]) == ("2021-11-20T09:00:00.000-03:00", 0)
    assert after["settings"]["max_per_page"] == 7


def test_a_server_starts_and_stops_cleanly_with_an_answer_under_way() -> None:
    """Nothing is left behind: no thread, no socket, no warning."""
    from wispro.sandbox.faults import Rule

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with SandboxServer(token="t") as server:
            server.faults.add(Rule(fault="timeout", delay=30))
            with pytest.raises(httpx.ReadTimeout):
                httpx.get(
                    f"{server.base_url}/clients",
                    headers={"Authorization": "t"},
                    timeout=httpx.Timeout(20, read=0.05),
                    trust_env=False,
                )
        assert not server._thread.is_alive()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.base_url}/clients", timeout=20, trust_env=False)
