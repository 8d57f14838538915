"""Where a step goes whose own day is closed."""

from datetime import date

import pytest

from billing.calendar import Calendar, ContactHours, Slot, preset, slot_for
from billing.values import Reason
from tests.unit.billing.facts import CORDOBA, local

#: AR: Monday to Friday 09-20, Saturday 09-13, no holidays.
LAW = Calendar.of("America/Argentina/Cordoba", preset("AR").hours)
LONG_AGO = local("2026-10-01 12:00")
#: Sovereignty Day, after a Sunday.
HOLIDAY = date(2026, 11, 23)


def slot(day, *, until=None, seen=LONG_AGO, at_once=True, calendar=LAW):
    end = None if until is None else local(until)
    return slot_for(day, calendar, until=end, seen_at=seen, at_once=at_once)


def test_an_open_day_is_its_own_slot():
    """Nothing moves that need not move, however late we saw the invoice."""
    seen = local("2026-11-28 10:00")
    assert slot(date(2026, 11, 24), until="2026-11-27 00:00", seen=seen) == Slot(
        local("2026-11-24 09:00")
    )


def test_a_reminder_on_a_closed_day_goes_before_it():
    """A long weekend: Sunday's and Monday's reminders go on Saturday morning."""
    for day in (date(2026, 11, 22), HOLIDAY):
        assert slot(day, until="2026-11-25 00:00") == Slot(local("2026-11-21 09:00"), ahead=True)


@pytest.mark.parametrize(
    ("seen", "at_once", "at"),
    [
        ("2026-11-21 09:00", True, "2026-11-21 09:00"),  # seen as it opened
        ("2026-11-21 10:30", True, "2026-11-21 10:30"),  # seen while it was open: right away
        ("2026-11-21 12:59", True, "2026-11-21 12:59"),
        ("2026-11-21 13:00", True, "2026-11-24 09:00"),  # closed by then: after the weekend
        ("2026-11-20 23:00", True, "2026-11-21 09:00"),
        ("2026-11-21 10:30", False, "2026-11-24 09:00"),  # a silent first look sends nothing
        ("2026-11-21 09:00", False, "2026-11-24 09:00"),
        ("2026-11-21 08:59", False, "2026-11-21 09:00"),
        ("2026-11-22 10:00", True, "2026-11-24 09:00"),
        ("2026-11-26 10:00", True, "2026-11-24 09:00"),  # seen later: its time has passed
    ],
)
def test_it_never_goes_before_we_saw_the_invoice(seen, at_once, at):
    """On a Sunday, of use until Friday: before the day if it can, else at the next opening."""
    found = slot(date(2026, 11, 22), until="2026-11-27 00:00", seen=local(seen), at_once=at_once)
    assert found.at == local(at)
    assert found.blocked is None


@pytest.mark.parametrize(
    ("day", "until", "reason"),
    [
        (date(2026, 11, 22), "2026-11-23 00:00", Reason.QUIET_HOURS),
        (HOLIDAY, "2026-11-24 00:00", Reason.HOLIDAY),
        (HOLIDAY, "2026-11-24 09:00", Reason.HOLIDAY),  # worthless as it opens
    ],
)
def test_a_reminder_without_a_slot_is_kept_with_its_reason(day, until, reason):
    """Seen on Saturday afternoon, due over the long weekend: nothing may go, and it says why."""
    found = slot(day, until=until, seen=local("2026-11-21 15:00"))
    assert found == Slot(LAW.start_of(day), blocked=reason)


def test_what_can_wait_goes_at_the_next_opening():
    """After the due date there is no hurry: never earlier than its day."""
    assert slot(date(2026, 11, 22)) == Slot(local("2026-11-24 09:00"))


def test_a_customer_who_can_never_be_reached_gets_nothing():
    """Two windows that exclude each other: every step is blocked, none is lost."""
    never = CORDOBA.within(ContactHours.parse("20:00-22:00"))
    for until in (None, "2026-11-27 00:00"):
        found = slot(date(2026, 11, 24), until=until, calendar=never)
        assert found == Slot(local("2026-11-24 00:00"), blocked=Reason.QUIET_HOURS)
