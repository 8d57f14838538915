"""An invoice goes where its contract goes, on whatever way we learn of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select

from billing.strategy import Strategy
from models.account import Account, Contract
from models.invoice import Invoice
from tests.support.looks import Mortal, Village

ANA, EVA, ZOE = 0, 1, 6


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Mortal]:
    """One file for all tests; each begins without a row."""
    opened = Mortal(shared_url)
    yield opened
    opened.close()


@pytest.fixture
def village(database: Mortal) -> Iterator[Callable[..., Village]]:
    """Build villages of Ana, Eva and Zoe, with a pending, a draft and a paid invoice of Eva's."""
    built: list[Village] = []

    def build(*paired: int) -> Village:
        one = Village(database, {ANA, EVA}, paired, per_page=2, probed=True)
        built.append(one)
        for state in ("pending", "draft", "paid"):
            one.happen("issue", (1, 5, None, state, ""))
        return one

    yield build
    for one in built:
        one.close()


def holders(database: Mortal) -> set[str]:
    """Return the names of the accounts that hold an invoice which did not vanish."""
    with database.read() as session:
        query = select(Account.name).join(Invoice, Invoice.account_id == Account.id)
        return set(session.scalars(query.where(Invoice.vanished_at.is_(None))))


@pytest.mark.parametrize("first", Strategy)
def test_what_went_to_a_stranger_is_not_brought_back_by_the_list(
    database: Mortal, village: Callable[..., Village], first: Strategy
) -> None:
    """The list still holds the invoice, but nobody whom we know owns it any more."""
    there = village(ANA, EVA)
    there.look(first)
    assert holders(database) == {"Eva"}

    there.happen("hand_over", (1, 2))
    there.look(Strategy.FULL)
    there.look(Strategy.FULL)

    assert holders(database) == set()


@pytest.mark.parametrize("state", ["pending", "draft", "paid"])
def test_what_the_new_holder_is_asked_for_takes_every_invoice_along(
    database: Mortal, village: Callable[..., Village], state: str
) -> None:
    """A customer without any id shows their contracts, but of their invoices only open ones."""
    there = village(EVA, ZOE)
    there.look(Strategy.ACCOUNTS)
    there.happen("hand_over", (1, 2))
    there.happen("correct", (2, None))
    there.look(Strategy.ACCOUNTS)

    with database.read() as session:
        query = select(Account.name).join(Invoice, Invoice.account_id == Account.id)
        names = session.scalars(query.where(Invoice.state == state)).all()

    assert names == ["Zoe"]


def test_a_plan_that_reads_everything_does_not_go_on_with_an_old_slow_read(
    database: Mortal, village: Callable[..., Village]
) -> None:
    """Pages that another plan read days ago are not what a look at everything found now."""
    there = village(EVA)
    for _ in range(8):
        there.happen("issue", (0, 5, None, "paid", ""))
    there.look(Strategy.ACCOUNTS)
    there.look(Strategy.SWEEP)
    there.happen("pair", (0,))

    there.look(Strategy.FULL)

    with database.read() as session:
        ana = session.scalars(select(Account).where(Account.name == "Ana")).one()
    assert ana.baseline_at is not None


def test_a_contract_that_is_written_again_as_it_was_is_not_taken_for_unchanged(
    database: Mortal, village: Callable[..., Village]
) -> None:
    """We knew its bytes, then learnt of the warning elsewhere; now the same bytes end it."""
    there = village(EVA)
    there.look(Strategy.FULL)
    there.look(Strategy.FULL)
    there.happen("contract", (1, "alerted"))
    there.look(Strategy.ACCOUNTS)
    assert warned(database) == 1
    there.happen("contract", (1, "enabled"))

    there.look(Strategy.FULL)

    assert warned(database) == 0


def test_who_a_client_is_follows_wispro_whatever_we_knew(
    database: Mortal, village: Callable[..., Village]
) -> None:
    """A record that is written again as it was before a correction counts as news."""
    there = village(EVA)
    there.look(Strategy.FULL)
    before = digest_of(database, "Eva")
    there.happen("correct", (1, "99.888.777"))
    there.look(Strategy.ACCOUNTS)
    corrected = digest_of(database, "Eva")
    assert corrected != before
    there.happen("correct", (1, "30.100.201"))

    there.look(Strategy.FULL)

    assert digest_of(database, "Eva") == before


def warned(database: Mortal) -> int:
    """Return how many contracts are about to be cut off, as far as we know."""
    with database.read() as session:
        query = select(func.count()).select_from(Contract).where(Contract.state == "alerted")
        return session.scalar(query) or 0


def digest_of(database: Mortal, name: str) -> str | None:
    """Return what we keep of a customer's national id."""
    with database.read() as session:
        query = select(Account.national_id_digest).where(Account.name == name)
        return session.scalars(query).one()
