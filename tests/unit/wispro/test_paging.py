"""Complete paged reads over a list that changes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Raw

from billing.values import Listing, SetAside
from wispro.errors import ServerError, UnexpectedResponse
from wispro.limits import Limits
from wispro.paging import each_page, read_all
from wispro.wire import Row, WirePage

Before = Callable[["Shelf", int], None]


def row_of(name: str) -> Row[str]:
    """Return a record that says its name."""
    return Row(name, 0, Raw(), lambda _: name)


class Shelf:
    """A list of names behind pages of three; `before` may change it ahead of each read."""

    def __init__(self, names: list[str], before: Before = lambda _shelf, _read: None) -> None:
        self.names = names
        self.before = before
        self.asked: list[int] = []

    def page(self, number: int) -> WirePage[str]:
        """Give a page, after what happens before it."""
        self.asked.append(number)
        self.before(self, len(self.asked))
        names = self.names[(number - 1) * 3 : number * 3]
        return WirePage(
            rows=tuple(row_of(name) for name in names),
            total_records=len(self.names),
            total_pages=-(-len(self.names) // 3),
        )


def read(shelf: Shelf, **limits: Any) -> Listing[str]:
    """Read everything that is not somebody else's."""
    return read_all(
        shelf.page,
        keep=lambda name: not name.startswith("foreign"),
        what="invoices",
        limits=Limits(**limits),
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 30])
def test_a_quiet_list_is_read_whole(count: int) -> None:
    """Any size, from nothing at all, comes back whole and is known to be."""
    names = [f"n{place}" for place in range(count)]
    listing = read(Shelf(names))
    assert sorted(listing.records) == sorted(names)
    assert (listing.complete, listing.why_incomplete) == (True, None)
    assert listing.total_records == count


def test_one_page_costs_one_request() -> None:
    """A list that fits on a page cannot shift, so it is asked for once."""
    shelf = Shelf(["a", "b"])
    read(shelf)
    assert shelf.asked == [1]


def test_more_pages_are_read_backwards_and_the_first_again() -> None:
    """Going backwards loses nothing to rows that shift left."""
    shelf = Shelf([f"n{place}" for place in range(8)])
    read(shelf)
    assert shelf.asked == [1, 3, 2, 1]


@pytest.mark.parametrize("at_read", [1, 2, 3, 4])
@pytest.mark.parametrize("victim", [0, 4, 7])
def test_a_record_that_goes_takes_no_other_along(at_read: int, victim: int) -> None:
    """Wherever and whenever a row vanishes, every row that stays is in the listing."""
    names = [f"n{place}" for place in range(8)]

    def before(shelf: Shelf, reads: int) -> None:
        if reads == at_read:
            shelf.names = [name for name in names if name != f"n{victim}"]

    listing = read(Shelf(list(names), before))
    assert listing.complete
    assert set(names) - {f"n{victim}"} <= set(listing.records) <= set(names)


@pytest.mark.parametrize("at_read", [1, 2, 3, 4])
@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_record_that_comes_pushes_no_other_out(at_read: int, place: int) -> None:
    """Wherever and whenever a row appears, every row is in a listing that calls itself complete."""
    names = [f"n{number}" for number in range(8)]

    def before(shelf: Shelf, reads: int) -> None:
        if reads == at_read:
            shelf.names = [*names[:place], "new", *names[place:]]

    listing = read(Shelf(list(names), before))
    assert listing.complete
    assert {*names, "new"} == set(listing.records)


def test_a_record_that_is_appended_costs_the_new_tail_only() -> None:
    """The newest invoice of a long list does not make us read it all again."""

    def before(shelf: Shelf, reads: int) -> None:
        if reads == 3:
            shelf.names = [f"n{place}" for place in range(10)]

    shelf = Shelf([f"n{place}" for place in range(9)], before)
    assert read(shelf).complete
    assert shelf.asked == [1, 3, 2, 1, 3, 4]


def test_what_left_during_the_last_reading_is_not_kept_from_an_earlier_one() -> None:
    """After a new pass only that pass counts: a paid invoice of the first one is not pending."""

    def before(shelf: Shelf, reads: int) -> None:
        if reads == 2:
            shelf.names = ["new", *shelf.names]
        if reads == 3:
            shelf.names = [name for name in shelf.names if name != "n7"]

    shelf = Shelf([f"n{place}" for place in range(8)], before)
    listing = read(shelf)
    assert listing.complete
    assert "n7" not in listing.records
    assert len(listing.records) == 8


