"""How one ISP's Wispro behaves where the documentation leaves it open: asked, not assumed.

A filter is asked for a value that nothing can have: if records come back, it is ignored. An ignored
filter and an honoured one look alike on an empty list, so then nothing is concluded. A dozen small
requests, read-only; the values that are sent say what they are for, should somebody see them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from billing.values import Habits, InvoiceState
from wispro import records
from wispro.errors import NotFound, Refused, ServerError, TimedOut, UnexpectedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msgspec import Raw

    from billing.values import InvoiceFacts
    from wispro.wire import WirePage

T = TypeVar("T")

#: More than Wispro is known to give: what comes is what it gives at most.
MOST_PER_PAGE = 500
#: What every known installation gives; believed where nothing shows another number.
USUAL_PER_PAGE = 100
#: As a value of any field: no name, number, state or document looks like it.
IMPOSSIBLE = "alerta-probe-no-such-value"
UNKNOWN_FILTER = "alerta_probe_eq"
#: Nothing was created after it. A bare date would be refused.
FAR_FUTURE = "2199-01-01T00:00:00-03:00"

_INVOICES = "/invoicing/invoices"
_CONTRACTS = "/contracts"
_CLIENTS = "/clients"
_PAYMENTS = "/invoicing/payments"


class Ask(Protocol):
    """Asks for one page of the list at a path; each record is read by `read`."""

    def __call__(
        self, path: str, query: Mapping[str, str | int], read: Callable[[Raw], T]
    ) -> WirePage[T]:
        """Return the page. Raises `WisproError`."""
        ...


@dataclass(slots=True)
class _Probe:
    """The requests, and what they showed of the size of a page."""

    ask: Ask
    shown: list[int] = field(default_factory=list)
    said: list[int] = field(default_factory=list)

    def total(self, path: str, filters: Mapping[str, str] | None = None) -> int | None:
        """Return how many records a list counts; None if it refuses to say."""
        try:
            return self.ask(path, {**(filters or {}), "per_page": 1}, _nothing).total_records
        except (Refused, NotFound):
            return None

    def honoured(self, path: str, name: str, value: str, *, of: int) -> bool | None:
        """Whether a filter that fits nothing gives nothing, of a list that holds something."""
        if not of:
            return None
        found = self.total(path, {name: value})
        return None if found is None else found == 0

    def invoices(self, query: Mapping[str, str | int], per_page: int) -> WirePage[InvoiceFacts]:
        """Return a large page of invoices, and note how large it is."""
        page = self.ask(_INVOICES, {**query, "per_page": per_page}, records.invoice)
        if page.rows and page.total_pages > 1 and query["page"] == 1:
            self.shown.append(len(page.rows))
        if page.per_page:
            self.said.append(page.per_page)
        return page

    @property
    def page_size(self) -> int:
        """The size that was seen; else what Wispro said, as far as that is usual."""
        if self.shown:
            return min(self.shown)
        return min([USUAL_PER_PAGE, *self.said])


def probe(ask: Ask) -> Habits:
    """Ask one ISP's Wispro about itself.

    Args:
        ask: makes one request.

    Raises:
        WisproError: if a list cannot be read at all.
    """
    probing = _Probe(ask)
    per_page = MOST_PER_PAGE
    try:
        first = probing.invoices({"page": 1}, per_page)
    except (Refused, ServerError, TimedOut, UnexpectedResponse):  # so much at once is too much
        per_page = USUAL_PER_PAGE
        first = probing.invoices({"page": 1}, per_page)
    last = first
    if first.total_pages > 1:
        last = probing.invoices({"page": first.total_pages}, per_page)
    invoices = first.total_records
    unknown = probing.honoured(_INVOICES, UNKNOWN_FILTER, IMPOSSIBLE, of=invoices)
    state, pending = _pending(probing, per_page, (*_facts(first), *_facts(last)), invoices)
    contracts = probing.total(_CONTRACTS) or 0
    payments_after = probing.honoured(_PAYMENTS, "created_at_after", FAR_FUTURE, of=1)
    if payments_after and not probing.total(_PAYMENTS):
        payments_after = None  # nothing is found where there is nothing
    return Habits(
        unknown_filter_ignored=None if unknown is None else not unknown,
        invoice_state_filter=state,
        contract_state_filter=probing.honoured(_CONTRACTS, "state_eq", IMPOSSIBLE, of=contracts),
        national_id_filter=probing.honoured(
            _INVOICES, "client_national_identification_number_eq", IMPOSSIBLE, of=invoices
        ),
        custom_id_filter=probing.honoured(
            _INVOICES, "client_custom_id_eq", IMPOSSIBLE, of=invoices
        ),
        payments_after_filter=payments_after,
        page_size=probing.page_size,
        oldest_first=_oldest_first(_facts(first), _facts(last)),
        invoices=invoices,
        pending=pending,
        contracts=contracts,
        clients=probing.total(_CLIENTS) or 0,
    )


def _pending(
    probing: _Probe, per_page: int, seen: tuple[InvoiceFacts, ...], invoices: int
) -> tuple[bool | None, int]:
    """Return whether invoices can be asked for by state, and how many come as pending ones.

    A server that gives nothing for any state passes the first test: so a pending invoice that was
    seen without the filter must not be missing with it.
    """
    honoured = probing.honoured(_INVOICES, "state_eq", IMPOSSIBLE, of=invoices)
    try:
        page = probing.invoices({"page": 1, "state_eq": InvoiceState.PENDING.value}, per_page)
    except (Refused, NotFound):
        return (False if invoices else None), invoices
    given = _facts(page)
    others = any(invoice.state is not InvoiceState.PENDING for invoice in given)
    missing = not page.total_records and any(i.state is InvoiceState.PENDING for i in seen)
    if others or missing:
        return False, page.total_records or invoices
    if honoured is None and 0 < page.total_records < invoices:
        honoured = True  # an unknown state was refused, and the known one was understood
    return honoured, page.total_records


def _oldest_first(first: tuple[InvoiceFacts, ...], last: tuple[InvoiceFacts, ...]) -> bool | None:
    """Compare the ends of the list; None where they say nothing."""
    begin = next((i.created_at for i in first if i.created_at is not None), None)
    end = next((i.created_at for i in reversed(last) if i.created_at is not None), None)
    if begin is None or end is None or begin == end:
        return None
    return begin < end


def _facts(page: WirePage[InvoiceFacts]) -> tuple[InvoiceFacts, ...]:
    return tuple(row.record for row in page.rows if row.record is not None)


def _nothing(raw: Raw) -> None:
    """Read nothing of a record: it was only to be counted."""
    del raw
