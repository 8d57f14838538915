"""What a policy means, worked out a second time: dates, windows and counts in plain arithmetic.

Nothing here comes from `billing`: it shares the zones and the holidays with the product and no line
of its code, so that a mistake over there is no mistake over here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

DAY = timedelta(days=1)
FAR = 60
#: Of one weekday: minutes after midnight.
Windows = tuple[tuple[int, int], ...]
Week = tuple[Windows, ...]


def week(weekdays: Windows, saturday: Windows, sunday: Windows) -> Week:
    """Return the windows of Monday to Sunday."""
    return (weekdays,) * 5 + (saturday, sunday)


_OFFICE = ((9 * 60, 19 * 60),)
#: Contact hours as the product reads them, and what they mean.
HOURS: dict[str, Week] = {
    "09:00-19:00": week(_OFFICE, _OFFICE, _OFFICE),
    "00:00-24:00": week(((0, 1440),), ((0, 1440),), ((0, 1440),)),
    "mon-fri 08:00-18:00, sat 09:00-13:00": week(((480, 1080),), ((540, 780),), ()),
    "09:00-12:00 and 16:00-20:00": week(*[((540, 720), (960, 1200))] * 3),
    "mon-fri 10:00-12:00 and 17:00-19:00": week(((600, 720), (1020, 1140)), (), ()),
    "17:00-18:00": week(*[((1020, 1080),)] * 3),
    "wed 10:00-18:00": ((), (), ((600, 1080),), (), (), (), ()),
}


@dataclass(frozen=True)
class Limits:
    """Caps; None = no limit."""

    per_day: int | None = None
    per_week: int | None = None
    gap_days: int | None = None
    channels: int | None = None


@dataclass(frozen=True)
class Country:
    """A preset, read from product.md, section 5."""

    week: Week
    region: str | None
    limits: Limits


COUNTRIES = {
    "AR": Country(week(((540, 1200),), ((540, 780),), ()), "AR", Limits(1, 3)),
    "CO": Country(week(((420, 1140),), ((480, 900),), ()), "CO", Limits(1, channels=1)),
    "CL": Country(week(((480, 1200),), ((480, 1200),), ()), "CL", Limits(None, 2, 2)),
    "custom": Country(HOURS["00:00-24:00"], None, Limits()),
}


@dataclass(frozen=True)
class Rung:
    """A step: a kind, so many days from an anchor."""

    kind: str
    anchor: str
    days: int

    @property
    def name(self) -> str:
        """Its name in the rows."""
        days = f"{self.days:+d}d" if self.days else "0d"
        return days if self.anchor in {"first_due", "second_due"} else f"{self.anchor}{days}"


@dataclass(frozen=True)
class Plan:
    """A policy of an ISP."""

    zone: str
    preset: str | None
    hours: str
    limits: Limits
    digest_from: int
    rungs: tuple[Rung, ...]
    events: tuple[str, ...]
    gap_hours: int = 48
    catch_up: int = 7
    minimum: int = 0

    @property
    def text(self) -> str:
        """The file."""
        lines = [f'timezone = "{self.zone}"', f'hours = "{self.hours}"']
        if self.preset:
            lines.append(f'preset = "{self.preset}"')
        lines += [
            f"digest_from = {self.digest_from}",
            f"catch_up_days = {self.catch_up}",
            f"overdue_gap_hours = {self.gap_hours}",
            f'minimum_amount = "{self.minimum}"',
            "[caps]",
        ]
        names = {"per_day": "per_day", "per_week": "per_week", "gap_days": "gap_days"}
        for mine, theirs in (names | {"channels": "channels_per_week"}).items():
            if (limit := getattr(self.limits, mine)) is not None:
                lines.append(f"{theirs} = {limit}")
        lines += [f'[[step]]\nkind = "{kind}"' for kind in self.events]
        lines += [
            f'[[step]]\nkind = "{one.kind}"\nanchor = "{one.anchor}"\ndays = {one.days}'
            for one in self.rungs
        ]
        return "\n".join(lines)

    @property
    def caps(self) -> Limits:
        """The stricter of the country's and the ISP's own."""
        if self.preset is None:
            return self.limits
        mine, theirs = self.limits, COUNTRIES[self.preset].limits
        both = {
            name: [one for one in (getattr(mine, name), getattr(theirs, name)) if one is not None]
            for name in ("per_day", "per_week", "gap_days", "channels")
        }
        return Limits(
            *(
                (max if name == "gap_days" else min)(found) if found else None
                for name, found in both.items()
            )
        )

    def sends(self, kind: str, step: str) -> bool:
        """Whether it has such a step or event."""
        return kind in self.events or any((r.kind, r.name) == (kind, step) for r in self.rungs)


@lru_cache(maxsize=256)
def _closed_days(region: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(region, years=year))


@dataclass(frozen=True)
class Almanac:
    """When one customer may be reached: every window has to be open."""

    zone: ZoneInfo
    weeks: tuple[Week, ...]
    region: str | None

    @classmethod
    def of(cls, plan: Plan, own: str | None) -> Almanac:
        """Return what holds for a customer with hours of their own."""
        country = COUNTRIES[plan.preset] if plan.preset else None
        texts = [plan.hours] + ([own] if own else [])
        weeks = [HOURS[text] for text in texts] + ([country.week] if country else [])
        return cls(ZoneInfo(plan.zone), tuple(weeks), country.region if country else None)

    def day(self, at: datetime) -> date:
        """Return the date on the wall."""
        return at.astimezone(self.zone).date()

    def begins(self, day: date, minutes: int = 0) -> datetime:
        """Return the instant of a wall time."""
        wall = datetime.combine(day, time(), tzinfo=self.zone) + timedelta(minutes=minutes)
        return wall.astimezone(UTC)

    def is_open(self, at: datetime) -> bool:
        """Whether somebody may be written to at this instant."""
        wall = at.astimezone(self.zone)
        if self.is_holiday(wall.date()):
            return False
        minute = wall.hour * 60 + wall.minute
        return all(
            any(opens <= minute < closes for opens, closes in one[wall.weekday()])
            for one in self.weeks
        )

    def is_holiday(self, day: date) -> bool:
        """Whether the country rests."""
        return self.region is not None and day in _closed_days(self.region, day.year)

    def first(self, day: date) -> datetime | None:
        """Return when a day opens; None = not at all."""
        return next(iter(self.opened(day)), None)

    def opened(self, day: date) -> list[datetime]:
        """Return the instants of a day at which a window begins."""
        return _openings(self, day)

    def next_open(self, at: datetime) -> datetime | None:
        """Return the first instant from here on at which somebody may be written to."""
        if self.is_open(at):
            return at
        day = self.day(at)
        for more in range(FAR):
            for opens in self.opened(day + more * DAY):
                if opens >= at:
                    return opens
        return None

    def slots(self, since: datetime, until: datetime | None) -> Iterator[datetime]:
        """Yield the first open instant of each day from `since` to before `until`."""
        day = self.day(since)
        for more in range(FAR):
            at = since if more == 0 else self.begins(day + more * DAY)
            found = self.next_open(at)
            if found is None or (until is not None and found >= until):
                return
            if self.day(found) == day + more * DAY:
                yield found


@lru_cache(maxsize=8192)
def _openings(almanac: Almanac, day: date) -> list[datetime]:
    """Feel one's way through a day, a quarter of an hour at a time."""
    found: list[datetime] = []
    shut = True
    for minute in range(0, 1440, 15):
        at = almanac.begins(day, minute)
        if almanac.day(at) == day:
            if shut and almanac.is_open(at):
                found.append(at)
            shut = not almanac.is_open(at)
    return found


