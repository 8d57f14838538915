"""What is owed and when: the ordered steps, and which of them have come due.

No step is ever asked "is today the day?": a step has an instant, and every instant that has passed
since the last decision is due, however long the worker was down. Of several, the latest goes and
the earlier ones are missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from billing.calendar import Calendar, slot_for
from billing.values import AlertKind, InvoiceFacts, Reason


class Anchor(StrEnum):
    """The date that a step is counted from; `change` = the day on which we saw it happen."""

    ISSUED = "issued"
    FIRST_DUE = "first_due"
    SECOND_DUE = "second_due"
    CUTOFF = "cutoff"
    CHANGE = "change"


#: Anchors that are dates of the invoice: when such a date moves, its steps go with it.
DATED = frozenset({Anchor.FIRST_DUE, Anchor.SECOND_DUE})


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of alert, `offset` days after (or, negative, before) its anchor date."""

    kind: AlertKind
    anchor: Anchor
    offset: int

    @property
    def name(self) -> str:
        """The step in the unique key and in tables: "-5d", "0d", "+3d"."""
        return f"{self.offset:+d}d" if self.offset else "0d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The date-driven steps of an ISP.

    Args:
        steps: in the order of precedence; of two that fall on one instant the later one goes.
        overdue_gap: least time between our first sight of an invoice and overdue wording.
        catch_up: an overdue step that is this late when we get to it is missed, not sent.
    """

    steps: tuple[Step, ...]
    overdue_gap: timedelta
    catch_up: timedelta


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
    overdue_gap=timedelta(hours=48),
    catch_up=timedelta(days=7),
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
    """
    found: list[Occurrence] = []
    brought_forward: list[Occurrence] = []
    for step in policy.steps:
        anchor = _anchor_date(invoice, step.anchor)
        if anchor is None:
            continue
        until = _useful_until(step, anchor, calendar)
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


def _useful_until(step: Step, anchor: date, calendar: Calendar) -> datetime | None:
    """A "due today" is worthless tomorrow, and a "due soon" on the day itself."""
    if step.offset < 0:
        return calendar.start_of(anchor)
    if step.offset == 0:
        return calendar.start_of(anchor + timedelta(days=1))
    return None


def _anchor_date(invoice: InvoiceFacts, anchor: Anchor) -> date | None:
    first, second = invoice.first_due_date, invoice.second_due_date
    if anchor is Anchor.FIRST_DUE:
        return first
    if anchor is Anchor.SECOND_DUE and first and second and second > first:
        return second
    return None


def due(laid: Iterable[Occurrence], *, after: datetime | None, now: datetime) -> Due:
    """This function will say which step goes, of those with `after < instant <= now`.

    Args:
        laid: from `occurrences`, in the order of time.
        after: the instant up to which steps were decided before; None = never.
        now: the present.
    """
    laid = tuple(laid)
    passed = [item for item in laid if item.at <= now and (after is None or item.at > after)]
    next_at = next((item.at for item in laid if item.at > now), None)
    latest = next((item for item in reversed(passed) if item.blocked is None), None)
    if latest is not None and now < latest.until:
        return Due(latest, tuple(item for item in passed if item is not latest), next_at)
    return Due(None, tuple(passed), next_at)


def overtaken(step_at: datetime, laid: Iterable[Occurrence], *, now: datetime) -> Occurrence | None:
    """This function will return a later step whose time has come too, if there is one."""
    later = [item for item in laid if step_at < item.at <= now and item.blocked is None]
    return later[-1] if later else None
