"""What is owed and when: the ordered steps, and which of them have come due.

No step is ever asked "is today the day?": a step has an instant, and every instant that has passed
since the last decision is due, however long the worker was down. Of several, the latest goes and
the earlier ones are missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from billing.calendar import Calendar
from billing.values import AlertKind, InvoiceFacts


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
    """A step of one invoice, from the instant at which its time comes until it is worthless."""

    step: Step
    anchor_date: date
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """What has come due: the one that goes, those that it overtook, and when to ask again."""

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
    after the first. An overdue step waits until `policy.overdue_gap` after the first sight, and
    then for the next opening of the contact hours.

    Args:
        invoice: with its dates.
        policy: whose steps.
        calendar: of the ISP.
        first_seen_at: when we saw the invoice first.
        baseline: that was the account's silent first look: what lay in the past by then is history
            and never comes due, however long we wait.
    """
    found: list[tuple[datetime, int, Occurrence]] = []
    for rank, step in enumerate(policy.steps):
        anchor = _anchor_date(invoice, step.anchor)
        if anchor is None:
            continue
        at = calendar.opening(anchor + timedelta(days=step.offset))
        if baseline and at <= first_seen_at:
            continue
        if step.kind is AlertKind.OVERDUE:
            at = max(at, calendar.next_open(first_seen_at + policy.overdue_gap))
        until = _useful_until(step, anchor, at, policy, calendar)
        found.append((at, rank, Occurrence(step, anchor, at, until)))
    return tuple(item[2] for item in sorted(found, key=lambda item: item[:2]))


def _useful_until(
    step: Step, anchor: date, at: datetime, policy: Policy, calendar: Calendar
) -> datetime:
    """A "due today" is worthless tomorrow, and a "due soon" on the day itself."""
    if step.offset < 0:
        return calendar.start_of(anchor)
    if step.offset == 0:
        return calendar.start_of(anchor + timedelta(days=1))
    return at + policy.catch_up


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
    if passed and now < passed[-1].until:
        return Due(passed[-1], tuple(passed[:-1]), next_at)
    return Due(None, tuple(passed), next_at)


def overtaken(step_at: datetime, laid: Iterable[Occurrence], *, now: datetime) -> Occurrence | None:
    """This function will return a later step whose time has come too, if there is one."""
    later = [item for item in laid if step_at < item.at <= now]
    return later[-1] if later else None
