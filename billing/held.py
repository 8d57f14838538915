"""What stops us asking for money: a hold by staff, a promise, a pause. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from billing.calendar import Calendar
from billing.values import Reason


class HoldKind(StrEnum):
    """Who stopped it: staff (`hold`), the customer's word (`promise`), or their wish (`pause`)."""

    HOLD = "hold"
    PROMISE = "promise"
    PAUSE = "pause"

    @property
    def reason(self) -> Reason:
        """What a delivery that waits for its end says."""
        return Reason.PROMISE if self is HoldKind.PROMISE else Reason.HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What stops one invoice: until the end of which day, and in whose words."""

    kind: HoldKind
    until: date
    reason: str
    author: str
    created_at: datetime

    def ends_at(self, calendar: Calendar) -> datetime:
        """Return the instant at which it is over."""
        return calendar.start_of(self.until + timedelta(days=1))


def strictest(holds: Iterable[Held], calendar: Calendar, *, now: datetime) -> Held | None:
    """This function will return the hold in force that ends last, or None."""
    today = calendar.today(now)
    alive = [one for one in holds if one.until >= today]
    return max(alive, key=lambda one: (one.until, one.kind is HoldKind.HOLD), default=None)
