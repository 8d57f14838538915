"""What came of a simulation: days, channels, kinds, reasons, and how two policies differ. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from billing.calendar import Calendar
from billing.simulation.limits import LimitSource, limit_of, open_minutes
from billing.simulation.tally import Tally
from billing.values import AlertKind, Medium, Reason


class Assumption(StrEnum):
    """What is taken for granted; it stands under every forecast, in the words of each surface."""

    NOTHING_CHANGES = "nothing_changes"  # nobody pays, nothing is issued: the most that would go
    NO_CREDIT = "no_credit"  # an account owes the sum of its open invoices
    ALL_ACCEPTED = "all_accepted"  # providers take everything at the first try, Wispro answers
    HELD_IS_RELEASED = "held_is_released"  # a held run counts as released now
    SAMPLE_SEGMENTS = "sample_segments"  # an SMS takes the segments of its kind's sample


CAPS = frozenset({Reason.CAP_DAY, Reason.CAP_WEEK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One date on the ISP's wall.

    Args:
        date: the date.
        messages: how many leave.
        channels: by scheme.
        kinds: by kind of message.
        joined: alerts that go along in the message of another.
        skipped: deliveries that never go, by reason.
        put_off: deliveries that wait for a later opening, by reason.
        capped: of both, those that a cap stopped.
        holiday: the public holiday that closes it, if one does.
        open_minutes: in which messages may leave.
    """

    date: date
    messages: int
    channels: dict[str, int]
    kinds: dict[str, int]
    joined: int
    skipped: dict[str, int]
    put_off: dict[str, int]
    capped: int
    holiday: str | None
    open_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tight:
    """A day on which a channel has more to send than its provider takes, and why."""

    date: date
    messages: int
    minutes: float | None
    open_minutes: int
    over_day: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTotal:
    """One kind of channel over all days, against what its provider takes."""

    scheme: str
    medium: str
    messages: int
    busiest_date: date
    busiest: int
    busiest_minutes: float | None
    per_minute: float | None
    per_day: int | None
    source: LimitSource
    tight: Sequence[Tight]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The hour in which most messages leave."""

    date: date
    hour: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMonth:
    """The SMS of one calendar month: what was spent so far, what would come, in segments."""

    first: date
    spent: int
    segments: int
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What the messages by SMS cost; `cost` is None where no price was named.

    `budget` is what the ISP may spend in a month, None = without one. The forecast does not stop
    at it: a month that is `over` shows by how much.
    """

    messages: int
    segments: int
    price: Decimal | None
    cost: Decimal | None
    budget: int | None
    months: Sequence[TextMonth]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """How many deliveries of one kind did not go, for one reason."""

    kind: str
    reason: str
    deliveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The next days of one ISP under one policy."""

    isp: str
    currency: str
    now: datetime
    days: Sequence[Day]
    messages: int
    accounts: int
    reached: int
    channels: Sequence[ChannelTotal]
    kinds: dict[str, int]
    busiest_hour: Hour | None
    skipped: Sequence[Why]
    put_off: Sequence[Why]
    texts: Texts | None
    assumptions: Sequence[Assumption] = tuple(Assumption)


def forecast(
    tally: Tally,
    *,
    isp: str,
    currency: str,
    calendar: Calendar,
    now: datetime,
    days: int,
    segments: Callable[[AlertKind], int] | None = None,
    price: Decimal | None = None,
    budget: int | None = None,
    spent: int = 0,
) -> Forecast:
    """This function will put what was counted in order.

    Args:
        tally: from the simulation.
        isp: its slug.
        currency: of the price.
        calendar: of the ISP, under the same policy.
        now: the present.
        days: how many dates from today on.
        segments: how many SMS segments a message of a kind takes; None = one.
        price: of one segment, in `currency`; None = unknown.
        budget: segments that the ISP may spend in a calendar month; None = without one.
        spent: of it, in the present month so far.
    """
    today = calendar.today(now)
    dates = [today + timedelta(days=number) for number in range(days)]
    by_day: dict[date, list[tuple[str, str, int, AlertKind, int]]] = {day: [] for day in dates}
    for (day, hour, scheme, medium, kind), number in tally.sent.items():
        if day in by_day:
            by_day[day].append((scheme, medium, hour, kind, number))
    found = [_day(day, by_day[day], tally, calendar, now=now) for day in dates]
    hours: Counter[tuple[date, int]] = Counter()
    for day, items in by_day.items():
        for _scheme, _medium, hour, _kind, number in items:
            hours[(day, hour)] += number
    busiest = max(hours.items(), key=lambda item: (item[1], _negative(item[0])), default=None)
    return Forecast(
        isp=isp,
        currency=currency,
        now=now,
        days=found,
        messages=sum(one.messages for one in found),
        accounts=tally.accounts,
        reached=tally.reached,
        channels=_channels(by_day, found),
        kinds=_summed(one.kinds for one in found),
        busiest_hour=busiest and Hour(date=busiest[0][0], hour=busiest[0][1], messages=busiest[1]),
        skipped=_why(tally.skipped),
        put_off=_why(tally.put_off),
        texts=_texts(
            by_day, segments or (lambda _: 1), price, budget, {today.replace(day=1): spent}
        ),
    )


def _negative(place: tuple[date, int]) -> tuple[int, int]:
    """Order the earlier of two equals higher."""
    return -place[0].toordinal(), -place[1]


def _day(
    day: date,
    items: Sequence[tuple[str, str, int, AlertKind, int]],
    tally: Tally,
    calendar: Calendar,
    *,
    now: datetime,
) -> Day:
    channels: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for scheme, _medium, _hour, kind, number in items:
        channels[scheme] += number
        kinds[kind.value] += number
    skipped = _reasons(tally.skipped, day)
    put_off = _reasons(tally.put_off, day)
    return Day(
        date=day,
        messages=channels.total(),
        channels=_largest_first(channels),
        kinds=_largest_first(kinds),
        joined=tally.joined[day],
        skipped=skipped,
        put_off=put_off,
        capped=sum(one.get(reason.value, 0) for one in (skipped, put_off) for reason in CAPS),
        holiday=calendar.holiday(day),
        open_minutes=open_minutes(calendar, day, now=now),
    )


def _reasons(counted: Mapping[tuple[date, AlertKind, Reason], int], day: date) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (on, _kind, reason), number in counted.items():
        if on == day:
            found[reason.value] += number
    return _largest_first(found)


def _why(counted: Mapping[tuple[date, AlertKind, Reason], int]) -> list[Why]:
    found: Counter[tuple[str, str]] = Counter()
    for (_day, kind, reason), number in counted.items():
        found[(kind.value, reason.value)] += number
    return [
        Why(kind=kind, reason=reason, deliveries=number)
        for (kind, reason), number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]


def _channels(
    by_day: Mapping[date, Sequence[tuple[str, str, int, AlertKind, int]]], days: Sequence[Day]
) -> list[ChannelTotal]:
    volume: dict[tuple[str, str], Counter[date]] = {}
    for day, items in by_day.items():
        for scheme, medium, _hour, _kind, number in items:
            volume.setdefault((scheme, medium), Counter())[day] += number
    minutes_open = {one.date: one.open_minutes for one in days}
    found = []
    for (scheme, medium), counted in volume.items():
        limit = limit_of(scheme, medium)
        busiest = max(counted, key=lambda day: (counted[day], -day.toordinal()))
        tight = []
        for day, number in sorted(counted.items()):
            minutes = limit.minutes_for(number)
            over_day = limit.per_day is not None and number > limit.per_day
            if over_day or (minutes is not None and minutes > minutes_open[day]):
                tight.append(
                    Tight(
                        date=day,
                        messages=number,
                        minutes=minutes,
                        open_minutes=minutes_open[day],
                        over_day=over_day,
                    )
                )
        found.append(
            ChannelTotal(
                scheme=scheme,
                medium=medium,
                messages=counted.total(),
                busiest_date=busiest,
                busiest=counted[busiest],
                busiest_minutes=limit.minutes_for(counted[busiest]),
                per_minute=limit.per_minute,
                per_day=limit.per_day,
                source=limit.source,
                tight=tight,
            )
        )
    return sorted(found, key=lambda one: (-one.messages, one.scheme))


def _texts(
    by_day: Mapping[date, Sequence[tuple[str, str, int, AlertKind, int]]],
    segments: Callable[[AlertKind], int],
    price: Decimal | None,
    budget: int | None,
    spent: Mapping[date, int],
) -> Texts | None:
    messages = 0
    months: Counter[date] = Counter()
    for day, items in by_day.items():
        for _scheme, medium, _hour, kind, number in items:
            if medium == Medium.SMS.value:
                messages += number
                months[day.replace(day=1)] += number * segments(kind)
    if not messages:
        return None
    total = months.total()
    return Texts(
        messages=messages,
        segments=total,
        price=price,
        cost=None if price is None else total * price,
        budget=budget,
        months=[
            TextMonth(
                first=first,
                spent=(already := spent.get(first, 0)),
                segments=number,
                over=budget is not None and already + number > budget,
            )
            for first, number in sorted(months.items())
        ],
    )


def _summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part)
    return _largest_first(found)


def _largest_first(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two forecasts of the same days differ: (date, messages before, messages after)."""

    per_day: Sequence[tuple[date, int, int]]
    total_more: int
    total_fewer: int


def difference(before: Forecast, after: Forecast) -> Difference:
    """This function will compare two forecasts, date by date; one that has a date more loses it.

    Returns:
        `total_more` is the sum over the days with more messages, `total_fewer` over the others.
    """
    then = {one.date: one.messages for one in after.days}
    per_day = [(one.date, one.messages, then[one.date]) for one in before.days if one.date in then]
    return Difference(
        per_day=per_day,
        total_more=sum(max(new - old, 0) for _, old, new in per_day),
        total_fewer=sum(max(old - new, 0) for _, old, new in per_day),
    )
