"""When silence is told, to whom, what is called, which days a morning tells of: without rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.watch.heartbeats import NEWS_FOR, is_due
from billing.watch.mornings import Days, Period, period_due, read_at
from billing.watch.reaching import REACHED_WITHIN, whom_to_tell
from billing.watch.silence import is_silent
from billing.watch.ticks import MISSING_AFTER, Ticking, Work, missing
from models.isp import Isp
from models.operator import OperatorChannel, OperatorNotice
from models.vigil import Heartbeat, Vigil

NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
CORDOBA = ZoneInfo("America/Argentina/Cordoba")


# -- silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "hours", "every", "silent"),
    [
        (6 * HOUR - SECOND, 6, HOUR / 2, False),
        (6 * HOUR, 6, HOUR / 2, True),
        (6 * HOUR, 6, 4 * HOUR, False),
        (8 * HOUR, 6, 4 * HOUR, True),
        (HOUR, 1, HOUR / 2, True),
        (None, 6, HOUR / 2, True),
    ],
    ids=["almost", "six hours", "looks are rare", "two left out", "one hour", "never"],
)
def test_a_look_is_missed_after_hours_and_two_left_out(
    ago: timedelta | None, hours: int, every: timedelta, *, silent: bool
) -> None:
    """Where looks are rare by the settings, silence is longer than the hours."""
    isp = Isp(no_look_hours=hours, synced_at=None if ago is None else NOON - ago)
    assert is_silent(isp, now=NOON, every=every) is silent


def ticks(**ago: timedelta) -> dict[Work, Ticking]:
    """Return when each work ticked, all of them just now unless told otherwise."""
    return {one: Ticking(NOON - ago.get(one.value, timedelta(0)), NOON - 9 * HOUR) for one in Work}


def test_work_that_does_not_tick_is_named() -> None:
    """Half an hour without it, or none at all; a pause that the settings ask for is none."""
    assert missing(ticks(), now=NOON, rest=MINUTE) == []
    assert missing(ticks(plan=MISSING_AFTER), now=NOON, rest=MINUTE) == []
    late = ticks(plan=MISSING_AFTER + SECOND)
    assert missing(late, now=NOON, rest=MINUTE) == [Work.PLAN]
    assert missing(late, now=NOON, rest=HOUR) == []
    del late[Work.SEND]
    assert missing(late, now=NOON, rest=MINUTE) == [Work.PLAN, Work.SEND]


def test_what_has_not_begun_is_not_missed_at_the_first_start() -> None:
    """A daemon is not ill because it has just been installed; half an hour later it is."""
    begun = {Work.LOOK: Ticking(NOON, NOON - MISSING_AFTER)}
    assert missing(begun, now=NOON, rest=MINUTE) == []
    begun[Work.LOOK] = Ticking(NOON, NOON - MISSING_AFTER - SECOND)
    assert missing(begun, now=NOON, rest=MINUTE) == [Work.PLAN, Work.SEND, Work.WATCH]
    assert missing({}, now=NOON, rest=MINUTE) == list(Work)


def channel(number: int, *, own: bool) -> OperatorChannel:
    """Return a channel of an operator."""
    return OperatorChannel(id=number, needs_transport=not own)


def told(number: int, state: str, ago: timedelta = timedelta(0)) -> OperatorNotice:
    """Return what was written for a channel."""
    return OperatorNotice(channel_id=number, state=state, created_at=NOON - ago)


@pytest.mark.parametrize(
    ("own", "so_far", "expected"),
    [
        ([], [], [1, 2]),
        ([2], [], [2]),
        ([2], [told(2, "planned")], [2]),
        ([2], [told(2, "planned", REACHED_WITHIN)], [1, 2]),
        ([2], [told(2, "sent", 9 * HOUR)], [2]),
        ([2], [told(2, "uncertain", 9 * HOUR)], [2]),
        ([2], [told(2, "failed")], [1, 2]),
        ([1, 2], [told(1, "failed"), told(2, "planned")], [1, 2]),
    ],
    ids=["no own", "first", "waits", "too long", "reached", "maybe", "refused", "one left"],
)
def test_the_operators_own_way_goes_first_and_the_others_follow_where_it_fails(
    own: list[int], so_far: list[OperatorNotice], expected: list[int]
) -> None:
    """What leaves over the ISP's own account may be lost with it."""
    channels = [channel(1, own=1 in own), channel(2, own=2 in own)]
    assert whom_to_tell(channels, so_far, now=NOON) == expected


# -- heartbeats -----------------------------------------------------------------------------------


def isp(**given: object) -> Isp:
    """Return an ISP whose last complete look began five minutes ago."""
    values = {
        "failures": 0,
        "held_run_id": None,
        "created_at": NOON - 99 * HOUR,
        "synced_at": NOON - 5 * MINUTE,
    }
    return Isp(**(values | given))


LOOK = NOON - 5 * MINUTE