@dataclass(frozen=True)
class Due:
    """A step of one invoice: from when until when; `blocked` = it has no slot."""

    kind: str
    step: str
    anchor_date: date
    at: datetime
    until: datetime
    blocked: bool = False

    @property
    def key(self) -> tuple[str, str, date]:
        """What makes it the same as another."""
        return self.kind, self.step, self.anchor_date


@dataclass(frozen=True, kw_only=True)
class Dates:
    """What the steps of an invoice are counted from; `silent` = it was there at a first look."""

    issued: date
    first_due: date
    second_due: date | None
    seen_at: datetime
    silent: bool


def ladder(dates: Dates, plan: Plan, almanac: Almanac) -> list[Due]:
    """Lay a policy on an invoice, in the order of time."""
    anchors = {"issued": dates.issued, "first_due": dates.first_due}
    if dates.second_due and dates.second_due > dates.first_due:
        anchors["second_due"] = dates.second_due
    found: list[tuple[Due, bool]] = []
    for rung in plan.rungs:
        anchor = anchors.get(rung.anchor)
        if anchor is None:
            continue
        day = anchors["previous"] = anchor + rung.days * DAY
        worthless: date | None = None
        if rung.kind == "due_soon":
            worthless = dates.first_due
        elif rung.kind == "second_due_soon":
            worthless = dates.second_due
        elif rung.kind == "due_today":
            worthless = day + DAY
        until = almanac.begins(worthless) if worthless else None
        at, ahead = _slot(day, almanac, dates, until)
        blocked = at is None
        moment = at or almanac.begins(day)
        if dates.silent and moment <= dates.seen_at:
            continue
        if rung.kind == "overdue":
            soonest = almanac.next_open(dates.seen_at + timedelta(hours=plan.gap_hours))
            blocked = blocked or soonest is None
            moment = max(moment, soonest or moment)
        end = until or moment + plan.catch_up * DAY
        item = Due(rung.kind, rung.name, anchor, moment, end, blocked)
        found.append((item, ahead and rung.days == 0))
    items = []
    for item, early in found:
        others = [one for one, _ in found if one is not item]
        if early and any(almanac.day(one.at) == almanac.day(item.at) for one in others):
            start = almanac.begins(item.anchor_date)
            items.append(replace(item, at=start, blocked=True))
        else:
            items.append(item)
    return sorted(items, key=lambda one: one.at)


