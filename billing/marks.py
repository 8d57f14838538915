"""Where we stand in Wispro's lists: how each ended at the last look, and slow reads under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import ceil
from typing import Any, TypeVar

from sqlalchemy import select

from billing.desk import Desk
from billing.ports import Sweep
from billing.seen import Seen
from billing.values import SweepPage
from models.database import Insert, inserts
from models.listing import ListingMark

T = TypeVar("T")

#: Ids by which the end of a list is found again: a page of them.
_NEWEST = 100
#: Seconds between two notes of where a slow read stands: what a crash may cost.
_KEEP_EVERY = 5.0
_NAMES = tuple(column.name for column in ListingMark.__table__.columns)
#: More new pages than this in one look, and the list is read whole instead.
MOST_TAIL_PAGES = 50


@dataclass(frozen=True, slots=True)
class CrawlEnd:
    """How a slow read of a whole list ended: `trouble` says why it proves nothing, if so."""

    began: datetime
    seen: Seen
    trouble: str | None


def read_mark(desk: Desk, listing: str) -> ListingMark:
    """This function will return where we stand in a list, detached; an empty one at first.

    They are read once in a run: nobody else writes them under its lease.
    """
    if desk.marks is None:
        with desk.database.read() as session:
            marks = session.scalars(select(ListingMark).where(ListingMark.isp_id == desk.isp_id))
            desk.marks = {mark.listing: _columns(mark) for mark in marks}
    empty = {"total": 0, "newest": [], "crawl_total": 0, "crawl_foreign": 0}
    known = desk.marks.get(listing, empty)
    return ListingMark(**{**known, "isp_id": desk.isp_id, "listing": listing})


def write_mark(desk: Desk, mark: ListingMark) -> None:
    """This function will keep where we stand."""
    columns = _columns(mark)
    with desk.database.write() as session:
        desk.must_hold(session)
        session.connection().execute(_upsert(session.get_bind().dialect.name), columns)
    if desk.marks is not None:
        desk.marks[mark.listing] = columns


@cache
def _upsert(dialect: str) -> Insert:
    """Write the statement once: building it took longer than running it."""
    statement = inserts(dialect)(ListingMark.__table__)
    new = {name: statement.excluded[name] for name in _NAMES}
    return statement.on_conflict_do_update(index_elements=["isp_id", "listing"], set_=new)


def _columns(mark: ListingMark) -> dict[str, Any]:
    return {name: getattr(mark, name) for name in _NAMES}


def start_over(desk: Desk, listing: str) -> None:
    """This function will forget how far the slow read of a list got."""
    mark = read_mark(desk, listing)
    mark.crawl_page = mark.crawl_seen = mark.crawl_started_at = mark.crawl_trouble = None
    mark.crawl_foreign = 0
    write_mark(desk, mark)


def last_page(mark: ListingMark, page_size: int) -> int | None:
    """This function will guess where a list ends, so that its first page need not be asked."""
    return max(ceil(mark.total / page_size), 1) if mark.total else None


def read_tail(
    desk: Desk,
    listing: str,
    sweep: Callable[[int | None], Sweep[T]],
    take: Callable[[SweepPage[T]], object],
) -> bool:
    """This function will read what is new at the end of a list that is sorted oldest first.

    Args:
        desk: of the run.
        listing: its name.
        sweep: opens the list at a page.
        take: what to do with each page.

    Returns:
        Whether the end of the last look was reached; if not, the list is to be read whole.
    """
    mark = read_mark(desk, listing)
    known = frozenset(mark.newest)
    newest: list[str] = []
    total = mark.total
    reached = False
    pages = sweep(last_page(mark, desk.habits.page_size))
    for count, page in enumerate(desk.turn(pages.lazily(), f"new {listing}"), 1):
        take(page)
        keys = [one.key for one in page.sightings]
        if len(newest) < _NEWEST:
            newest += reversed(keys)
        if count == 1:
            total = page.total_records
        if known.intersection(keys) or page.number == 1:
            reached = True
            break
        if count >= MOST_TAIL_PAGES:
            break
    mark.total = total
    mark.newest = newest[:_NEWEST] or mark.newest
    write_mark(desk, mark)
    return reached


def crawl(
    desk: Desk,
    listing: str,
    sweep: Callable[[int | None, bool], Sweep[T]],
    take: Callable[[SweepPage[T], Seen], object],
    *,
    most_pages: int | None,
    settled: Callable[[], bool] = lambda: True,
) -> CrawlEnd | None:
    """This function will read on in a whole list, from its end to its beginning.

    It goes on where an earlier run stopped, or a few pages before the one at which it died. What is
    not certain yet is lost with a run that breaks off: then its pages are read again.

    Args:
        desk: of the run.
        listing: its name.
        sweep: opens the list at a page, and says whether to go on from there.
        take: what to do with each page.
        most_pages: of this run; None = all.
        settled: whether everything that was met so far can do without the end of this run.

    Returns:
        How it ended, or None if pages are left.
    """
    mark = read_mark(desk, listing)
    resumed = mark.crawl_page is not None and mark.crawl_started_at is not None
    began = mark.crawl_started_at if resumed and mark.crawl_started_at else desk.clock()
    seen = Seen(mark.crawl_seen, mark.crawl_foreign) if resumed else Seen()
    if not resumed:
        mark.crawl_started_at = began
        mark.crawl_trouble = None
    start = mark.crawl_page if resumed else last_page(mark, desk.habits.page_size)
    pages = sweep(start, resumed)
    kept_at = desk.clock()
    number = 0
    wanted = pages if most_pages is None else pages.lazily()
    for count, page in enumerate(desk.turn(wanted, f"all {listing}"), 1):
        if not resumed and count == 1:
            mark.crawl_total = page.total_records
            mark.total = page.total_records
            mark.newest = [one.key for one in reversed(page.sightings)][:_NEWEST]
        take(page, seen)
        if page.short:
            mark.crawl_trouble = f"page {page.number} came with records missing"
        number = page.number
        late = most_pages is not None and count >= most_pages
        if number > 1 and (late or desk.out_of_time):
            _stand_at(mark, seen, number - 1)
            if settled():
                write_mark(desk, mark)
            else:
                desk.unkept.append(mark)
            return None
        if (desk.clock() - kept_at).total_seconds() >= _KEEP_EVERY and settled():
            kept_at = desk.clock()
            _stand_at(mark, seen, max(number - 1, 1))
            write_mark(desk, mark)
    trouble = mark.crawl_trouble
    if trouble is None and not resumed:
        trouble = pages.why_incomplete(seen.distinct)
    mark.crawl_page = mark.crawl_seen = mark.crawl_started_at = mark.crawl_trouble = None
    mark.crawl_foreign = 0
    if trouble is None:
        mark.crawled_at = began
    write_mark(desk, mark)
    return CrawlEnd(began, seen, trouble)


def keep_marks(desk: Desk) -> None:
    """This function will keep where slow reads stand, once what they found is laid down."""
    while desk.unkept:
        write_mark(desk, desk.unkept.pop())


def _stand_at(mark: ListingMark, seen: Seen, next_page: int) -> None:
    mark.crawl_page = next_page
    mark.crawl_seen = seen.dump()
    mark.crawl_foreign = seen.foreign