def test_a_list_that_never_rests_is_not_called_complete() -> None:
    """Rows that come and go in every pass leave an honest, bounded, incomplete listing."""

    def before(shelf: Shelf, reads: int) -> None:
        grown = [f"new{reads}", *shelf.names]
        shelf.names = grown if reads % 2 else grown[:-2]

    shelf = Shelf([f"n{place}" for place in range(8)], before)
    listing = read(shelf)
    assert not listing.complete
    assert listing.why_incomplete
    assert len(shelf.asked) <= 3 * 6


def test_a_short_list_is_read_again_and_then_called_incomplete() -> None:
    """Fewer distinct ids than Wispro counts are never the whole list."""
    asked: list[int] = []

    def page(number: int) -> WirePage[str]:
        asked.append(number)
        return WirePage(rows=(row_of("a"),), total_records=2, total_pages=1)

    listing = read_all(page, keep=lambda _: True, what="invoices", limits=Limits())
    assert asked == [1, 1, 1]
    assert listing.records == ("a",)
    assert listing.why_incomplete == "1 distinct invoices were seen where Wispro counts 2"


def test_more_records_than_wispro_counts_prove_nothing() -> None:
    """A count that is too small may also mean too few pages."""

    def page(number: int) -> WirePage[str]:
        rows = (row_of("a"), row_of("b"))
        return WirePage(rows=rows, total_records=1, total_pages=1)

    assert not read_all(page, keep=lambda _: True, what="invoices", limits=Limits()).complete


def test_foreign_records_are_counted_and_dropped() -> None:
    """What fails the filter belongs to somebody else; completeness counts it all the same."""
    listing = read(Shelf(["a", "foreign1", "b", "foreign2"]))
    assert sorted(listing.records) == ["a", "b"]
    assert (listing.foreign, listing.complete) == (2, True)


def test_an_ignored_filter_on_a_huge_list_is_given_up_early() -> None:
    """One customer's question does not read every invoice of the ISP."""
    shelf = Shelf(["a", *(f"foreign{place}" for place in range(30))])
    listing = read(shelf, unfiltered_pages=5)
    assert shelf.asked == [1]
    assert listing.records == ("a",)
    assert not listing.complete
    assert "ignored the filter" in (listing.why_incomplete or "")


def test_records_that_were_set_aside_count_as_seen() -> None:
    """An unreadable record is known by name, and the list is complete with it."""
    aside = SetAside(resource="invoices", record_id="x", why="cannot be read: amount")
    rows: tuple[Row[str], ...] = (Row("x", 0, Raw(), lambda _: aside), row_of("a"))
    page = WirePage(rows=rows, total_records=2, total_pages=1)
    listing = read_all(lambda _: page, keep=lambda _: True, what="invoices", limits=Limits())
    assert listing.complete
    assert listing.set_aside == (aside,)


def test_an_impossible_number_of_pages_is_refused_at_once() -> None:
    """A server that counts a billion pages is not followed."""
    with pytest.raises(UnexpectedResponse, match="not believed"):
        read(Shelf([f"n{place}" for place in range(30)]), max_pages=9)
    assert read(Shelf([f"n{place}" for place in range(30)]), max_pages=10).complete


@pytest.mark.parametrize("at_read", [1, 2, 3, 4])
def test_an_error_on_any_page_is_an_error(at_read: int) -> None:
    """A failed page is never an empty one."""

    def before(_shelf: Shelf, reads: int) -> None:
        if reads == at_read:
            raise ServerError("no")

    with pytest.raises(ServerError):
        read(Shelf([f"n{place}" for place in range(8)], before))


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (3, 1), (4, 2), (8, 3)])
def test_pages_come_in_order_as_they_are_read(count: int, pages: int) -> None:
    """An unfiltered list is given page by page, without reading ahead."""
    shelf = Shelf([f"n{place}" for place in range(count)])
    walk = each_page(shelf.page, what="clients", limits=Limits())
    first = next(walk)
    assert shelf.asked == [1]
    rest = list(walk)
    assert [first.number, *(page.number for page in rest)] == list(range(1, pages + 1))
    assert sum(len(page.records) for page in [first, *rest]) == count
