"""The client against the stand-in: what each method gives, and what it refuses to send."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import pytest

from billing.values import ClientField, InvoiceState
from wispro.client import WisproClient
from wispro.errors import NotAuthorized, NotFound, Refused, UnexpectedResponse
from wispro.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.ports import WisproPort
    from wispro.sandbox.server import SandboxServer

CLIENT = "c1000000-0000-4000-8000-000000000000"
PENDING = "1f000000-0000-4000-8000-000000000003"


def test_it_is_the_port_that_the_use_cases_need(wispro: WisproClient) -> None:
    """The type checker holds the client against the port."""
    port: WisproPort = wispro
    assert port.requests == 0


@pytest.mark.parametrize(
    ("by", "value"),
    [
        (ClientField.PUBLIC_ID, "1001"),
        (ClientField.PUBLIC_ID, " 01001 "),
        (ClientField.CUSTOM_ID, "001042"),
        (ClientField.NATIONAL_ID, "27.345.678"),
        (ClientField.EMAIL, "maria.gonzalez@example.org"),
    ],
)
def test_a_client_is_found_by_each_field(wispro: WisproClient, by: ClientField, value: str) -> None:
    """Each field that Wispro filters by finds the customer of the seed document."""
    found = wispro.find_clients(by, value)
    assert [client.client_id for client in found.records] == [CLIENT]
    assert found.complete
    assert found.records[0].login_digest == "digest-22-0000"


@pytest.mark.parametrize(
    ("by", "value"),
    [
        (ClientField.CUSTOM_ID, "1042"),
        (ClientField.NATIONAL_ID, "27345678"),
        (ClientField.PUBLIC_ID, "1"),
    ],
)
def test_a_near_miss_is_nobody(wispro: WisproClient, by: ClientField, value: str) -> None:
    """Leading zeros and dots matter: a near value is another person's."""
    found = wispro.find_clients(by, value)
    assert (found.records, found.complete, found.total_records) == ((), True, 0)


def test_an_ignored_filter_gives_nobody_elses_data(
    sandbox: SandboxServer, wispro: WisproClient, scripted: Callable[..., WisproClient]
) -> None:
    """Where Wispro ignores the filter, the own check finds the one and counts the others."""
    from wispro.sandbox.faults import Rule

    other = sandbox.state.add_client(name="Otro", email="otro@example.org", national_id="1")
    sandbox.state.bill(sandbox.state.contracts[other.contracts[0]])
    sandbox.faults.add(Rule(fault="filter_ignored"))
    clients = wispro.find_clients(ClientField.EMAIL, "OTRO@example.org")
    assert ([client.name for client in clients.records], clients.foreign) == (["Otro"], 1)
    contracts = wispro.contracts_of(CLIENT)
    assert ([found.client_id for found in contracts.records], contracts.foreign) == ([CLIENT], 1)
    invoices = wispro.invoices_by_national_id("27.345.678")
    assert {found.holder_national_id for found in invoices.records} == {"27.345.678"}
    assert (invoices.foreign, invoices.complete) == (1, True)
    pending = wispro.pending_invoices()
    assert {found.state for found in pending.records} == {InvoiceState.PENDING}
    assert (len(pending.records), pending.foreign) == (2, 5)


def test_a_custom_id_filter_cannot_be_checked_again_but_is_bounded(
    sandbox: SandboxServer, http: httpx.Client
) -> None:
    """No invoice carries the custom id: the caller checks; the whole ISP is refused here."""
    other = sandbox.state.add_client(name="Otro")
    for _ in range(30):
        sandbox.state.bill(sandbox.state.contracts[other.contracts[0]])
    sandbox.state.switches.max_per_page = 5
    client = WisproClient(
        http,
        base_url=sandbox.base_url,
        token=sandbox.state.token,
        digest_login=str,
        limits=Limits(unfiltered_pages=5),
    )
    assert len(client.invoices_by_custom_id("001042").records) == 6
    from wispro.sandbox.faults import Rule

    sandbox.faults.add(Rule(fault="filter_ignored"))
    with pytest.raises(UnexpectedResponse, match="not believed"):
        client.invoices_by_custom_id("001042")


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_an_empty_filter_is_never_sent(wispro: WisproClient, blank: str) -> None:
    """An empty value makes Wispro give everything, so it is refused before any request."""
    for by in ClientField:
        with pytest.raises(Refused):
            wispro.find_clients(by, blank)
    for ask in (
        wispro.invoices_by_national_id,
        wispro.invoices_by_custom_id,
        wispro.contracts_of,
        wispro.client,
        wispro.invoice,
        wispro.balance,
    ):
        with pytest.raises(Refused):
            ask(blank)
    assert wispro.requests == 0