@pytest.mark.parametrize(
    ("beat", "given", "expected"),
    [
        ({}, {}, (LOOK, False)),
        ({"looked_at": LOOK - HOUR}, {}, (LOOK, False)),
        ({"looked_at": LOOK}, {}, None),
        ({}, {"synced_at": NOON - NEWS_FOR + SECOND}, (NOON - NEWS_FOR + SECOND, False)),
        ({}, {"synced_at": NOON - NEWS_FOR}, None),
        ({}, {"synced_at": None, "failures": 9}, None),
        ({"looked_at": LOOK}, {"failures": 3}, None),
        ({"looked_at": LOOK, "tells_failures": True}, {"failures": 2}, None),
        ({"looked_at": LOOK, "tells_failures": True}, {"failures": 3}, (LOOK, True)),
        ({"looked_at": LOOK, "tells_failures": True}, {"held_run_id": 7}, (LOOK, True)),
        (
            {"looked_at": LOOK, "failed_at": LOOK, "tells_failures": True},
            {"failures": 9},
            None,
        ),
        (
            {"tells_failures": True},
            {"synced_at": None, "failures": 3},
            (NOON - 99 * HOUR, True),
        ),
    ],
    ids=[
        *("first", "next", "told", "fresh", "old", "never looked", "failures are not wanted"),
        *("stumbles", "fails", "held", "failure was told", "never looked and fails"),
    ],
)
def test_a_look_is_told_once_and_a_stretch_of_failures_once(
    beat: dict[str, object], given: dict[str, object], expected: object
) -> None:
    """A complete look is news for some hours; what failed for long is, once, where it is wanted."""
    row = Heartbeat(**({"tells_failures": False} | beat))
    assert is_due(row, isp(**given), None, now=NOON) == expected


def test_a_silence_is_a_failure_too() -> None:
    """No look even began: nothing failed, and nothing is well."""
    row = Heartbeat(tells_failures=True, looked_at=LOOK)
    assert is_due(row, isp(), Vigil(no_look_since=LOOK), now=NOON) == (LOOK, True)


# -- mornings -------------------------------------------------------------------------------------


def on(day: int, hour: int = 8, minute: int = 0) -> datetime:
    """Return an instant of March 2026 on the wall; the 9th is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=CORDOBA)


def due(
    days: Days, now: datetime, told_until: int | None, since: int = 1, at: str = "08:00"
) -> tuple[int, int] | None:
    """Return the first and the last day of March that are told."""
    until = None if told_until is None else date(2026, 3, told_until)
    found = period_due(
        days, read_at(at), told_until=until, known_since=date(2026, 3, since), now=now
    )
    return None if found is None else (found.first.day, found.last.day)


@pytest.mark.parametrize(
    ("days", "now", "told_until", "expected"),
    [
        (Days.DAILY, on(10, 7, 59), 8, None),
        (Days.DAILY, on(10), 8, (9, 9)),
        (Days.DAILY, on(10), 9, None),
        (Days.DAILY, on(10, 15, 59), 8, (9, 9)),
        (Days.DAILY, on(10, 16), 8, None),
        (Days.DAILY, on(10), 6, (7, 9)),
        (Days.DAILY, on(20), 1, (13, 19)),
        (Days.DAILY, on(10), None, (3, 9)),
        (Days.NEVER, on(10), 8, None),
        (Days.WEEKDAYS, on(7), 5, None),
        (Days.WEEKDAYS, on(9), 5, (6, 8)),
        (Days.WEEKLY, on(9), 1, (2, 8)),
        (Days.WEEKLY, on(10), 1, (2, 8)),
        (Days.WEEKLY, on(10), 8, None),
        (Days.WEEKLY, on(9), None, (2, 8)),
    ],
    ids=[
        *("too early", "on time", "told", "late", "too late", "after downtime", "after long"),
        *("first", "never", "Saturday", "Monday", "week", "week, a day late", "in the week"),
        "first week",
    ],
)
def test_a_morning_tells_of_what_was_not_told(
    days: Days, now: datetime, told_until: int | None, expected: tuple[int, int] | None
) -> None:
    """One digest, however many mornings were missed, and never in the evening."""
    assert due(days, now, told_until) == expected


def test_an_operator_who_came_yesterday_is_told_of_yesterday_only() -> None:
    """And one who came today is told tomorrow."""
    assert due(Days.DAILY, on(10), None, since=10) is None
    assert due(Days.DAILY, on(10), None, since=9) == (9, 9)
    assert due(Days.WEEKLY, on(9), None, since=7) == (7, 8)


def test_a_late_hour_ends_at_midnight() -> None:
    """What was to be told at eleven at night is told the next night, both days together."""
    assert due(Days.DAILY, on(10, 23, 59), 8, at="23:00") == (9, 9)
    assert due(Days.DAILY, on(11, 0, 1), 8, at="23:00") is None
    assert due(Days.DAILY, on(11, 23), 8, at="23:00") == (9, 10)


def test_the_hour_that_a_day_skips_is_no_hole() -> None:
    """Clocks jump from 02:00 to 03:00 on 29 March in Berlin: half past two is told at three."""
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC).astimezone(berlin)
    after = datetime(2026, 3, 29, 1, 0, tzinfo=UTC).astimezone(berlin)
    known = {"told_until": date(2026, 3, 27), "known_since": date(2026, 3, 1)}
    assert period_due(Days.DAILY, time(2, 30), now=before, **known) is None
    assert period_due(Days.DAILY, time(2, 30), now=after, **known) == Period(
        date(2026, 3, 28), date(2026, 3, 28)
    )


@pytest.mark.parametrize("text", ["8", "8.00", "24:00", "08:60", "08:0", "٠٨:٠٠", "", "ab:cd"])
def test_a_time_of_the_day_is_hours_and_minutes(text: str) -> None:
    """Anything else is refused."""
    assert read_at("8:05") == time(8, 5)
    with pytest.raises(ValueError, match=r"HH:MM|must be in"):
        read_at(text)
