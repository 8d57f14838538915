"""A look at one customer while everything is read: the younger answer counts, for what it tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from billing.strategy import Strategy
from models.alert import Alert
from models.invoice import Invoice
from tests.support.looks import Mortal, Village

ANA, SOL = 0, 3
#: Before the last page of everything is read, which shows the oldest.
LATE = (1, r"^/invoicing/invoices[?].*\bpage=1&")


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Mortal]:
    """One file for all tests; each begins without a row."""
    opened = Mortal(shared_url)
    yield opened
    opened.close()


@pytest.fixture
def there(database: Mortal) -> Iterator[Village]:
    """Ana has old invoices; Sol, who has no id at all, was looked at and has none."""
    one = Village(database, {ANA, SOL}, {SOL}, per_page=2, probed=True)
    for _ in range(4):
        one.happen("issue", (0, 10, None, "pending", ""))
    one.look(Strategy.FULL)
    yield one
    one.close()


@pytest.mark.parametrize("state", ["draft", "paid", "void"])
def test_what_one_customer_s_look_cannot_show_is_kept(there: Village, state: str) -> None:
    """Of who has no id, a look of their own shows open invoices only."""
    there.happen("issue", (1, 10, None, state, ""))
    there.look(Strategy.FULL, "", None, (*LATE, "look_by_hand", (1,)))

    with there.database.read() as session:
        assert session.scalars(select(Invoice.state)).all() == [state]


def test_what_is_open_no_more_is_not_announced(there: Village) -> None:
    """The list said that it was open; the younger look did not show it any more."""
    there.happen("issue", (1, 10, None, "pending", ""))
    there.look(Strategy.FULL, "", None, (*LATE, "meanwhile", ("void", (0,), 1)))

    with there.database.read() as session:
        assert session.scalars(select(Alert.kind)).all() == []


def test_what_is_still_open_is_not_thanked_for(there: Village) -> None:
    """The list said that it was paid; that was taken back before the younger look."""
    there.happen("issue", (1, 10, None, "pending", ""))
    there.look(Strategy.FULL)
    there.happen("pay", (0, None))
    there.look(Strategy.FULL, "", None, (*LATE, "meanwhile", ("void_payment", (0,), 1)))

    with there.database.read() as session:
        assert session.scalars(select(Alert.kind)).all() == ["issued"]
