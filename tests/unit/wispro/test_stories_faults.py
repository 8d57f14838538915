"""Each failure of Wispro, on the first, a middle and the last page: never a false "that is all"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing.values import InvoiceState, UpstreamReason
from wispro.errors import LicenceExpired, NotAuthorized, RateLimited, WisproError
from wispro.sandbox.faults import IN_RECORDS, ON_BYTES, ON_PAGE, REPLACING, Rule

if TYPE_CHECKING:
    from wispro.client import WisproClient
    from wispro.sandbox.ledger import Ledger
    from wispro.sandbox.server import SandboxServer

NATIONAL_ID = "27.345.678"
FAULTS = sorted(REPLACING | IN_RECORDS | ON_PAGE | ON_BYTES | {"filter_ignored"})


@pytest.fixture
def long_list(sandbox: SandboxServer) -> SandboxServer:
    """Give the customer and a neighbour twelve pending invoices each, on pages of five."""
    state = sandbox.state
    neighbour = state.add_client(name="Vecina", national_id="99.999.999")
    state.switches.max_per_page = 5
    for _ in range(12):
        state.bill(state.contracts[0])
        state.bill(state.contracts[neighbour.contracts[0]])
    return sandbox


def pending(state: Ledger, national_id: str | None = None) -> set[str]:
    """Return what is really pending."""
    return {
        state.invoices[place].id
        for place in state.by_state["pending"]
        if national_id in {None, state.holder(state.invoices[place]).national_id}
    }


@pytest.mark.parametrize("times", [1, None])
@pytest.mark.parametrize("page", [1, 3, 5, 6])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_makes_a_false_sweep(
    long_list: SandboxServer, wispro: WisproClient, fault: str, page: int, times: int | None
) -> None:
    """A sweep through a fault raises, or is whole, or says that it is not."""
    truth = pending(long_list.state)
    long_list.faults.add(Rule(fault=fault, page=page, times=times))
    try:
        listing = wispro.pending_invoices()
    except WisproError:
        return
    found = {invoice.wispro_id for invoice in listing.records}
    aside = {one.record_id for one in listing.set_aside}
    assert all(invoice.state is InvoiceState.PENDING for invoice in listing.records)
    assert found <= truth
    if listing.complete and fault != "unknown_state":
        assert found | aside == truth
    if fault == "unknown_state":  # what is in no known state is not pending, and is counted
        assert len(found) + listing.foreign >= len(truth)


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_shows_a_neighbours_invoice(
    long_list: SandboxServer, wispro: WisproClient, fault: str, page: int
) -> None:
    """A question for one customer gives that customer's invoices, all of them if it says so."""
    state = long_list.state
    truth = {
        invoice.id for invoice in state.invoices if state.holder(invoice).national_id == NATIONAL_ID
    }
    long_list.faults.add(Rule(fault=fault, page=page))
    try:
        listing = wispro.invoices_by_national_id(NATIONAL_ID)
    except WisproError:
        return
    found = {invoice.wispro_id for invoice in listing.records}
    assert found <= truth
    if listing.complete:
        assert found | {one.record_id for one in listing.set_aside} == truth


@pytest.mark.parametrize("times", [1, 2, None])
@pytest.mark.parametrize("page", [1, 3, 5])
@pytest.mark.parametrize("how", ["void", "pay", "remove", "create"])
def test_no_shifting_row_is_lost(
    long_list: SandboxServer, wispro: WisproClient, how: str, page: int, times: int | None
) -> None:
    """While rows come and go, a complete sweep holds all that were pending throughout."""
    before = pending(long_list.state)
    long_list.faults.add(Rule(fault="shift", how=how, page=page, times=times))
    listing = wispro.pending_invoices()
    after = pending(long_list.state)
    found = {invoice.wispro_id for invoice in listing.records}
    assert found <= before | after
    assert before != after
    if times == 1:
        assert listing.complete
    if listing.complete:
        assert before & after <= found