@pytest.mark.parametrize("bad", ["../clients", "a/b", "x?page=1", "1001abc%00", "ñ"])
def test_an_id_that_leads_elsewhere_is_never_sent(wispro: WisproClient, bad: str) -> None:
    """An id stands in the path, so it may hold nothing that changes the path."""
    for ask in (wispro.client, wispro.invoice, wispro.balance, wispro.contracts_of):
        with pytest.raises(Refused):
            ask(bad)
    with pytest.raises(Refused):
        wispro.invoice_pdf(bad, max_bytes=1)
    with pytest.raises(Refused):
        wispro.find_clients(ClientField.PUBLIC_ID, bad)
    assert wispro.requests == 0


def test_another_record_than_the_one_asked_for_is_refused(
    scripted: Callable[..., WisproClient],
) -> None:
    """An answer about somebody else is never taken for the answer."""
    invoice = {"id": "i-2", "state": "paid", "amount": "1.0"}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": 200, "data": {**invoice, "name": "x"}})

    with pytest.raises(UnexpectedResponse, match="another id"):
        scripted(answer).invoice("i-1")
    with pytest.raises(UnexpectedResponse, match="another id"):
        scripted(answer).client("i-1")


def test_the_seed_customer_is_read_whole(wispro: WisproClient) -> None:
    """The six invoices of the old app, one of them without a number, and what is owed."""
    invoices = wispro.invoices_by_national_id("27.345.678").records
    assert [invoice.number for invoice in invoices] == [
        "18154",
        "18943",
        "23184",
        None,
        "20927",
        "23185",
    ]
    open_one = wispro.invoice(PENDING)
    assert (open_one.payable, open_one.raw_state) == (Decimal(2590), "pending")
    assert [one.wispro_id for one in wispro.pending_invoices().records] == [PENDING]
    assert wispro.balance(CLIENT).balance_amount == Decimal(-2590)
    assert wispro.client(CLIENT).name == "María Laura González"
    assert wispro.contracts_of(CLIENT).records[0].client_id == CLIENT


def test_every_client_comes_page_by_page(sandbox: SandboxServer, wispro: WisproClient) -> None:
    """The default and the clamp of the server do not cut the list short."""
    for place in range(249):
        sandbox.state.add_client(name=f"Cliente {place}")
    pages = list(wispro.client_pages())
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert len({client.client_id for page in pages for client in page.records}) == 250


def test_a_wrong_token_and_an_unknown_record_say_so(
    sandbox: SandboxServer, wispro: WisproClient, http: httpx.Client
) -> None:
    """Errors inside HTTP 200 and real HTTP codes mean the same."""
    stranger = WisproClient(http, base_url=sandbox.base_url, token="wrong", digest_login=str)
    for real in (False, True):
        sandbox.state.switches.real_http_codes = real
        with pytest.raises(NotAuthorized):
            stranger.pending_invoices()
        with pytest.raises(NotFound):
            wispro.invoice("1f000000-0000-4000-8000-0000000000ff")


def test_requests_count_what_really_went(sandbox: SandboxServer, wispro: WisproClient) -> None:
    """The count equals what the server served, retries included."""
    from wispro.sandbox.faults import Rule

    sandbox.faults.add(Rule(fault="http_500", times=2))
    wispro.pending_invoices()
    wispro.balance(CLIENT)
    assert wispro.requests == sandbox.state.served.total() == 4


def test_the_client_needs_nothing_of_the_demonstration() -> None:
    """An ISP's worker runs without the extra `demo`: the door does not import the stand-in."""
    import subprocess
    import sys

    code = (
        "import sys, wispro.client, wispro.logs, wispro.login;"
        "found = {'starlette', 'uvicorn', 'fpdf', 'wispro.sandbox', 'models', 'config'};"
        "print(sorted(found & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
