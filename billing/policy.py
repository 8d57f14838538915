"""What is owed and when: the ordered steps, and which of them have come due.

No step is ever asked "is today the day?": a step has an instant, and every instant that has passed
since the last decision is due, however long the worker was down. Of several, the latest goes and
the earlier ones are missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from billing.calendar import Calendar, Caps, ContactHours, Preset, slot_for
from billing.values import AlertKind, InvoiceFacts, Reason


class Anchor(StrEnum):
    """The date that a step is counted from.

    `cutoff` = the day on which the contract became `alerted`; `previous` = the day on which the
    step before it belongs; `change` = the day on which we saw something happen.
    """

    ISSUED = "issued"
    FIRST_DUE = "first_due"
    SECOND_DUE = "second_due"
    CUTOFF = "cutoff"
    PREVIOUS = "previous"
    CHANGE = "change"


#: Kinds that something that happens makes us owe, and no date.
EVENTS = frozenset(
    {
        AlertKind.ISSUED,
        AlertKind.PAID,
        AlertKind.CHANGED,
        AlertKind.VOIDED,
        AlertKind.CUTOFF_WARNING,
    }
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How an alert goes, whatever makes us owe it.

    Args:
        channels: media ("email", "chat", "push", "sms") or schemes ("telegram") on which it goes;
            empty = every channel of the customer.
        template: the kind whose words it uses; None = its own.
        capped: whether the caps on unpaid alerts bind it; None = as its kind says.
    """

    channels: frozenset[str] = frozenset()
    template: AlertKind | None = None
    capped: bool | None = None

    def uses(self, *, medium: str, scheme: str) -> bool:
        """Whether it goes on such a channel."""
        return not self.channels or bool(self.channels & {medium, scheme})


#: On every channel, in its own words.
PLAINLY = Manner()


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of alert, `offset` days after (or, negative, before) its anchor date.

    `name` is the step in the unique key and in tables: "-5d", "0d", "+3d", "issued+10d".
    """

    kind: AlertKind
    anchor: Anchor
    offset: int
    manner: Manner = PLAINLY
    name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        days = f"{self.offset:+d}d" if self.offset else "0d"
        due_date = self.anchor in {Anchor.FIRST_DUE, Anchor.SECOND_DUE}
        name = days if due_date else f"{self.anchor.value}{days}"
        object.__setattr__(self, "name", name)  # once: it is asked for at every alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an ISP sends, when and how.

    Args:
        steps: date-driven, in the order of precedence; of two that fall on one instant the later
            one goes.
        events: the kinds that something that happens makes us owe, each with its manner; one that
            is not named is not sent.
        overdue_gap: least time between our first sight of an invoice and overdue wording.
        catch_up: an overdue step that is this late when we get to it is missed, not sent.
        minimum: least amount that is asked for; None = the ISP's.
        confirm: a channel that staff added is told so, once.
        digest_from: so many alerts to one account at one time become one message; 0 = never.
        timezone: IANA name; None = the ISP's.
        preset: of a country, whose hours and caps hold besides; None = none.
        hours: the ISP's own contact hours; None = those it was added with.
        caps: the ISP's own.
    """

    steps: tuple[Step, ...]
    events: Mapping[AlertKind, Manner] = field(
        default_factory=lambda: MappingProxyType(dict.fromkeys(EVENTS, PLAINLY))
    )
    overdue_gap: timedelta = timedelta(hours=48)
    catch_up: timedelta = timedelta(days=7)
    minimum: Decimal | None = None
    digest_from: int = 2
    confirm: bool = True
    timezone: str | None = None
    preset: Preset | None = None
    hours: ContactHours | None = None
    caps: Caps = field(default_factory=Caps)
    _named: Mapping[tuple[AlertKind, str], Step] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = {(one.kind, one.name): one for one in reversed(self.steps)}
        object.__setattr__(self, "_named", named)

    def step_of(self, kind: AlertKind, name: str) -> Step | None:
        """Return the date-driven step of this kind and name, if there is one."""
        return self._named.get((kind, name))

    def counts_from(self, anchor: Anchor) -> bool:
        """Whether any step is counted from this anchor."""
        return any(one.anchor is anchor for one in self.steps)

    def manner_of(self, kind: AlertKind, name: str) -> Manner | None:
        """Return how an alert goes; None = this policy sends no such alert."""
        if kind in {AlertKind.DIGEST, AlertKind.TEST}:  # asked for by hand, or made of others
            return PLAINLY
        if kind is AlertKind.WELCOME:
            return PLAINLY if self.confirm else None
        step = self.step_of(kind, name)
        return step.manner if step is not None else self.events.get(kind)

    @property
    def all_caps(self) -> Caps:
        """The preset's caps and the ISP's own, the stricter of each."""
        return self.caps & self.preset.caps if self.preset else self.caps


