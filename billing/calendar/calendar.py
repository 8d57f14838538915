"""May it go now? Wall-clock hours in the ISP's zone, and the dates that depend on it.

Due dates are dates; "today" is the date in the ISP's zone. Wall times are turned into instants per
occurrence, so that daylight saving moves the instant and never the hour that people see. A wall
time that a day skips is the instant at which its clocks jump; of one that comes twice, the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from billing.calendar.holidays import holiday_in
from billing.calendar.hours import DAY_MINUTES, ContactHours
from billing.values import Reason

#: How far an opening is looked for, in days: twice the longest useful life of an alert, and longer
#: than any run of holidays. Our own choice.
SEARCH_DAYS = 60
#: Days that one calendar remembers: two years.
_MOST_DAYS = 731
_ONE_DAY = timedelta(days=1)

#: The windows of one day as instants (UTC), in order.
_Spans = tuple[tuple[datetime, datetime], ...]
#: The instant (UTC) at which a day begins, and its windows.
_Day = tuple[datetime, _Spans]


@dataclass(frozen=True, slots=True)
class Calendar:
    """A zone and its contact hours, and the questions that the planner and the gate ask of them.

    Equal ones made by `of` and `within` are the same object, so that a day is worked out once.
    """

    zone: ZoneInfo
    hours: ContactHours
    _days: dict[date, _Day] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, timezone: str, hours: str | ContactHours) -> Calendar:
        """Build from an IANA name and contact hours, as text or as they are.

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
        return _shared(zone, ContactHours.parse(hours) if isinstance(hours, str) else hours)

    def within(self, hours: ContactHours | None) -> Calendar:
        """Return the calendar that is open when this one and those hours are; None = this one.

        It may never open: then `next_open` has no answer, and what waits for it is skipped.
        """
        return self if hours is None else _shared(self.zone, self.hours & hours)

    def today(self, now: datetime) -> date:
        """Return the date on the customer's wall."""
        return now.astimezone(self.zone).date()

    def start_of(self, day: date) -> datetime:
        """Return the instant (UTC) at which a day begins."""
        return self._day(day)[0]

    def opening(self, day: date) -> datetime | None:
        """Return the instant (UTC) at which a day opens first; None = it is closed all day."""
        spans = self._day(day)[1]
        return spans[0][0] if spans else None

    def is_open(self, now: datetime) -> bool:
        """Whether an alert may leave at this instant."""
        for opens, closes in self._day(self.today(now))[1]:
            if now < closes:
                return opens <= now
        return False

    def next_open(self, now: datetime) -> datetime | None:
        """Return `now` if a window is open, else the instant at which the next one opens.

        Returns:
            None if no window opens within `SEARCH_DAYS`.
        """
        day = self.today(now)
        for _ in range(SEARCH_DAYS):
            for opens, closes in self._day(day)[1]:
                if now < closes:
                    return max(opens, now)
            day += _ONE_DAY
        return None

    def last_open(self, *, before: datetime, not_before: datetime) -> datetime | None:
        """Return the opening of the last open day before an instant.

        Of a day with several windows it is the first one that begins at or after `not_before`, so
        that what is moved to a day goes together with what belongs there.

        Args:
            before: the window begins earlier than this, at most `SEARCH_DAYS` earlier.
            not_before: and at this instant or later; a window that is open by then has begun.

        Returns:
            None if no window begins between the two.
        """
        day = self.today(before)
        for _ in range(SEARCH_DAYS):
            start, spans = self._day(day)
            for opens, _closes in spans:
                if not_before <= opens < before:
                    return opens
            if start <= not_before:
                return None
            day -= _ONE_DAY
        return None

    def holiday(self, day: date) -> str | None:
        """Return the name of the public holiday that closes a day, or None."""
        found = (holiday_in(region, day) for region in self.hours.closed_on)
        return next((name for name in found if name is not None), None)

    def reason_on(self, day: date) -> Reason:
        """Return why nothing goes on a closed day: a holiday, unless it has no windows anyway."""
        if self.hours.week[day.weekday()] and self.holiday(day) is not None:
            return Reason.HOLIDAY
        return Reason.QUIET_HOURS

    def why_closed(self, now: datetime) -> Reason:
        """Return why nothing goes at an instant at which `is_open` is False."""
        return self.reason_on(self.today(now))

    def _day(self, day: date) -> _Day:
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= _MOST_DAYS:
                self._days.clear()
            found = self._days[day] = (_instant(self.zone, day, 0), self._spans(day))
        return found

    def _spans(self, day: date) -> _Spans:
        windows = self.hours.week[day.weekday()]
        if not windows or self.holiday(day) is not None:
            return ()
        instants = (
            (_instant(self.zone, day, opens), _instant(self.zone, day, closes))
            for opens, closes in windows
        )
        # A window inside the hour that a day skips does not exist.
        return tuple((opens, closes) for opens, closes in instants if opens < closes)


@lru_cache(maxsize=256)
def _shared(zone: ZoneInfo, hours: ContactHours) -> Calendar:
    return Calendar(zone, hours)


def _instant(zone: ZoneInfo, day: date, minutes: int) -> datetime:
    """Return the instant (UTC) of a wall time, so that a later one never comes earlier."""
    extra, minutes = divmod(minutes, DAY_MINUTES)
    wall = datetime.combine(
        day + timedelta(days=extra), time(minutes // 60, minutes % 60), tzinfo=zone
    )
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    return _jump(zone, wall.replace(fold=1).astimezone(UTC), instant)


def _jump(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first second of the offset that holds at `after` and not yet at `before`."""
    offset = after.astimezone(zone).utcoffset()
    apart = int((after - before).total_seconds())
    while apart > 1:
        middle = before + timedelta(seconds=apart // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            apart //= 2
        else:
            before, apart = middle, apart - apart // 2
    return before + timedelta(seconds=apart)
