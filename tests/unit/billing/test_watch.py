"""When what closed is told, and which trouble of a sending account is long: without rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.calendar import Calendar
from billing.delivery.budgets import Month
from billing.watch.accounts import is_long
from billing.watch.closings import Told, is_time
from models.alert import Provider

CORDOBA = Calendar.of("America/Argentina/Cordoba", "09:00-19:00")
NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def told(*at: datetime) -> list[Told]:
    """Return notices of these instants."""
    return [Told(one, one) for one in at]


@pytest.mark.parametrize(
    ("before", "first_at", "now", "expected"),
    [
        ((), NOON, NOON, True),
        ((NOON,), NOON + SECOND, NOON + HOUR - SECOND, False),
        ((NOON,), NOON + SECOND, NOON + HOUR, True),
        ((NOON, NOON + HOUR), NOON + 2 * HOUR, NOON + 8 * HOUR, False),
        ((NOON, NOON + HOUR), NOON + 2 * HOUR, MORNING - SECOND, False),
        ((NOON, NOON + HOUR), NOON + 2 * HOUR, MORNING, True),
        ((NOON,), MORNING - HOUR, MORNING - HOUR, True),
    ],
    ids=["first", "too soon", "second", "third", "at night", "in the morning", "fresh at night"],
)
def test_a_day_has_two_notices_of_closings_at_most(
    before: tuple[datetime, ...], first_at: datetime, now: datetime, *, expected: bool
) -> None:
    """The first at once, one an hour later at the soonest, the rest when the next day begins."""
    assert is_time(told(*before), first_at, CORDOBA, now=now) is expected


@pytest.mark.parametrize(
    ("paused_for", "after", "expected"),
    [
        (timedelta(seconds=15), timedelta(hours=9), False),
        (timedelta(minutes=15) - SECOND, timedelta(minutes=20), False),
        (timedelta(minutes=15), timedelta(minutes=15) - SECOND, False),
        (timedelta(minutes=15), timedelta(minutes=15), True),
        (timedelta(hours=6), timedelta(minutes=15), True),
    ],
    ids=["not needed since", "almost", "a moment before", "long", "told to wait"],
)
def test_only_long_trouble_is_trouble(
    paused_for: timedelta, after: timedelta, *, expected: bool
) -> None:
    """A quarter of an hour, in which it was tried again or told us to wait."""
    row = Provider(key="k", trouble_since=NOON, paused_until=NOON + paused_for)
    assert is_long(row, now=NOON + after) is expected


@pytest.mark.parametrize(
    ("now", "first", "begins", "ends"),
    [
        # Córdoba is three hours behind: the last evening of February, the first instant of March.
        ("2026-03-01T02:59:59", date(2026, 2, 1), "2026-02-01T03:00", "2026-03-01T03:00"),
        ("2026-03-01T03:00:00", date(2026, 3, 1), "2026-03-01T03:00", "2026-04-01T03:00"),
        ("2026-12-31T12:00:00", date(2026, 12, 1), "2026-12-01T03:00", "2027-01-01T03:00"),
    ],
)
def test_a_month_is_that_of_the_isps_wall(now: str, first: date, begins: str, ends: str) -> None:
    """It begins at midnight there, and the last month of a year is followed by the next year."""
    month = Month.of(CORDOBA, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert month == Month(
        first,
        datetime.fromisoformat(begins).replace(tzinfo=UTC),
        datetime.fromisoformat(ends).replace(tzinfo=UTC),
    )
