"""Small lives of the planner: each would go wrong if one rule of the product were not there.

The judge of `planner_world` holds every message to what is right, as in the lives that are drawn;
what must come together for these hardly ever does by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from models.alert import Alert, Delivery
from models.database import Database
from tests.support.almanac import Limits, Plan, Rung
from tests.support.planner_world import ALONE, World

ZONE = "America/Argentina/Cordoba"
TUESDAY = date(2026, 3, 3)
FIVE_BEFORE = Rung("due_soon", "first_due", -5)
FOUR_BEFORE = Rung("due_soon", "first_due", -4)
DAY_BEFORE = Rung("due_soon", "first_due", -1)
ON_THE_DAY = Rung("due_today", "first_due", 0)
PLAN = Plan(
    zone=ZONE,
    preset=None,
    hours="09:00-19:00",
    limits=Limits(),
    digest_from=2,
    rungs=(FIVE_BEFORE, DAY_BEFORE, ON_THE_DAY),
    events=("issued", "paid", "changed", "voided"),
)
#: Just after the contact hours begin, in minutes.
NINE = (545,)


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Database]:
    """One file for all of them; each begins without a row."""
    opened = Database(shared_url)
    yield opened
    opened.close()


def begin(
    database: Database,
    plan: Plan = PLAN,
    *,
    day: date = TUESDAY,
    people: Sequence[tuple[int, int]] = ((1, 1),),
) -> World:
    """Begin a life at noon, after a silent first look; `people` are (contracts, channels)."""
    world = World(database, plan, day, people)
    world.go_round()
    return world


def told(world: World) -> list[str]:
    """Return what went, in order: "6 Mar 09:05 due_soon -5d"; several in one message by "+"."""
    zone = ZoneInfo(world.plan.zone)
    return [
        f"{one.at.astimezone(zone):%-d %b %H:%M} "
        + " + ".join(
            sorted(
                part.kind if part.kind in ALONE else f"{part.kind} {part.step}"
                for part in one.parts
            )
        )
        for one in world.sent
    ]


def ends(world: World, kind: str) -> list[tuple[str, str, str | None]]:
    """Return (step, state, reason) of the deliveries of a kind, in order."""
    with world.database.read() as session:
        rows = session.execute(
            select(Alert.step, Delivery.state, Delivery.reason)
            .join(Alert, Alert.id == Delivery.alert_id)
            .where(Alert.kind == kind)
            .order_by(Delivery.id)
        )
        return [(step, state, reason) for step, state, reason in rows]


def test_credit_that_covers_is_not_asked_for(database: Database) -> None:
    """Nobody whose credit pays everything is reminded; they are once it is gone."""
    world = begin(database)
    world.bill(0, 6, None, 2590, 1)
    world.go_round()
    world.credit(0, 9000)
    world.days(1, NINE)
    assert ends(world, "due_soon") == [("-5d", "skipped", "credit_covers")]
    world.credit(0, 0)
    world.days(4, NINE)
    assert told(world) == ["3 Mar 12:00 issued", "8 Mar 09:05 due_soon -1d"]


def test_what_credit_leaves_is_weighed_against_the_minimum(database: Database) -> None:
    """A bill far above the least amount is not asked for where credit leaves less than that."""
    world = begin(database, replace(PLAN, minimum=500))
    world.bill(0, 6, None, 2590, 1)
    world.go_round()
    world.credit(0, 2300)
    world.days(1, NINE)
    assert told(world) == ["3 Mar 12:00 issued"]
    assert ends(world, "due_soon") == [("-5d", "skipped", "below_minimum")]


def test_what_is_released_goes_at_once(database: Database) -> None:
    """A reminder that waited for a hold of twelve days goes when staff end it on the first."""
    world = begin(database)
    world.bill(0, 6, None, 2590, 1)
    world.go_round()
    world.hold(0, 12, "hold", whole=True)
    world.days(1, NINE)
    assert ends(world, "due_soon") == [("-5d", "planned", "hold")]
    world.release(0)
    world.go_round()
    assert told(world) == ["3 Mar 12:00 issued", "4 Mar 09:05 due_soon -5d"]


def test_wider_hours_of_ones_own_hold_from_the_next_day(database: Database) -> None:
    """Who could be reached in the evening only, and now all day, is reminded in the morning."""
    world = begin(database)
    world.own(0, "17:00-18:00", ())
    world.bill(0, 6, None, 2590, 1)
    world.go_round()
    world.own(0, None, ())
    world.days(1, NINE)
    assert told(world)[-1] == "4 Mar 09:05 due_soon -5d"


def test_a_new_policy_does_not_go_back(database: Database) -> None:
    """A step that it adds, and whose day is over, is not made up for."""
    world = begin(database, replace(PLAN, rungs=(FOUR_BEFORE, DAY_BEFORE)))
    world.bill(0, 6, None, 2590, 1)
    world.days(2, NINE)
    world.policy(replace(PLAN, rungs=(FIVE_BEFORE, DAY_BEFORE)))
    world.days(3, NINE)
    assert told(world) == [
        "4 Mar 09:05 issued",
        "5 Mar 09:05 due_soon -4d",
        "8 Mar 09:05 due_soon -1d",
    ]


def test_one_reminder_before_a_closed_due_date(database: Database) -> None:
    """The day's own reminder is brought forward only to a day on which no other goes."""
    hours = "mon-fri 08:00-18:00, sat 09:00-13:00"
    world = begin(database, replace(PLAN, hours=hours, rungs=(DAY_BEFORE, ON_THE_DAY)))
    world.bill(0, 5, None, 2590, 1)  # a Sunday
    world.go_round()
    world.days(6, NINE)
    assert told(world) == ["3 Mar 12:00 issued", "7 Mar 09:05 due_soon -1d"]
    assert ends(world, "due_today") == [("0d", "skipped", "quiet_hours")]


