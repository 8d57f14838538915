"""A silent first look ends when everything of it is kept; else old debts are announced one day."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from billing.strategy import Strategy
from billing.values import SyncOutcome
from models.account import Account
from models.alert import Alert
from models.invoice import Invoice
from models.listing import ListingMark
from tests.support.looks import Mortal, Village

ANA, LEO, SOL = 0, 2, 3
#: Seconds of one part: a few requests.
PART = 4


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Mortal]:
    """One file for all tests; each begins without a row."""
    opened = Mortal(shared_url)
    yield opened
    opened.close()


@pytest.fixture
def there(database: Mortal) -> Iterator[Village]:
    """Leo, whose invoices show no national id, owes one on each page; nobody was looked at.

    The contracts fill so many pages that one part does not read them: whose an invoice is must be
    asked for.
    """
    one = Village(database, {ANA, LEO, SOL}, {LEO}, per_page=2, probed=True)
    for who in (0, 1, 0, 1, 0, 1):
        one.happen("issue", (who, 10, None, "pending", ""))
    yield one
    one.close()


def read_until(there: Village, done: Callable[[ListingMark], bool]) -> None:
    """Read on in parts until the list of invoices stands where it should."""
    for _ in range(20):
        there.look(Strategy.FULL, "", PART)
        with there.database.read() as session:
            query = select(ListingMark).where(ListingMark.listing == "invoices")
            mark = session.scalars(query).first()
        if mark is not None and done(mark):
            return
    pytest.fail("it never got there")


def read_to_the_end(there: Village) -> list[str]:
    """Mend Wispro, look until all is read, and return what was announced."""
    there.mend()
    for _ in range(20):
        report = there.look(Strategy.FULL)
        if report is not None and report.outcome is SyncOutcome.OK and not report.more:
            break
    with there.database.read() as session:
        assert session.scalars(select(Account)).all()[0].baseline_at is not None
        return [alert.kind for alert in session.scalars(select(Alert))]


def test_what_breaks_off_behind_the_last_page_ends_no_first_look(there: Village) -> None:
    """The last part met an invoice that was not certain yet, and then could not settle it."""
    read_until(there, lambda mark: mark.crawl_page == 1)
    there.happen("break_page", ("http_500", "state_eq=pending", None, None))
    there.happen("break_page", ("bare_list", "^/invoicing/invoices$", 3, None))
    read_until(there, lambda mark: mark.crawl_page is None)

    assert read_to_the_end(there) == []


@pytest.mark.parametrize("page", [1, 2])
def test_a_part_that_cannot_say_whose_its_invoices_are_is_read_again(
    there: Village, page: int
) -> None:
    """Where a read stands is not kept without what it found."""
    read_until(there, lambda mark: mark.crawl_page == page)
    there.happen("break_page", ("http_500", "^/contracts/", None, None))
    for _ in range(4):
        there.look(Strategy.FULL, "", PART)

    assert read_to_the_end(there) == []


@pytest.mark.parametrize("writes", range(4, 20, 2))
def test_a_part_whose_process_dies_is_read_again(there: Village, writes: int) -> None:
    """What is closed is history too: should it be opened again one day, it is no news."""
    for who in (0, 1) * 6:
        there.happen("issue", (who, 10, None, "paid", ""))
    there.look(Strategy.FULL, "", PART)
    there.look(Strategy.FULL, "", None, (writes, "", "die_writing", ()))

    assert read_to_the_end(there) == []
    there.look(Strategy.FULL, "full")
    with there.database.read() as session:
        rows = session.scalars(select(Invoice)).all()
    assert [row.baseline for row in rows] == [True] * 9
