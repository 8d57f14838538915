"""How `alerta simulate` says days, minutes, limits and assumptions: in English, as every command.

Kinds and reasons have the words of `alerta explain`; the page of a forecast has its own, for
people who read Spanish.
"""

from __future__ import annotations

from datetime import date

from billing.simulation import Assumption
from billing.simulation.limits import LimitSource
from billing.values import AlertKind, Reason
from worker.cli.explaining_words import KINDS, WHY, Language

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
SOURCES = {
    LimitSource.TELEGRAM: "Telegram: 30 a second and bot",
    LimitSource.WHATSAPP: "WhatsApp: 80 a second; 250 customers a day with a new number",
    LimitSource.NTFY_SH: "ntfy.sh: 250 a day, one every 5 s",
    LimitSource.SMTP: "SMTP: 60 a minute, unless agreed otherwise",
    LimitSource.UNKNOWN: "not known: ask the provider",
}
ASSUMPTIONS = {
    Assumption.NOTHING_CHANGES: "Nobody pays, and no invoice is issued or changes: it is the most "
    "that would go for what there is.",
    Assumption.NO_CREDIT: "Each account owes the sum of its open invoices; credit is not known.",
    Assumption.ALL_ACCEPTED: "Every provider takes every message at the first try, and Wispro "
    "always answers.",
    Assumption.HELD_IS_RELEASED: "A held run counts as released now.",
    Assumption.SAMPLE_SEGMENTS: "The segments of an SMS are those of a sample of its kind.",
}


def of_day(day: date) -> str:
    """Return "Tue 10 Mar", whatever the locale of the machine."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def number(value: float) -> str:
    """Return 12345 as "12,345"."""
    return f"{value:,.0f}"


def minutes(value: float | None) -> str:
    """Return minutes as "1 h 20 min"; "–" where nobody knows."""
    if value is None:
        return "–"
    if value < 1:
        return "< 1 min"
    hours, rest = divmod(round(value), 60)
    return f"{number(hours)} h {rest} min" if hours else f"{rest} min"


def kind(value: str) -> str:
    """Name a kind of alert."""
    return KINDS[Language.EN][AlertKind(value)]


def why(value: str) -> str:
    """Say why something does not go."""
    return WHY[Language.EN][Reason(value)].format(hold="")
