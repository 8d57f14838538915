"""Contact hours: the windows of each weekday, and whose public holidays close the day.

As text: "09:00-19:00" is each day; "mon-fri 07:00-19:00, sat 08:00-15:00, no holidays CO" names the
days that open, the others stay closed; "mon 09:00-13:00 and 15:00-19:00" opens twice. What is
printed reads back as the same hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from billing.calendar.holidays import check_region

#: product.md, section 3, rule 7.
DEFAULT_HOURS = "09:00-19:00"
DAY_MINUTES = 24 * 60

#: From and to, in minutes after local midnight; the end is exclusive, 1440 at most.
Window = tuple[int, int]
#: Of one day: sorted, apart from each other, none empty.
Windows = tuple[Window, ...]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = r"\d\d:\d\d-\d\d:\d\d"
_PART = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    rf"(?P<windows>{_WINDOW}(?: and {_WINDOW})*)"
)
_CLOSED = re.compile(r"no holidays(?P<regions>(?: [a-z0-9-]+)+)")
_ACCEPTED = (
    "HH:MM-HH:MM, opening before closing, e.g. 09:00-19:00, or by days, "
    "e.g. mon-fri 09:00-13:00 and 15:00-19:00, sat 09:00-13:00, no holidays AR"
)


@dataclass(frozen=True, slots=True)
class ContactHours:
    """When people may be reached, on the wall. Made by `parse` and by `&`.

    Args:
        week: the windows of Monday to Sunday; an empty one is a closed day.
        closed_on: the regions whose public holidays are closed, sorted: "AR", "BR-SP".
    """

    week: tuple[Windows, ...]
    closed_on: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ContactHours:
        """Read hours from text; see the head of this module for the form.

        Raises:
            ValueError: one line, if the form is wrong, a window never opens, a day is named twice
                or the holidays of a region are not known.
        """
        return _parsed(text)

    def __and__(self, other: ContactHours) -> ContactHours:
        """Return when both are open: possibly never."""
        return _both(self, other)

    @property
    def ever_open(self) -> bool:
        """Whether there is any window in the week: an intersection may have none."""
        return any(self.week)

    def __str__(self) -> str:
        parts = [
            f"{days}{' and '.join(_clock(window) for window in windows)}"
            for days, windows in self._runs()
            if windows
        ] or ["never"]
        if self.closed_on:
            parts.append(f"no holidays {' '.join(self.closed_on)}")
        return ", ".join(parts)

    def _runs(self) -> Iterator[tuple[str, Windows]]:
        """Yield "mon-fri " with the windows that these days share; "" stands for each day."""
        if len(set(self.week)) == 1:
            yield "", self.week[0]
            return
        for windows, run in groupby(range(7), key=lambda day: self.week[day]):
            days = list(run)
            last = f"-{_DAYS[days[-1]]}" if len(days) > 1 else ""
            yield f"{_DAYS[days[0]]}{last} ", windows


@lru_cache(maxsize=1024)
def _both(one: ContactHours, other: ContactHours) -> ContactHours:
    return ContactHours(
        tuple(_common(mine, theirs) for mine, theirs in zip(one.week, other.week, strict=True)),
        tuple(sorted({*one.closed_on, *other.closed_on})),
    )


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ContactHours:
    week: list[Windows] = [()] * 7
    regions: set[str] = set()
    for part in text.lower().split(","):
        words = " ".join(part.split())
        if closed := _CLOSED.fullmatch(words):
            regions.update(check_region(name) for name in closed["regions"].upper().split())
            continue
        match = _PART.fullmatch(words)
        if match is None:
            raise _refused(text)
        windows = _merged(_read(one) for one in match["windows"].split(" and "))
        for day in _named(match["first"], match["last"]):
            if not windows or week[day]:
                raise _refused(text)
            week[day] = windows
    if not any(week):
        raise _refused(text)
    return ContactHours(tuple(week), tuple(sorted(regions)))


def _refused(text: str) -> ValueError:
    return ValueError(f"contact hours are {_ACCEPTED}; got {text!r}")


def _named(first: str | None, last: str | None) -> Iterable[int]:
    """Name the days of "mon-fri", "sat", "sun-thu" or of no name at all; () if one is no day."""
    if first is None:
        return range(7)
    if first not in _DAYS or (last or first) not in _DAYS:
        return ()
    begin = _DAYS.index(first)
    return [(begin + more) % 7 for more in range((_DAYS.index(last or first) - begin) % 7 + 1)]


def _read(text: str) -> Window:
    """Read "HH:MM-HH:MM"; (0, 0) if it is no window."""
    from_h, from_m, to_h, to_m = (int(digits) for digits in re.split("[:-]", text))
    opens, closes = from_h * 60 + from_m, to_h * 60 + to_m
    if from_m < 60 and to_m < 60 and opens < closes <= DAY_MINUTES:
        return opens, closes
    return 0, 0


def _merged(windows: Iterable[Window]) -> Windows:
    """Return windows in order, those that touch as one; () if one of them never opens."""
    found: list[Window] = []
    for opens, closes in sorted(windows):
        if opens == closes:
            return ()
        if found and opens <= found[-1][1]:
            found[-1] = found[-1][0], max(closes, found[-1][1])
        else:
            found.append((opens, closes))
    return tuple(found)


def _common(mine: Windows, theirs: Windows) -> Windows:
    pairs = ((max(a, c), min(b, d)) for a, b in mine for c, d in theirs)
    return tuple(sorted((opens, closes) for opens, closes in pairs if opens < closes))


def _clock(window: Window) -> str:
    return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in window)
