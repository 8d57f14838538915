"""What is counted while accounts go through their days. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing.values import AlertKind, Reason

#: (date, hour, scheme, medium, kind)
SentKey = tuple[date, int, str, str, AlertKind]
#: (date, kind, reason)
WhyKey = tuple[date, AlertKind, Reason]


@dataclass(slots=True)
class Tally:
    """Counts by local date; bounded by days, hours, channels and kinds, not by accounts.

    Args:
        zone: of the ISP, whose dates these are.
        sent: messages.
        joined: alerts that went along in the message of another.
        skipped: deliveries that never go.
        put_off: deliveries that wait for a later opening, each time they are put off.
        accounts: how many were looked at.
        reached: how many of them get anything.
        weight: how many accounts go the same way as the one at hand.
    """

    zone: ZoneInfo
    sent: Counter[SentKey] = field(default_factory=Counter)
    joined: Counter[date] = field(default_factory=Counter)
    skipped: Counter[WhyKey] = field(default_factory=Counter)
    put_off: Counter[WhyKey] = field(default_factory=Counter)
    accounts: int = 0
    reached: int = 0
    weight: int = 1
    _walls: dict[datetime, tuple[date, int]] = field(default_factory=dict, repr=False)

    def wall(self, at: datetime) -> tuple[date, int]:
        """Return the date and the hour on the wall; instants repeat."""
        found = self._walls.get(at)
        if found is None:
            if len(self._walls) >= _MOST_INSTANTS:
                self._walls.clear()
            local = at.astimezone(self.zone)
            found = self._walls[at] = (local.date(), local.hour)
        return found

    def send(self, at: datetime, scheme: str, medium: str, kind: AlertKind) -> None:
        """Count one message."""
        self.sent[(*self.wall(at), scheme, medium, kind)] += self.weight

    def join(self, at: datetime, number: int) -> None:
        """Count alerts that went along."""
        self.joined[self.wall(at)[0]] += number * self.weight

    def skip(self, at: datetime, kind: AlertKind, reason: Reason) -> None:
        """Count a delivery that never goes."""
        self.skipped[(self.wall(at)[0], kind, reason)] += self.weight

    def wait(self, at: datetime, kind: AlertKind, reason: Reason) -> None:
        """Count a delivery that is put off."""
        self.put_off[(self.wall(at)[0], kind, reason)] += self.weight


_MOST_INSTANTS = 10_000
