"""May it go now? Wall-clock hours in the ISP's zone, and the dates that depend on it.

Due dates are dates; "today" is the date in the ISP's zone. Wall times are turned into instants per
occurrence, so that daylight saving moves the instant and never the hour that people see.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: product.md, section 3, rule 7.
DEFAULT_HOURS = "09:00-19:00"
_MIDNIGHT_MINUTES = 24 * 60
_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class ContactHours:
    """A daily window, in minutes after local midnight; `closes` is exclusive, 1440 at most."""

    opens: int
    closes: int

    @classmethod
    def parse(cls, text: str) -> ContactHours:
        """Read "HH:MM-HH:MM" ("24:00" ends the day).

        Raises:
            ValueError: if the form is wrong or the window never opens.
        """
        match = _HOURS.fullmatch(text.strip())
        if match:
            from_h, from_m, to_h, to_m = (int(group) for group in match.groups())
            opens, closes = from_h * 60 + from_m, to_h * 60 + to_m
            if from_m < 60 and to_m < 60 and opens < closes <= _MIDNIGHT_MINUTES:
                return cls(opens, closes)
        raise ValueError(
            f"contact hours are HH:MM-HH:MM, opening before closing, e.g. 09:00-19:00; got {text!r}"
        )

    def __str__(self) -> str:
        return "-".join(f"{m // 60:02}:{m % 60:02}" for m in (self.opens, self.closes))


@dataclass(frozen=True, slots=True)
class Calendar:
    """An ISP's zone and hours, and the questions that the planner and the gate ask of them."""

    zone: ZoneInfo
    hours: ContactHours

    @classmethod
    def of(cls, timezone: str, hours: str) -> Calendar:
        """Build from an IANA name and "HH:MM-HH:MM".

        Raises:
            ValueError: naming what is wrong with either.
        """
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones
            raise ValueError(
                f"no such time zone: {timezone!r} "
                "(an IANA name is wanted, e.g. America/Argentina/Cordoba)"
            ) from None
        return cls(zone, ContactHours.parse(hours))

    def today(self, now: datetime) -> date:
        """Return the date on the customer's wall."""
        return now.astimezone(self.zone).date()

    def opening(self, day: date) -> datetime:
        """Return the instant (UTC) at which the window of a day opens."""
        return self._instant(day, self.hours.opens)

    def start_of(self, day: date) -> datetime:
        """Return the instant (UTC) at which a day begins."""
        return self._instant(day, 0)

    def is_open(self, now: datetime) -> bool:
        """Whether an alert may leave at this instant."""
        day = self.today(now)
        return self.opening(day) <= now < self._instant(day, self.hours.closes)

    def next_open(self, now: datetime) -> datetime:
        """Return `now` if the window is open, else the instant at which it opens next."""
        if self.is_open(now):
            return now
        day = self.today(now)
        opening = self.opening(day)
        return opening if opening > now else self.opening(day + timedelta(days=1))

    def _instant(self, day: date, minutes: int) -> datetime:
        extra, minutes = divmod(minutes, _MIDNIGHT_MINUTES)
        wall = datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=self.zone)
        return (wall + timedelta(days=extra)).astimezone(UTC)