def _slot(
    day: date, almanac: Almanac, dates: Dates, until: datetime | None
) -> tuple[datetime | None, bool]:
    """Return when a step's time comes, and whether that is before its day."""
    if (own := almanac.first(day)) is not None:
        return own, False
    start = almanac.begins(day)
    if until is not None:
        for back in range(1, FAR):
            if day - back * DAY < almanac.day(dates.seen_at):
                break
            for opens in almanac.opened(day - back * DAY):
                if opens > dates.seen_at or (opens == dates.seen_at and not dates.silent):
                    return opens, True
        if not dates.silent and dates.seen_at < start and almanac.is_open(dates.seen_at):
            return dates.seen_at, True
    later = almanac.next_open(start)
    if later is None or (until is not None and later >= until):
        return None, False
    return later, False


@dataclass(frozen=True)
class Contact:
    """A message that asked for money and left: its day, its alerts, its channel."""

    day: date
    alerts: frozenset[int]
    channel: int


def breaks(caps: Limits, contacts: Iterable[Contact], one: Contact) -> str | None:
    """Name the cap that a message breaks after the others; None = none."""
    contacts = list(contacts)
    week_ = [c for c in contacts if 0 <= (one.day - c.day).days < 7]
    if caps.per_day and _count([c for c in week_ if c.day == one.day] + [one]) > caps.per_day:
        return "cap_day"
    if caps.per_week and _count([*week_, one]) > caps.per_week:
        return "cap_week"
    if caps.channels and len({c.channel for c in week_} | {one.channel}) > caps.channels:
        return "cap_week"
    if caps.gap_days:
        for c in contacts:
            same = c.day == one.day and c.alerts & one.alerts
            if not same and 0 <= (one.day - c.day).days < caps.gap_days:
                return "cap_week"
    return None


def _count(contacts: Sequence[Contact]) -> int:
    """Count them; the same alert over two channels on one day is one."""
    days: dict[date, list[frozenset[int]]] = {}
    for one in contacts:
        groups = days.setdefault(one.day, [])
        same = next((place for place, g in enumerate(groups) if g & one.alerts), None)
        if same is None:
            groups.append(one.alerts)
        else:
            groups[same] |= one.alerts
    return sum(len(groups) for groups in days.values())