def test_an_announcement_that_takes_a_reminder_along_is_one(database: Database) -> None:
    """A reminder counts for the caps, although it left in one message with an announcement."""
    world = begin(database, replace(PLAN, limits=Limits(gap_days=3)))
    world.bill(0, 6, None, 2590, 1)
    world.bill(0, 7, None, 900, 1)
    world.go_round()
    world.now += timedelta(hours=8)  # too late to announce it today
    world.bill(0, 9, None, 300, 1)
    world.days(4, NINE)
    assert told(world) == [
        "3 Mar 12:00 issued + issued",
        "4 Mar 09:05 due_soon -5d + issued",
        "7 Mar 09:05 due_soon -5d + due_soon -5d",
    ]


def test_a_date_that_moves_does_not_repeat_a_step(database: Database) -> None:
    """The same step of the new date comes due on the next day: within 72 h it is not said again."""
    world = begin(database)
    world.bill(0, 6, None, 2590, 1)
    world.days(1, NINE)
    world.move(0, 6, None)
    world.days(2, NINE)
    assert [one for one in told(world) if "due_soon" in one] == ["4 Mar 09:05 due_soon -5d"]
    assert ends(world, "due_soon")[1:] == [("-5d", "skipped", "superseded")]


def test_a_country_that_allows_one_channel_a_week_hears_from_one(database: Database) -> None:
    """Of two channels the first one reminds; the other is too many for that week."""
    world = begin(database, replace(PLAN, preset="CO"), people=[(1, 2)])
    world.bill(0, 6, None, 2590, 1)
    world.days(4, NINE)
    assert told(world) == ["4 Mar 09:05 due_soon -5d", "7 Mar 09:05 due_soon -1d"]
    assert len({one.channel for one in world.sent}) == 1


def test_nothing_goes_on_a_holiday(database: Database) -> None:
    """What comes due on Christmas goes on the last open day before it."""
    world = begin(database, replace(PLAN, preset="AR"), day=date(2026, 12, 22))
    world.bill(0, 8, None, 2590, 1)
    world.days(5, NINE)
    assert told(world) == ["23 Dec 09:05 issued", "24 Dec 09:05 due_soon -5d"]
