"""Days, payments, moved dates, outages, new policies, changes of clocks: no alert wrong or lost.

`MACHINE=5000 pytest tests/integration/billing/test_planner_machine.py` tries more, at random.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.letter import Fate
from models.database import Database
from tests.support.almanac import COUNTRIES, HOURS, Limits, Plan, Rung
from tests.support.planner_world import World

MORE = int(os.environ.get("MACHINE", "0"))

DEFAULT = (
    Rung("due_soon", "first_due", -5),
    Rung("due_soon", "first_due", -1),
    Rung("due_today", "first_due", 0),
    Rung("overdue", "first_due", 3),
    Rung("overdue", "first_due", 7),
    Rung("overdue", "first_due", 14),
    Rung("second_due_soon", "second_due", -1),
)
DENSE = (
    *(Rung("due_soon", "first_due", -days) for days in (4, 3, 2, 1)),
    Rung("due_today", "first_due", 0),
    *(Rung("overdue", "first_due", days) for days in (1, 2, 3, 4, 6)),
    Rung("second_due_soon", "second_due", -2),
    Rung("second_due_soon", "second_due", -1),
)
OTHERS = (
    Rung("due_soon", "issued", 2),
    Rung("due_soon", "first_due", -3),
    Rung("due_today", "first_due", 0),
    Rung("overdue", "first_due", 3),
    Rung("overdue", "previous", 4),
    Rung("overdue", "second_due", 2),
)
EVENTS = ("issued", "paid", "changed", "voided")
PLANS = st.builds(
    Plan,
    zone=st.sampled_from(
        [
            "America/Santiago",
            "America/Tijuana",
            "Pacific/Easter",
            "America/Argentina/Cordoba",
        ]
    ),
    preset=st.sampled_from([None, *COUNTRIES]),
    hours=st.sampled_from(["09:00-19:00", "09:00-19:00", *HOURS]),
    limits=st.sampled_from(
        [Limits(), Limits(), Limits(per_day=1), Limits(per_week=2), Limits(gap_days=3)]
    ),
    digest_from=st.sampled_from([2, 2, 0, 3]),
    rungs=st.sampled_from([DEFAULT, DENSE, OTHERS]),
    events=st.sampled_from([EVENTS, EVENTS, ("paid",)]),
    gap_hours=st.sampled_from([48, 24, 96]),
    catch_up=st.sampled_from([7, 2, 20]),
    minimum=st.sampled_from([0, 0, 500]),
).filter(lambda plan: plan.hours != "17:00-18:00")
#: Before each change of clocks of those zones, and before a row of holidays.
BEGINNINGS = st.sampled_from(
    [date(2026, 3, 3), date(2026, 3, 30), date(2026, 8, 31), date(2026, 10, 26), date(2026, 12, 18)]
)
WHO = st.integers(0, 2)
WHICH = st.integers(0, 4)
SECOND_IN = st.sampled_from([None, None, 1, 2, 4, 10])


def _event(name: str, *args: Any, **kwargs: Any) -> st.SearchStrategy[tuple[str, Any, Any]]:
    return st.tuples(st.just(name), st.tuples(*args), st.fixed_dictionaries(kwargs))


#: How the daemon works between two happenings: for so many days, at these minutes of each.
SPANS = st.tuples(
    st.sampled_from([1, 0, 2, 1, 3]),
    st.sampled_from([(605, 780, 1055), (545, 1195), (20, 602, 1080), (540, 630, 1025), (1320,)]),
)
BILL = _event(
    "bill",
    WHO,
    st.sampled_from([-2, 0, 1, 2, 3, 5, 6, 7, 8]),
    SECOND_IN,
    st.sampled_from([2590, 2590, 900, 300]),
    st.integers(1, 3),
)
HAPPENINGS = st.one_of(
    *[BILL] * 9,
    _event("go_round"),
    _event("look"),
    _event("tick"),
    _event("deliver"),
    _event("outage", st.sampled_from([1, 5, 11, 24, 30, 72, 120, 200, 480])),
    _event("outage", st.sampled_from([1, 5, 11, 24, 30, 72, 120, 200, 480])),
    _event("trouble", st.sampled_from([2, 60, 700])),
    _event("restart"),
    _event("crash"),
    _event(
        "fates",
        st.lists(
            st.sampled_from([Fate.DELIVERED, Fate.UNCERTAIN, Fate.FAILED]), min_size=1, max_size=3
        ),
    ),
    _event("pay", WHICH, st.sampled_from([None, None, 1000, 2300])),
    _event("pay", WHICH, st.sampled_from([None, None, 1000, 2300])),
    _event("void_payment", WHICH),
    _event("void", WHICH),
    _event("move", WHICH, st.sampled_from([-3, 0, 1, 2, 5, 9]), SECOND_IN),
    _event("move", WHICH, st.sampled_from([-3, 0, 1, 2, 5, 9]), SECOND_IN),
    _event("credit", WHO, st.sampled_from([0, 0, 2000, 9000])),
    _event(
        "hold",
        WHICH,
        st.sampled_from([0, 2, 5, 12]),
        st.sampled_from(["hold", "promise"]),
        whole=st.booleans(),
    ),
    _event("release", WHO),
    _event("policy", PLANS),
    _event(
        "own",
        WHO,
        st.sampled_from([None, "17:00-18:00", "mon-fri 10:00-12:00 and 17:00-19:00"]),
        st.sampled_from([(), ("due_soon",), ("overdue +3d", "due_today 0d")]),
    ),
)


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Database]:
    """One file for all of them; each begins without a row."""
    opened = Database(shared_url)
    yield opened
    opened.close()


@settings(
    max_examples=MORE or 36,
    phases=[Phase.generate] if not MORE else list(Phase),
    derandomize=not MORE,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    PLANS,
    BEGINNINGS,
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=3),
    st.lists(st.tuples(HAPPENINGS, SPANS), min_size=10, max_size=24),
)
def test_no_step_goes_twice_too_often_or_at_the_wrong_time_and_none_is_lost(
    database: Database,
    plan: Plan,
    beginning: date,
    people: list[tuple[int, int]],
    happenings: list[tuple[tuple[str, Any, Any], tuple[int, tuple[int, ...]]]],
) -> None:
    """Each message, each plan and each reason is held against plain arithmetic."""
    world = World(database, plan, beginning, people)
    world.look()
    world.bill(0, 3, 2, 2590, 3)
    world.bill(1, 6, None, 2590, 1)
    for (name, args, kwargs), span in happenings:
        if name == "fates":
            world.fates[:] = args[0]
        else:
            getattr(world, name)(*args, **kwargs)
        world.days(*span)
    world.fates.clear()
    world.days(2, (545, 605, 1025))
