"""How often an account may be contacted about money it owes. Pure.

A *contact* is one alert on one local date: the same alert on a second channel that day is the same
contact, on the next day it is another one. A *week* is any seven local days in a row, today and the
six before: stricter than a calendar week, which is one of them, and blind to where a week begins.
Receipts and other news ask for nothing; the caller neither asks about them nor counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.calendar.calendar import Calendar
from billing.values import Reason

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that one account gets of unpaid alerts; None = no limit.

    Args:
        per_day: contacts on one local date.
        per_week: contacts in any seven local days in a row.
        gap_days: least distance in days between the dates of two contacts: 2 = Monday, Wednesday.
        channels_per_week: different channels used in any seven local days in a row.

    Raises:
        ValueError: for a limit below 1, which would mean never.
    """

    per_day: int | None = None
    per_week: int | None = None
    gap_days: int | None = None
    channels_per_week: int | None = None

    def __post_init__(self) -> None:
        for name in ("per_day", "per_week", "gap_days", "channels_per_week"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ValueError(f"{name} is 1 or more, or left out for no limit; got {limit}")

    def __and__(self, other: Caps) -> Caps:
        """Return the stricter of the two, limit by limit."""
        return Caps(
            per_day=_of(min, self.per_day, other.per_day),
            per_week=_of(min, self.per_week, other.per_week),
            gap_days=_of(max, self.gap_days, other.gap_days),
            channels_per_week=_of(min, self.channels_per_week, other.channels_per_week),
        )

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return self != Caps()


def _of(stricter: Callable[[list[int]], int], mine: int | None, theirs: int | None) -> int | None:
    limits = [limit for limit in (mine, theirs) if limit is not None]
    return stricter(limits) if limits else None


@dataclass(frozen=True, slots=True)
class Contact:
    """An unpaid alert that went, or may have gone, to the account.

    Args:
        at: when.
        alert_key: which alert, e.g. its row's id.
        channel_key: over which channel, e.g. its row's id.
    """

    at: datetime
    alert_key: int | str
    channel_key: int | str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which cap is in the way, and when it no longer is.

    Args:
        reason: `cap_day`, or `cap_week` (also for the gap and the channels of a week).
        until: the earliest opening at which it may go if nothing else goes meanwhile; None = none
            within the calendar's search.
    """

    reason: Reason
    until: datetime | None


def contacts_since(caps: Caps, calendar: Calendar, *, now: datetime) -> datetime:
    """This function will say how far back contacts matter, so that a caller reads no more.

    Returns:
        The start (UTC) of the oldest local date that any of the caps looks at.
    """
    days = max(WEEK_DAYS, caps.gap_days or 0)
    return calendar.start_of(calendar.today(now) - timedelta(days=days - 1))


def refusal(
    caps: Caps,
    contacts: Iterable[Contact],
    calendar: Calendar,
    *,
    alert_key: int | str,
    channel_key: int | str,
    now: datetime,
) -> Refusal | None:
    """This function will say whether the caps forbid an unpaid alert on a channel now.

    Args:
        caps: the strictest of what applies.
        contacts: what went to the account since `contacts_since`, on any channel, in any order.
        calendar: of the account; its zone says what a date is.
        alert_key: the alert that would go.
        channel_key: the channel over which it would go.
        now: the present.

    Returns:
        None if it may go; else which cap is in the way and until when.
    """
    if not caps:
        return None
    past = [(calendar.today(one.at), one.alert_key, one.channel_key) for one in contacts]
    today = calendar.today(now)
    reason = _broken(caps, past, today, alert_key, channel_key)
    if reason is None:
        return None
    day = today + timedelta(days=1)
    while _broken(caps, past, day, alert_key, channel_key) is not None:
        day += timedelta(days=1)
    return Refusal(reason, calendar.next_open(calendar.start_of(day)))


def _broken(
    caps: Caps,
    past: Iterable[tuple[date, int | str, int | str]],
    day: date,
    alert_key: int | str,
    channel_key: int | str,
) -> Reason | None:
    """Say which cap one more send on this date would break, the day's first."""
    week = [one for one in past if 0 <= (day - one[0]).days < WEEK_DAYS]
    dates = {(on, alert) for on, alert, _ in week} | {(day, alert_key)}
    if caps.per_day is not None and sum(on == day for on, _ in dates) > caps.per_day:
        return Reason.CAP_DAY
    if caps.per_week is not None and len(dates) > caps.per_week:
        return Reason.CAP_WEEK
    channels = {channel for _, _, channel in week} | {channel_key}
    if caps.channels_per_week is not None and len(channels) > caps.channels_per_week:
        return Reason.CAP_WEEK
    if caps.gap_days is not None and any(
        (on, alert) != (day, alert_key) and 0 <= (day - on).days < caps.gap_days
        for on, alert, _ in past
    ):
        return Reason.CAP_WEEK
    return None
