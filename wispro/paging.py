"""Paged reads that know whether they are complete.

Wispro's pages are offsets into a list that lives on: a record that is paid or voided while we read
shifts every later row to the left, one that is reopened shifts them to the right. So a list of more
than one page is read from its last page back to its first:

* rows that shift left move to pages which are still to be read: nothing is lost;
* rows that are appended shift nothing: they are fetched from the new tail at the end;
* rows that shift right can be lost, and then the distinct ids no longer reach `total_records`.

A pass counts as complete if the totals moved in one direction only and the distinct ids reach the
last of them; else the whole list is read again, at most `Limits.extra_passes` times. What this
cannot see: a row inserted before the present page and another removed behind it, between the same
two requests. So nothing is ever concluded from absence alone.

`read_all` keeps small lists whole, `Sweep` hands a long one on page by page.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from billing.values import Listing, Page, SweepPage
from wispro.errors import UnexpectedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from wispro.limits import Limits
    from wispro.wire import Row, WirePage

T = TypeVar("T")
P = TypeVar("P")


@dataclass(slots=True)
class _Pass(Generic[T]):
    """What one walk over the list saw."""

    rows: dict[str, Row[T]] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)

    def take(self, page: WirePage[T]) -> None:
        self.rows.update({row.key: row for row in page.rows})
        self.totals.append(page.total_records)

    @property
    def whole(self) -> bool:
        """Whether the distinct records reach the total, on totals that do not contradict it."""
        steps = list(zip(self.totals, self.totals[1:], strict=False))
        shrank = any(later < earlier for earlier, later in steps)
        grew = any(later > earlier for earlier, later in steps)
        if shrank and grew:
            return False
        return self.totals[-1] <= len(self.rows) <= max(self.totals)


def read_all(
    fetch: Callable[[int], WirePage[T]], *, keep: Callable[[T], bool], what: str, limits: Limits
) -> Listing[T]:
    """Read a whole list and say honestly whether it is complete.

    Args:
        fetch: returns the page of a 1-based number.
        keep: the filter that was sent, applied again; records that fail it are only counted.
        what: the resource, for messages.
        limits: how much may be read.

    Returns:
        The records of the last pass, if it was whole; else all that any pass saw, and why that is
        not known to be everything. Records that were set aside count as seen.

    Raises:
        WisproError: if any page fails. A failed page is never an empty one.
    """
    seen: dict[str, Row[T]] = {}
    why, total = "", 0
    for _ in range(1 + limits.extra_passes):
        walk: _Pass[T] = _Pass()
        first = fetch(1)
        _check_size(first, what, limits)
        if first.total_pages > limits.unfiltered_pages and _foreign(first.rows, keep):
            walk.take(first)
            seen, total = walk.rows, first.total_records
            why = f"Wispro ignored the filter, and all {what} are too many to sift"
            break
        _walk(walk, fetch, first, what, limits)
        total = walk.totals[-1]
        if walk.whole:
            return _listing(walk.rows, keep, total, None)
        seen.update(walk.rows)
        why = f"{len(walk.rows)} distinct {what} were seen where Wispro counts {total}"
    return _listing(seen, keep, total, why)


def _walk(
    walk: _Pass[T],
    fetch: Callable[[int], WirePage[T]],
    first: WirePage[T],
    what: str,
    limits: Limits,
) -> None:
    """Take the only page, or all pages from the last to the first and then what was appended."""
    if first.total_pages <= 1:
        walk.take(first)
        return
    walk.totals.append(first.total_records)
    page = first
    for number in range(first.total_pages, 0, -1):
        page = fetch(number)
        walk.take(page)
    if page.total_records > first.total_records:
        _check_size(page, what, limits)
        for number in range(first.total_pages, page.total_pages + 1):
            walk.take(fetch(number))


class Sweep(Generic[T]):
    """Reads a list from its last page to its first; implements `billing.ports.Sweep`.

    Each page is yielded as it arrives. Where the total grew between two pages, rows may have moved
    to the right, onto a page that was read before: that page and the new tail are read again at the
    end. A page with fewer rows than its place promises is asked for once more.

    Args:
        fetch: returns the page of a 1-based number.
        clock: stamps each request.
        what: the resource, for messages.
        limits: how much may be read.
        start: the page at which the list is thought to end; None = ask page 1.
        resume: begin at `start` even if the list goes on behind it.
    """

    def __init__(
        self,
        fetch: Callable[[int], WirePage[T]],
        *,
        clock: Callable[[], datetime],
        what: str,
        limits: Limits,
        start: int | None = None,
        resume: bool = False,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._what = what
        self._limits = limits
        self._start = start
        self._resume = resume
        self._total = 0
        self._most = 0
        self._trouble: str | None = None

    def __iter__(self) -> Iterator[SweepPage[T]]:
        """Yield the pages, the next one being fetched meanwhile."""
        pages = self._walk()
        return _ahead(pages) if self._limits.read_ahead else pages

    def lazily(self) -> Iterator[SweepPage[T]]:
        """Yield the pages, asking for each only when it is wanted: for who stops early."""
        return self._walk()

    def why_incomplete(self, distinct: int) -> str | None:
        """Say why that many distinct records are not known to be all of them."""
        if self._trouble is not None:
            return self._trouble
        if distinct < self._total:
            return f"{distinct} distinct {self._what} were seen where Wispro counts {self._total}"
        return None

    def _walk(self) -> Iterator[SweepPage[T]]:
        page = self._ask(self._start or 1)
        last = max(page.total_pages, 1)
        if page.number != last and (not self._resume or page.number > last):
            page = self._ask(last)
        suspects: set[int] = set()
        seen_total = page.total_records
        top = page.number
        yield page
        for number in range(top - 1, 0, -1):
            page = self._ask(number)
            if page.total_records > seen_total:
                suspects.add(number + 1)
            seen_total = page.total_records
            yield page
        if self._resume:
            return
        left = self._limits.rereads
        while suspects or page.total_pages > top:
            numbers = sorted(suspects | set(range(top, page.total_pages + 1)), reverse=True)
            suspects = set()
            top = max(top, page.total_pages)
            for number in numbers:
                if left == 0:
                    self._trouble = f"the list of {self._what} kept changing while it was read"
                    return
                left -= 1
                page = self._ask(number)
                if page.total_records > seen_total:
                    suspects.add(min(number + 1, page.total_pages))
                seen_total = page.total_records
                yield page

    def _ask(self, number: int) -> SweepPage[T]:
        """Read one page, once more if it is short."""
        for _ in range(2):
            asked_at = self._clock()
            page = self._fetch(number)
            _check_size(page, self._what, self._limits)
            pages, promised = _promised(page, number, self._limits)
            if len(page.rows) >= promised:
                break
        short = len(page.rows) < promised
        if short:
            self._trouble = f"a page of {self._what} came with records missing"
        self._total = page.total_records
        return SweepPage(
            sightings=page.rows,
            number=number,
            total_pages=pages,
            total_records=page.total_records,
            asked_at=asked_at,
            short=short,
        )


def _promised(page: WirePage[T], number: int, limits: Limits) -> tuple[int, int]:
    """Return how many pages there must be, and how many records this one.

    The total counts, not the number of pages: that one has been seen to be too small.
    """
    size = page.per_page or max(len(page.rows), 1)
    if page.per_page is None and page.total_pages > 1:
        size = max(len(page.rows), -(-page.total_records // page.total_pages))
    size = min(size, max(limits.page_size, len(page.rows)))
    pages = max(-(-page.total_records // size), page.total_pages)
    return pages, max(min(size, page.total_records - (number - 1) * size), 0)


def _ahead(pages: Iterator[P]) -> Iterator[P]:
    """Yield what `pages` yields; the next one is under way while this one is used."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        coming = pool.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = pool.submit(next, pages, None)
            yield page
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def each_page(
    fetch: Callable[[int], WirePage[T]], *, what: str, limits: Limits
) -> Iterator[Page[T]]:
    """Yield the pages of an unfiltered list in order, as they are read; nothing is read twice.

    Raises:
        WisproError: if any page fails.
    """
    number, last = 0, 1
    while number < last:
        number += 1
        page = fetch(number)
        _check_size(page, what, limits)
        last = page.total_pages
        yield Page(
            records=tuple(row.record for row in page.rows if row.record is not None),
            set_aside=tuple(row.set_aside for row in page.rows if row.set_aside is not None),
            foreign=0,
            number=number,
            total_pages=page.total_pages,
            total_records=page.total_records,
        )


def _check_size(page: WirePage[T], what: str, limits: Limits) -> None:
    if page.total_pages > limits.max_pages:
        raise UnexpectedResponse(
            f"Wispro counts {page.total_pages} pages of {what}; "
            f"more than {limits.max_pages} are not believed."
        )


def _foreign(rows: Sequence[Row[T]], keep: Callable[[T], bool]) -> bool:
    return any(row.record is not None and not keep(row.record) for row in rows)


def _listing(
    rows: dict[str, Row[T]], keep: Callable[[T], bool], total: int, why: str | None
) -> Listing[T]:
    records = [row.record for row in rows.values() if row.record is not None]
    kept = tuple(record for record in records if keep(record))
    return Listing(
        records=kept,
        set_aside=tuple(row.set_aside for row in rows.values() if row.set_aside is not None),
        foreign=len(records) - len(kept),
        total_records=total,
        complete=why is None,
        why_incomplete=why,
    )
