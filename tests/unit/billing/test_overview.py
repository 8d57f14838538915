"""How an ISP stands, from what the rows said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.overview import (
    CircuitState,
    Day,
    HeldRun,
    IspStanding,
    Trouble,
    circuit_state,
    next_look,
    old_after,
    totals_of,
    troubles,
)
from models.isp import Isp
from tests.support.standing import isp_standing as standing

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
EVERY = timedelta(minutes=30)


def found(line: IspStanding, *, since: datetime = NOW) -> list[Trouble]:
    """What a person should look at, of an ISP added at `since`."""
    return troubles(line, now=NOW, every=EVERY, since=since)


@pytest.mark.parametrize(
    ("zone", "now", "today", "began", "ends"),
    [
        ("America/Argentina/Cordoba", "10T02:59:59", 9, "09T03", "10T03"),
        ("America/Argentina/Cordoba", "10T03:00:00", 10, "10T03", "11T03"),
        ("Asia/Tokyo", "10T15:00:00", 11, "10T15", "11T15"),
    ],
)
def test_today_is_the_day_on_the_wall(zone, now, today, began, ends):
    """It begins at the midnight there, at the instant of the midnight and not a minute later."""
    day = Day.of(zone, datetime.fromisoformat(f"2026-03-{now}+00:00"))
    assert day.today == date(2026, 3, today)
    assert day.began == datetime.fromisoformat(f"2026-03-{began}:00+00:00")
    assert day.ends == datetime.fromisoformat(f"2026-03-{ends}:00+00:00")


def test_a_day_on_which_the_clock_goes_back_is_longer():
    """Santiago puts its clock back in April: that day has 25 hours."""
    day = Day.of("America/Santiago", datetime(2026, 4, 4, 15, tzinfo=UTC))
    assert day.ends - day.began == timedelta(hours=25)


@pytest.mark.parametrize(
    ("isp", "account", "expected"),
    [
        ({}, None, None),
        ({}, NOW, NOW),
        ({"next_sync_at": NOW + EVERY}, None, NOW + EVERY),
        ({"next_sync_at": NOW + EVERY}, NOW, NOW),
        ({"trouble_until": NOW + EVERY}, NOW, NOW + EVERY),
        ({"trouble_until": NOW - EVERY}, NOW, NOW),
        ({"enabled": False}, NOW, None),
    ],
)
def test_the_next_look_is_the_first_that_is_due_after_the_rest(isp, account, expected):
    """Nothing is due where nobody is paired, or where the ISP is switched off."""
    assert next_look(Isp(**({"enabled": True} | isp)), account) == expected


def test_the_circuit_probes_once_its_rest_is_over():
    """Until that instant it rests; without failures and without a rest it is closed."""
    assert circuit_state(2, NOW, now=NOW - timedelta(seconds=1)) is CircuitState.RESTING
    assert circuit_state(2, NOW, now=NOW) is CircuitState.PROBING
    assert circuit_state(0, NOW, now=NOW) is CircuitState.CLOSED
    assert circuit_state(0, None, now=NOW) is CircuitState.CLOSED


def test_where_all_is_well_there_is_no_trouble():
    """Three looks may fail before the last complete one is called old."""
    assert found(standing()) == []
    assert found(standing(last_look=NOW - old_after(EVERY))) == []


def test_the_gravest_trouble_comes_first():
    """Whatever is wrong is named, and a held run before everything else."""
    line = standing(
        held_run=HeldRun(run=7, since=NOW, reason="share", detail=None),
        circuit=CircuitState.RESTING,
        last_look=NOW - old_after(EVERY) - timedelta(seconds=1),
        late_seconds=301.0,
        uncertain_today=1,
        failed_today=1,
    )
    assert found(line) == list(Trouble)


def test_an_isp_without_anybody_to_look_at_is_not_behind():
    """Its last look may be as old as it likes; one that was never looked at is as old as itself."""
    long_ago = NOW - timedelta(days=30)
    assert found(standing(last_look=long_ago, next_look=None)) == []
    assert found(standing(last_look=None), since=NOW) == []
    assert found(standing(last_look=None), since=long_ago) == [Trouble.OLD_LOOK]


def test_short_ticks_are_no_measure_of_age():
    """Where looks are seconds apart, ten minutes without one are still no trouble."""
    assert old_after(timedelta(seconds=1)) == timedelta(minutes=10)


def test_sums_take_the_longest_delay():
    """Counts are added, delays are not."""
    lines = [standing(sent_today=2, late_seconds=5.0), standing(sent_today=3, late_seconds=9.0)]
    lines.append(replace(lines[0], sent_today=0, trouble=[Trouble.LATE]))
    sums = totals_of(lines)
    assert (sums.isps, sums.sent_today, sums.late_seconds, sums.in_trouble) == (3, 5, 9.0, 1)
