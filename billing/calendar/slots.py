"""Where a step goes whose own day is closed. Pure.

Before and on the due date it goes in the last slot before its day, since later may be too late;
after the due date it goes in the next one. What finds no slot is kept with the reason, never lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from billing.calendar.calendar import Calendar
from billing.values import Reason


@dataclass(frozen=True, slots=True)
class Slot:
    """When a step's time comes.

    Args:
        at: the instant (UTC); of a blocked one, the start of its own day.
        blocked: why there is no slot for it; None = there is one.
        ahead: it was brought forward, before the day on which it belongs.
    """

    at: datetime
    blocked: Reason | None = None
    ahead: bool = False


def slot_for(
    day: date,
    calendar: Calendar,
    *,
    until: datetime | None,
    seen_at: datetime,
    at_once: bool,
) -> Slot:
    """This function will find the slot of a step.

    In this order: the opening of its own day; of the last open day before it, from the first sight
    on; the first sight itself, if a window is open; the next opening while the step is of use.
    What is looked for before its day are only steps that are worthless at some instant: one without
    `until` waits for the next opening.

    Args:
        day: on which the step belongs.
        calendar: of the account.
        until: from then on the step is worthless; None = it can wait.
        seen_at: when we saw the invoice first: nothing goes before that.
        at_once: it may go at the first sight itself; a silent first look forbids that.
    """
    opening = calendar.opening(day)
    if opening is not None:
        return Slot(opening)
    start = calendar.start_of(day)
    if until is not None:
        earlier = _slot_before(start, calendar, seen_at=seen_at, at_once=at_once)
        if earlier is not None:
            return Slot(earlier, ahead=True)
    later = calendar.next_open(start)
    if later is not None and (until is None or later < until):
        return Slot(later)
    return Slot(start, blocked=calendar.reason_on(day))


def _slot_before(
    start: datetime, calendar: Calendar, *, seen_at: datetime, at_once: bool
) -> datetime | None:
    not_before = seen_at if at_once else seen_at + datetime.resolution
    opening = calendar.last_open(before=start, not_before=not_before)
    if opening is not None:
        return opening
    return seen_at if at_once and seen_at < start and calendar.is_open(seen_at) else None
