"""Every fact that `alerta explain` may tell has words in both languages."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest

from billing.contacts import CapLine
from billing.explained import Absence, Entry, HoldStory, Mention, RuleLine, Says, Standing
from billing.gate import Rule
from billing.values import AlertKind, Reason
from worker.cli.explaining_words import KINDS, LABELS, RULES, STATES, WHY, Language, Words

AT = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
HOLD = HoldStory(
    kind="promise", invoice=None, until=date(2027, 1, 5), reason="{viaja}", author="ana", since=AT
)
OTHER = Mention(
    kind=AlertKind.OVERDUE, step="+3d", anchor_date=date(2026, 3, 7), invoice="A-0001-793"
)


def words(language: Language) -> Words:
    """Return the words of a language."""
    zone = ZoneInfo("America/Argentina/Cordoba")
    return Words(language, zone, date(2026, 3, 10), {"a…@example.org": "email"})


def entry(state: Standing, **over: object) -> Entry:
    """Return an entry."""
    given = {
        "kind": AlertKind.DUE_SOON,
        "step": "-5d",
        "anchor": "first_due",
        "anchor_date": date(2026, 3, 20),
        "recorded": False,
        "channel": "a…@example.org",
        "when": AT,
        **over,
    }
    return Entry(state=state, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("catalog", "all_of_them"),
    [
        (WHY, [*Reason, *Absence]),
        (RULES, list(Rule)),
        (KINDS, list(AlertKind)),
        (STATES, list(Standing)),
    ],
)
def test_nothing_is_without_words(
    language: Language, catalog: dict[Language, dict[StrEnum, object]], all_of_them: list[StrEnum]
) -> None:
    """Each code has a text of its own in each language."""
    assert set(catalog[language]) == set(all_of_them)
    assert all(catalog[language].values())
    assert len(set(catalog[language].values())) >= len(all_of_them) - (catalog is STATES)


def test_the_labels_are_the_same_in_both_languages() -> None:
    """Neither language lacks a label, nor a place to fill in one."""
    spanish, english = LABELS[Language.ES], LABELS[Language.EN]
    assert set(spanish) == set(english)
    for name, text in spanish.items():
        assert _places(text) == _places(english[name]), name
    for one in (WHY, STATES):
        for code, text in one[Language.ES].items():
            assert _places(text) == _places(one[Language.EN][code]), code  # type: ignore[index]


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", Standing)
@pytest.mark.parametrize("why", [None, *Reason, *Absence])
def test_every_sentence_is_whole(language: Language, state: Standing, why: Reason) -> None:
    """Whatever comes together, no place is left open, with or without all the rest."""
    said = words(language)
    for over in ({}, {"hold": HOLD, "replaced_by": OTHER, "carried_by": OTHER, "recorded": True}):
        text = said.sentence(entry(state, why=why, **over)).replace("{viaja}", "")
        assert "{" not in text
        assert "None" not in text
        assert said.sentence(entry(state, why=why, when=None, channel=None))


def test_sentences() -> None:
    """The examples of the brief, with a year where it is another one."""
    spanish, english = words(Language.ES), words(Language.EN)
    assert spanish.sentence(entry(Standing.SENT)) == (
        "Se envió el 10/03 a las 12:00 a a…@example.org por e-mail"
    )
    held = entry(Standing.WILL_NOT, why=Reason.PROMISE, hold=HOLD)
    assert spanish.sentence(held) == (
        "No saldrá: hay una promesa de pago hasta el 05/01/2027 (ana, «{viaja}»)"
    )
    assert english.sentence(held) == (
        "Will not go: there is a promise to pay until 05 Jan 2027 (ana, “{viaja}”)"
    )
    gone = entry(Standing.MISSED, why=Reason.MISSED, replaced_by=OTHER, recorded=True)
    assert english.sentence(gone) == (
        "Did not go: its moment has passed; in its place, no payment seen (+3d) of A-0001-793"
    )


@pytest.mark.parametrize("language", Language)
def test_rules_and_caps(language: Language) -> None:
    """Each rule is one line with its mark, at most as long as a screen is wide."""
    said = words(language)
    for rule in Rule:
        fine = said.rule(RuleLine(rule=rule, says=Says.OK), entry(Standing.WILL_GO))
        assert fine.startswith("✓ ")
        assert len(fine) <= 74
    for why in Reason:
        line = RuleLine(rule=Rule.HOURS, says=Says.WAITS, why=why, until=AT)
        assert "12:00" in said.rule(line, entry(Standing.WAITS))
    for cap in ("per_day", "per_week", "gap_days", "channels_per_week"):
        assert "{" not in said.cap(CapLine(cap, 2, 1))
    assert "None" not in said.cap(CapLine("gap_days", 2, None))