#: product.md, section 4 (steps) and section 3, rule 5 (the gap). A week is our own choice of
#: catch-up: as long as the longest pause between two overdue steps.
DEFAULT_POLICY = Policy(
    steps=(
        Step(AlertKind.DUE_SOON, Anchor.FIRST_DUE, -5),
        Step(AlertKind.DUE_SOON, Anchor.FIRST_DUE, -1),
        Step(AlertKind.DUE_TODAY, Anchor.FIRST_DUE, 0),
        Step(AlertKind.OVERDUE, Anchor.FIRST_DUE, 3),
        Step(AlertKind.OVERDUE, Anchor.FIRST_DUE, 7),
        Step(AlertKind.OVERDUE, Anchor.FIRST_DUE, 14),
        Step(AlertKind.SECOND_DUE_SOON, Anchor.SECOND_DUE, -1),
    ),
)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A step of one invoice, from the instant at which its time comes until it is worthless.

    `blocked` = the contact hours leave no slot for it: it never goes, for this reason.
    """

    step: Step
    anchor_date: date
    at: datetime
    until: datetime
    blocked: Reason | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """What has come due: the one that goes, those that do not, and when to ask again.

    Those that do not go were overtaken, came too late or are `blocked`.
    """

    now: Occurrence | None
    missed: tuple[Occurrence, ...]
    next_at: datetime | None


def occurrences(
    invoice: InvoiceFacts,
    policy: Policy,
    calendar: Calendar,
    *,
    first_seen_at: datetime,
    baseline: bool,
    alerted_on: date | None = None,
) -> tuple[Occurrence, ...]:
    """This function will lay the steps of a policy on one invoice, in the order of time.

    Steps whose anchor date is unknown do not exist, nor do those of a second due date that is not
    after the first. A step whose day is closed goes where `slot_for` says; one of the due date
    itself is brought forward only to a day on which no other step goes. An overdue step waits until
    `policy.overdue_gap` after the first sight, and then for the next opening of the contact hours.

    Args:
        invoice: with its dates.
        policy: whose steps.
        calendar: of the ISP.
        first_seen_at: when we saw the invoice first.
        baseline: that was the account's silent first look: what lay in the past by then is history
            and never comes due, however long we wait.
        alerted_on: the day on which its contract became `alerted`, while it is.
    """
    found: list[Occurrence] = []
    brought_forward: list[Occurrence] = []
    anchors = _anchors(invoice, alerted_on)
    for step in policy.steps:
        anchor = anchors.get(step.anchor)
        if anchor is None:
            continue
        anchors[Anchor.PREVIOUS] = anchor + timedelta(days=step.offset)
        until = _useful_until(step, anchor, invoice, calendar)
        slot = slot_for(
            anchor + timedelta(days=step.offset),
            calendar,
            until=until,
            seen_at=first_seen_at,
            at_once=not baseline,
        )
        at, blocked = slot.at, slot.blocked
        if baseline and at <= first_seen_at:
            continue
        if step.kind is AlertKind.OVERDUE:
            soonest = first_seen_at + policy.overdue_gap
            opening = calendar.next_open(soonest)
            if opening is None:
                blocked = calendar.why_closed(soonest)
            else:
                at = max(at, opening)
        item = Occurrence(step, anchor, at, until or at + policy.catch_up, blocked)
        found.append(item)
        if slot.ahead and step.offset == 0:
            brought_forward.append(item)
    for item in brought_forward:
        _give_way(item, found, calendar)
    return tuple(sorted(found, key=lambda item: item.at))


def _give_way(item: Occurrence, found: list[Occurrence], calendar: Calendar) -> None:
    """Block a step of the due date, brought forward to a day on which another step goes."""
    day = calendar.today(item.at)
    if any(other is not item and calendar.today(other.at) == day for other in found):
        blocked = calendar.reason_on(item.anchor_date)
        at = calendar.start_of(item.anchor_date)
        found[found.index(item)] = replace(item, at=at, blocked=blocked)


def _useful_until(
    step: Step, anchor: date, invoice: InvoiceFacts, calendar: Calendar
) -> datetime | None:
    """A "due today" is worthless tomorrow, and a "due soon" on the day itself."""
    if step.kind is AlertKind.DUE_SOON and invoice.first_due_date is not None:
        return calendar.start_of(invoice.first_due_date)
    if step.kind is AlertKind.SECOND_DUE_SOON and invoice.second_due_date is not None:
        return calendar.start_of(invoice.second_due_date)
    if step.kind is AlertKind.DUE_TODAY:
        return calendar.start_of(anchor + timedelta(days=1))
    return None


#: A due date so far from the day of its issue is a mistake, and nothing is counted from it.
MOST_DAYS_OFF = 366
_FAR = timedelta(days=MOST_DAYS_OFF)


def odd_dates(invoice: InvoiceFacts) -> str | None:
    """This function will say why nothing can be counted from an invoice's due dates, or None.

    Args:
        invoice: an open one.

    Returns:
        "no_date", "reversed" (the second due date lies before the first), "far" (one of them lies
        more than `MOST_DAYS_OFF` days from the day of its issue), or None.
    """
    issued, first, second = invoice.issued_date, invoice.first_due_date, invoice.second_due_date
    if first is None:
        return "no_date"
    if second and second < first:
        return "reversed"
    if issued and max(abs(day - issued) for day in (first, second or first)) > _FAR:
        return "far"
    return None


def _anchors(invoice: InvoiceFacts, alerted_on: date | None) -> dict[Anchor, date]:
    """Return the dates that steps may be counted from; none of an invoice with odd dates."""
    first, second = invoice.first_due_date, invoice.second_due_date
    found = {Anchor.CUTOFF: alerted_on}
    if odd_dates(invoice) is None:
        found |= {
            Anchor.ISSUED: invoice.issued_date,
            Anchor.FIRST_DUE: first,
            Anchor.SECOND_DUE: second if first and second and second > first else None,
        }
    return {anchor: day for anchor, day in found.items() if day is not None}


def due(laid: Iterable[Occurrence], *, after: datetime | None, now: datetime) -> Due:
    """This function will say which step goes, of those with `after < instant <= now`.

    It is the latest that is still of use: one that became worthless while nobody looked does not
    take an earlier one along that is worth sending yet.

    Args:
        laid: from `occurrences`, in the order of time.
        after: the instant up to which steps were decided before; None = never.
        now: the present.
    """
    laid = tuple(laid)
    passed = [item for item in laid if item.at <= now and (after is None or item.at > after)]
    next_at = next((item.at for item in laid if item.at > now), None)
    useful = (item for item in reversed(passed) if item.blocked is None and now < item.until)
    latest = next(useful, None)
    return Due(latest, tuple(item for item in passed if item is not latest), next_at)


def overtaken(
    step_at: datetime, laid: Iterable[Occurrence], *, now: datetime, but: str = ""
) -> Occurrence | None:
    """This function will return a later step whose time has come too and that is still of use.

    Args:
        step_at: when the step at hand came due.
        laid: the steps of its invoice, in the order of time.
        now: the present.
        but: the name of the step at hand, which never overtakes itself, whatever hours changed.
    """
    later = [
        item
        for item in laid
        if step_at < item.at <= now < item.until and item.blocked is None and item.step.name != but
    ]
    return later[-1] if later else None