@pytest.mark.parametrize("page", [1, 3, 5])
@pytest.mark.parametrize("fault", ["timeout", "trickle"])
def test_a_slow_page_is_an_error_in_bounded_time(
    long_list: SandboxServer, impatient: WisproClient, fault: str, page: int
) -> None:
    """Silence and a byte now and then both end in a timeout."""
    long_list.faults.add(Rule(fault=fault, page=page, delay=0.4 if fault == "timeout" else 0.02))
    with pytest.raises(WisproError) as late:
        impatient.pending_invoices()
    assert late.value.reason is UpstreamReason.TIMEOUT


@pytest.mark.parametrize("fault", ["amounts_as_numbers", "dates_as_datetimes"])
def test_other_writings_mean_the_same(
    long_list: SandboxServer, wispro: WisproClient, fault: str
) -> None:
    """Numbers for texts and date-times for dates change nothing that is read."""
    plain = wispro.pending_invoices()
    long_list.faults.add(Rule(fault=fault))
    assert wispro.pending_invoices() == plain


def test_null_amounts_set_records_aside(long_list: SandboxServer, wispro: WisproClient) -> None:
    """Without any amount nothing can be asked of anybody; the records are kept by name."""
    long_list.faults.add(Rule(fault="amounts_null"))
    listing = wispro.pending_invoices()
    assert listing.records == ()
    assert {one.record_id for one in listing.set_aside} == pending(long_list.state)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("body_401", NotAuthorized),
        ("http_401", NotAuthorized),
        ("body_402", LicenceExpired),
        ("http_429", RateLimited),
    ],
)
def test_lasting_faults_have_their_names(
    sandbox: SandboxServer, wispro: WisproClient, fault: str, kind: type[WisproError]
) -> None:
    """What the ISP must mend is told apart from what passes."""
    sandbox.faults.add(Rule(fault=fault, retry_after=120))
    with pytest.raises(kind) as error:
        wispro.pending_invoices()
    assert error.value.retry_after == (120 if kind is RateLimited else None)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("pdf_json", UpstreamReason.REFUSED),
        ("pdf_html", UpstreamReason.UNEXPECTED_RESPONSE),
        ("pdf_truncated", UpstreamReason.UNEXPECTED_RESPONSE),
        ("pdf_huge", UpstreamReason.UNEXPECTED_RESPONSE),
        ("truncated_body", UpstreamReason.UNEXPECTED_RESPONSE),
        ("body_404", UpstreamReason.NOT_FOUND),
    ],
)
def test_no_bad_pdf_is_passed_on(
    sandbox: SandboxServer, wispro: WisproClient, fault: str, reason: UpstreamReason
) -> None:
    """A PDF is whole and within its size, or the reason is told."""
    invoice_id = sandbox.state.invoices[0].id
    sandbox.faults.add(Rule(fault=fault))
    limit = 1_000_000 if fault == "pdf_huge" else 50_000_000
    with pytest.raises(WisproError) as bad:
        wispro.invoice_pdf(invoice_id, max_bytes=limit)
    assert bad.value.reason is reason


@pytest.mark.parametrize(("fault", "delay"), [("pdf_slow", 0.01), ("timeout", 0.4)])
def test_no_slow_pdf_is_waited_for(
    sandbox: SandboxServer, impatient: WisproClient, fault: str, delay: float
) -> None:
    """A PDF that does not come, or comes by drops, is left after its time."""
    sandbox.faults.add(Rule(fault=fault, delay=delay))
    with pytest.raises(WisproError) as late:
        impatient.invoice_pdf(sandbox.state.invoices[0].id, max_bytes=50_000_000)
    assert late.value.reason is UpstreamReason.TIMEOUT


def test_a_good_pdf_is_the_invoice(sandbox: SandboxServer, wispro: WisproClient) -> None:
    """The PDF opens, says what it is for, and stays within exactly its size."""
    from pypdf import PdfReader

    invoice_id = sandbox.state.invoices[5].id
    pdf = wispro.invoice_pdf(invoice_id, max_bytes=100_000)
    import io

    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Factura Nº 23185" in text
    assert "$ 2.590,00" in text
    assert "27/11/2021" in text
    assert wispro.invoice_pdf(invoice_id, max_bytes=len(pdf)) == pdf
    with pytest.raises(WisproError):
        wispro.invoice_pdf(invoice_id, max_bytes=len(pdf) - 1)
