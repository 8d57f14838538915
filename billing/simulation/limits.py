"""What providers take, and how long a day's messages take at that rate. Pure.

The defaults of product.md, section 6; what an ISP agreed with its provider may be more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from billing.calendar import Calendar


class LimitSource(StrEnum):
    """Whose limit it is; each surface says it in its own language."""

    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    NTFY_SH = "ntfy_sh"
    SMTP = "smtp"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLimit:
    """What one sending account may send.

    Args:
        per_minute: messages a minute, sustained; None = not known.
        per_day: messages a day; None = no such limit.
        source: whose limit.
    """

    per_minute: float | None = None
    per_day: int | None = None
    source: LimitSource = LimitSource.UNKNOWN

    def minutes_for(self, messages: int) -> float | None:
        """Return how many minutes so many messages take; None where the rate is not known."""
        return None if self.per_minute is None else messages / self.per_minute


_TELEGRAM = ProviderLimit(per_minute=30 * 60, source=LimitSource.TELEGRAM)
_WHATSAPP = ProviderLimit(per_minute=80 * 60, per_day=250, source=LimitSource.WHATSAPP)
_NTFY = ProviderLimit(per_minute=60 / 5, per_day=250, source=LimitSource.NTFY_SH)
_SMTP = ProviderLimit(per_minute=60, source=LimitSource.SMTP)
_KNOWN = {
    "telegram": _TELEGRAM,
    "tgram": _TELEGRAM,
    "whatsapp": _WHATSAPP,
    "ntfy": _NTFY,
    "ntfys": _NTFY,
}
_UNKNOWN = ProviderLimit()


def limit_of(scheme: str, medium: str) -> ProviderLimit:
    """This function will return what is known of a kind of channel.

    Args:
        scheme: of the channel, "telegram".
        medium: its form; every e-mail goes by SMTP or is taken to.
    """
    return _KNOWN.get(scheme) or (_SMTP if medium == "email" else _UNKNOWN)


def open_minutes(calendar: Calendar, day: date, *, now: datetime) -> int:
    """This function will count the minutes of a day in which messages may leave.

    Args:
        calendar: of the ISP.
        day: on its wall.
        now: what lies before this instant does not count.
    """
    if calendar.holiday(day) is not None:
        return 0
    local = now.astimezone(calendar.zone)
    gone = local.hour * 60 + local.minute if local.date() == day else 0
    windows = calendar.hours.week[day.weekday()]
    return sum(max(closes - max(opens, gone), 0) for opens, closes in windows)
