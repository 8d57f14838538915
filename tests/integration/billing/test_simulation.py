"""What is foretold comes true: the real planner and sender live the days that were simulated.

`FORECASTS=500 pytest tests/integration/billing/test_simulation.py` tries more, at random.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from billing.calendar import Caps, ContactHours, preset
from billing.effect import effect
from billing.policy import DEFAULT_POLICY, Anchor, Manner, Policy, Step
from billing.values import AlertKind
from models.alert import Alert, Delivery
from models.database import Database
from tests.support.forecasting import SLUG, Bill, Person, Street, happened, told

MORE = int(os.environ.get("FORECASTS", "0"))
DAYS = 9
AR = replace(DEFAULT_POLICY, preset=preset("AR"))
CO = replace(DEFAULT_POLICY, preset=preset("CO"))
#: Two days before Good Friday of 2026 and its Thursday, noon in Córdoba.
BEFORE_EASTER = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)

SEVERAL = Person((Bill(5), Bill(6), Bill(-1, seen=-20)), ("email", "telegram"))
STORIES: dict[str, tuple[Policy, tuple[Person, ...], dict[str, Any]]] = {
    "plain": (DEFAULT_POLICY, (Person((Bill(5, 10),)), Person((Bill(0),), ("email", "ntfy"))), {}),
    "overdue": (DEFAULT_POLICY, (Person((Bill(-3, seen=-1),)), Person((Bill(-7),))), {}),
    "baseline": (DEFAULT_POLICY, (Person((Bill(2, seen=0, baseline=True), Bill(-30))),), {}),
    "caps of AR": (AR, (SEVERAL, Person((Bill(1),), ("twilio", "email"))), {}),
    "caps of CO": (CO, (SEVERAL, Person((Bill(1), Bill(4)), ("telegram", "email"))), {}),
    "no digest": (replace(AR, digest_from=0), (SEVERAL,), {}),
    "digest of three": (replace(DEFAULT_POLICY, digest_from=3), (SEVERAL,), {}),
    "one day": (replace(DEFAULT_POLICY, digest_from=2), (Person((Bill(2), Bill(2), Bill(2))),), {}),
    "hold": (
        DEFAULT_POLICY,
        (
            Person((Bill(1), Bill(3)), hold=("hold", 2)),
            Person((Bill(1), Bill(3)), invoice_hold=("promise", 4)),
            Person((Bill(-3),), hold=("promise", 3)),
        ),
        {},
    ),
    "holidays": (AR, (Person((Bill(2), Bill(3))), Person((Bill(4),))), {"now": BEFORE_EASTER}),
    "own hours": (
        DEFAULT_POLICY,
        (
            Person((Bill(1), Bill(5)), hours="mon-wed 14:00-16:00"),
            Person((Bill(3),), hours="sat-sun 10:00-12:00"),
            Person((Bill(3),), hours="20:00-21:00"),
        ),
        {},
    ),
    "steps off": (
        DEFAULT_POLICY,
        (
            Person((Bill(1),), steps_off=("due_soon",)),
            Person((Bill(1),), steps_off=("due_today 0d", "overdue +3d")),
        ),
        {},
    ),
    "channels by step": (
        replace(
            DEFAULT_POLICY,
            steps=(
                Step(AlertKind.DUE_SOON, Anchor.FIRST_DUE, -1, Manner(frozenset({"sms"}))),
                Step(AlertKind.DUE_TODAY, Anchor.FIRST_DUE, 0, Manner(frozenset({"telegram"}))),
                Step(AlertKind.OVERDUE, Anchor.FIRST_DUE, 2, Manner(capped=False)),
            ),
            caps=Caps(per_week=1),
        ),
        (Person((Bill(2), Bill(3)), ("twilio", "telegram", "email")),),
        {},
    ),
    "little": (
        replace(DEFAULT_POLICY, minimum=3000),  # type: ignore[arg-type]
        (Person((Bill(1),)), Person((Bill(1, amount=100), Bill(1, amount=9000)))),
        {},
    ),
    "nobody": (DEFAULT_POLICY, (Person((), ()), Person((Bill(1),), ())), {}),
}


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Database]:
    """Give one database for all of them: each empties it."""
    opened = Database(shared_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("story", STORIES)
def test_what_is_foretold_comes_true(
    story: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Per day: messages by channel and by kind, and what never goes, by reason."""
    policy, people, given_ = STORIES[story]
    street = Street(database, monkeypatch, policy, people, **given_)
    forecast = street.foretell(DAYS)
    assert told(forecast) == happened(street.live(DAYS))


