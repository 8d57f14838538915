"""The next days of an ISP as one page that stands by itself: heat map, channels, reasons, effect.

The page loads nothing from anywhere and runs no script; its own policy forbids both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from billing.simulation import Difference, Forecast
from notifications.forecast.words import (
    ASSUMPTIONS,
    KINDS,
    REASONS,
    SOURCES,
    minutes,
    number,
    of_day,
    of_month,
    price,
)
from notifications.palette import DARK, LIGHT, TONES_DARK, TONES_LIGHT, Tone

_FOLDER = Path(__file__).parent
#: Shades of the heat map, from nothing to the busiest day.
_SHADES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One square of the calendar; None = a day outside of the forecast."""

    day: date
    messages: int
    shade: int
    title: str
    change: int | None
    closed: bool
    capped: int
    first_of_month: bool


def page(
    forecast: Forecast, *, then: Forecast | None = None, effect: Difference | None = None
) -> str:
    """This function will return the page.

    Args:
        forecast: under the policy in force.
        then: under another policy; the calendar shows this one, and the difference.
        effect: of the second against the first.
    """
    shown = then or forecast
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=True,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "number": number, "minutes": minutes, "of_day": of_day, "of_month": of_month,
        "price": price,
    }  # fmt: skip
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    text: str = environment.get_template("page.html").render(
        style=Markup(style),  # noqa: S704 - our own file
        light=LIGHT,
        dark=DARK,
        warn=TONES_LIGHT[Tone.LATE],
        warn_dark=TONES_DARK[Tone.LATE],
        now=forecast,
        shown=shown,
        other=then is not None,
        effect=effect,
        weeks=weeks(shown, effect),
        kinds=KINDS,
        reasons=REASONS,
        sources=SOURCES,
        assumptions=ASSUMPTIONS,
        capped=[day for day in shown.days if day.capped],
        tight=[(one, day) for one in shown.channels for day in one.tight],
        most=max((day.messages for day in shown.days), default=0),
    )
    return text


def weeks(forecast: Forecast, effect: Difference | None = None) -> Sequence[Sequence[_Cell | None]]:
    """This function will lay the days out as weeks from Monday to Sunday.

    Args:
        forecast: whose days.
        effect: what each day has more or fewer; None = nothing to compare with.
    """
    if not forecast.days:
        return []
    most = max(day.messages for day in forecast.days)
    changes = {} if effect is None else {day: new - old for day, old, new in effect.per_day}
    days = {day.date: day for day in forecast.days}
    first, last = min(days), max(days)
    monday = first - timedelta(days=first.weekday())
    found: list[list[_Cell | None]] = []
    while monday <= last:
        week: list[_Cell | None] = []
        for place in range(7):
            day = days.get(monday + timedelta(days=place))
            if day is None:
                week.append(None)
                continue
            week.append(
                _Cell(
                    day=day.date,
                    messages=day.messages,
                    shade=shade(day.messages, most),
                    title=f"{of_day(day.date)}: {number(day.messages)} mensajes"
                    + (f" · {day.holiday}" if day.holiday else ""),
                    change=changes.get(day.date),
                    closed=day.open_minutes == 0,
                    capped=day.capped,
                    first_of_month=day.date.day == 1 or day.date == first,
                )
            )
        found.append(week)
        monday += timedelta(days=7)
    return found


def shade(messages: int, most: int) -> int:
    """Return how dark a day is: 0 = nothing, `_SHADES` = the busiest."""
    return 0 if messages == 0 else max(-(-messages * _SHADES // most), 1)
