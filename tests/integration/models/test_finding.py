"""Names are looked up by words, as far as a person would wait, and no further in silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from models import finding
from tests.support.town import Town

PEOPLE = ("Ana Paz", "Ana Paula Pérez", "Ana María Prado", "Alba Ponce")


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """Return a town in which many have the same words."""
    built = make_town(now=datetime.now(UTC))
    built.add_isp()
    built.settled(*(built.customer(name) for name in PEOPLE))
    return built


def hits(town: Town, *words: str) -> tuple[int, bool]:
    """Return how many are found, and whether these are all."""
    with town.house.database.read() as session:
        found, all_of_them = finding.by_words(session, list(finding.isps(session)), words)
    return len(found), all_of_them


def test_words_may_be_beginnings_and_come_in_any_order(town: Town) -> None:
    """Whole words and beginnings of words, of all of them."""
    assert hits(town, "ana") == (3, True)
    assert hits(town, "p", "a") == (4, True)
    assert hits(town, "pa", "ana") == (2, True)
    assert hits(town, "p", "a", "m") == (1, True)
    assert hits(town, "ana", "ponce") == (0, True)


@pytest.mark.parametrize(
    ("frequent", "lookups", "words", "all_of_them"),
    [
        (4, 99, ("p", "a", "an"), True),  # three have the rarest of them, "an"
        (3, 99, ("p", "a", "an"), False),
        (9, 8, ("p", "a", "an"), True),  # two others are looked up for each
        (9, 6, ("p", "a", "an"), False),
        (9, 6, ("p", "an"), True),
    ],
    ids=["enough rows", "few rows", "enough lookups", "few lookups", "one less"],
)
def test_it_says_so_where_not_all_were_looked_through(
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
    frequent: int,
    lookups: int,
    words: tuple[str, ...],
    *,
    all_of_them: bool,
) -> None:
    """Of more words fewer rows are looked through; whoever asks is told that there may be more."""
    monkeypatch.setattr(finding, "_FREQUENT", frequent)
    monkeypatch.setattr(finding, "_LOOKUPS", lookups)
    assert hits(town, *words)[1] is all_of_them