def test_it_goes_on_from_the_middle(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent counts for the caps, what is planned goes, what was decided stays decided."""
    street = Street(database, monkeypatch, AR, (SEVERAL, Person((Bill(4), Bill(-8)))))
    street.live(3)
    street.lived.sent.clear()
    forecast = street.foretell(DAYS)
    assert told(forecast) == happened(street.live(DAYS))
    assert forecast.messages > 0


@pytest.mark.parametrize(("old", "new"), [(AR, CO), (CO, DEFAULT_POLICY), (DEFAULT_POLICY, AR)])
def test_a_policy_does_what_was_foretold_of_it(
    old: Policy, new: Policy, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is planned under the old one is judged under the new one."""
    fewer = replace(new, steps=(*new.steps[1:], Step(AlertKind.OVERDUE, Anchor.FIRST_DUE, 5)))
    people = (SEVERAL, Person((Bill(4), Bill(-8)), hold=("promise", 5)), Person((Bill(7, 9),)))
    street = Street(database, monkeypatch, old, people)
    street.live(3)
    street.lived.sent.clear()
    forecast = street.foretell(DAYS, fewer)
    street.put_in_force(fewer)
    assert told(forecast) == happened(street.live(DAYS))


def test_it_writes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a row."""
    street = Street(database, monkeypatch, AR, (SEVERAL,))
    assert street.foretell(30).messages > 0
    with database.read() as session:
        for table in (Alert, Delivery):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_the_effect_of_a_policy_is_told_by_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the reminder of the day before, one message fewer on that day."""
    street = Street(database, monkeypatch, DEFAULT_POLICY, (Person((Bill(3),)), Person((Bill(3),))))
    fewer = replace(
        DEFAULT_POLICY, steps=tuple(one for one in DEFAULT_POLICY.steps if one.name != "-1d")
    )
    found = effect(database, SLUG, None, fewer, now=street.now)
    tomorrow_but_one = street.now.date() + timedelta(days=2)
    assert (found.total_more, found.total_fewer) == (0, 2)
    assert [one for one in found.per_day if one[1] != one[2]] == [(tomorrow_but_one, 2, 0)]


BILLS = st.builds(
    Bill,
    st.sampled_from([None, -8, -7, -4, -3, -1, 0, 1, 2, 3, 5, 6]),
    st.sampled_from([None, 1, 3, 6]),
    st.sampled_from([-12, -3, -2, -1, 0]),
    st.sampled_from([2590, 2590, 0, 100]),
    st.booleans(),
)
HOLDS = st.none() | st.tuples(st.sampled_from(["hold", "promise"]), st.integers(0, 6))
PEOPLE = st.builds(
    Person,
    st.lists(BILLS, max_size=4).map(tuple),
    st.lists(
        st.sampled_from(["email", "telegram", "twilio"]), min_size=1, max_size=3, unique=True
    ).map(tuple),
    st.sampled_from([None, None, "mon-fri 10:00-12:00", "sun 09:00-11:00", "18:00-21:00"]),
    st.sampled_from([(), (), ("due_soon",), ("overdue +3d", "due_today")]),
    HOLDS,
    HOLDS,
)
CAPS = st.builds(
    Caps,
    per_day=st.sampled_from([None, 1, 2]),
    per_week=st.sampled_from([None, 1, 3]),
    gap_days=st.sampled_from([None, 2]),
    channels_per_week=st.sampled_from([None, 1]),
)
MANNERS = st.builds(
    Manner,
    st.sampled_from([frozenset(), frozenset(), frozenset({"sms", "email"})]),
    capped=st.sampled_from([None, None, False]),
)
POLICIES = st.builds(
    lambda digest_from, caps, hours, manner, rule: replace(
        DEFAULT_POLICY,
        digest_from=digest_from,
        caps=caps,
        hours=hours and ContactHours.parse(hours),
        preset=rule and preset(rule),
        steps=(*DEFAULT_POLICY.steps[:-1], replace(DEFAULT_POLICY.steps[-1], manner=manner)),
    ),
    st.sampled_from([0, 2, 3]),
    CAPS,
    st.sampled_from([None, "mon-fri 08:00-12:00 and 16:00-20:00"]),
    MANNERS,
    st.sampled_from([None, "AR", "CO", "CL"]),
)


@settings(
    max_examples=MORE or 25,
    derandomize=not MORE,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(policy=POLICIES, people=st.lists(PEOPLE, min_size=1, max_size=3))
def test_whatever_the_policy_says_it_comes_true(
    policy: Policy, people: list[Person], database: Database
) -> None:
    """For any mixture of accounts, invoices, hours, holds and caps, two of them alike."""
    with pytest.MonkeyPatch.context() as patch:
        twins = [*people, people[0]]
        street = Street(database, patch, policy, twins, now=BEFORE_EASTER)
        forecast = street.foretell(6)
        assert told(forecast) == happened(street.live(6))
