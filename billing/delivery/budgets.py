"""What an ISP may spend on SMS in a calendar month, counted in segments from the journal.

What certainly did not arrive costs nothing; what is under way, or may have arrived, counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from billing import gate
from billing.calendar import Calendar
from billing.letter import Fate
from billing.notices import tell_operator, was_told
from billing.terms import rules_of
from billing.values import Medium, NoticeKind, Reason
from models.alert import Attempt, Budget
from models.isp import Isp

_COSTS = (Fate.DELIVERED.value, Fate.UNCERTAIN.value)
#: Longer than any month.
_INTO_NEXT = timedelta(days=32)
#: Segments that were spent outside of the journal at hand, by ISP and beginning of the month.
Elsewhere = Mapping[tuple[int, datetime], int]
NOWHERE: Elsewhere = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month on the ISP's wall: from its first instant up to that of the next one."""

    first: date
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, calendar: Calendar, now: datetime) -> Month:
        """Return the month that an instant lies in."""
        first = calendar.today(now).replace(day=1)
        following = (first + _INTO_NEXT).replace(day=1)
        return cls(first, calendar.start_of(first), calendar.start_of(following))


def budgets(session: Session, isp_ids: Collection[int] | None = None) -> Mapping[int, int]:
    """This function will return the segments that each ISP with a budget may spend a month."""
    query = select(Budget).where(Budget.medium == Medium.SMS.value)
    if isp_ids is not None:
        query = query.where(Budget.isp_id.in_(isp_ids))
    return {row.isp_id: row.segments for row in session.scalars(query)}


def spent(session: Session, isp_id: int, month: Month) -> int:
    """This function will count the segments that an ISP spent in a month."""
    query = select(func.sum(Attempt.segments)).where(
        Attempt.charged_to == isp_id,
        Attempt.started_at >= month.begins,
        Attempt.started_at < month.ends,
        or_(Attempt.fate.is_(None), Attempt.fate.in_(_COSTS)),
    )
    return session.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class BudgetNow:
    """How an ISP's budget of the present month stands; `segments` is None where it has none."""

    month: date
    segments: int | None
    spent: int


def budget_now(session: Session, isp: Isp, *, now: datetime) -> BudgetNow:
    """This function will say what an ISP may spend this month, and what it spent.

    Raises:
        UnreadablePolicyError: if its policy, and so its zone, cannot be read.
    """
    month = Month.of(rules_of(isp).calendar, now)
    return BudgetNow(
        month=month.first,
        segments=budgets(session, [isp.id]).get(isp.id),
        spent=spent(session, isp.id, month),
    )


@dataclass(slots=True)
class Purse:
    """What is left of the budgets of some ISPs while one transaction journals attempts.

    Args:
        session: the unit of work; other workers that count the same budgets wait for its end.
        now: the present.
        elsewhere: spent outside of this journal.
    """

    session: Session
    now: datetime
    elsewhere: Elsewhere
    refused: dict[int, tuple[Month, int, int]] = field(default_factory=dict)
    _budgets: Mapping[int, int] = field(default_factory=dict)
    _left: dict[int, tuple[Month, int]] = field(default_factory=dict)

    def lock(self, isp_ids: Collection[int]) -> None:
        """Lock and read the budgets of these ISPs, in an order that all workers share."""
        if not isp_ids:
            return
        query = (
            select(Budget)
            .where(Budget.medium == Medium.SMS.value, Budget.isp_id.in_(isp_ids))
            .order_by(Budget.isp_id)
            .with_for_update()
        )
        self._budgets = {row.isp_id: row.segments for row in self.session.scalars(query)}

    def room(self, isp_id: int, segments: int, calendar: Calendar) -> Month | None:
        """Return the month in which so many segments find no more room; None = they do."""
        if not segments or isp_id not in self._budgets:
            return None
        month, left = self._left_of(isp_id, calendar)
        if segments <= left:
            return None
        budget = self._budgets[isp_id]
        self.refused[isp_id] = (month, budget - left, budget)
        return month

    def take(self, isp_id: int, segments: int) -> None:
        """Count what leaves now; its room was asked for before."""
        if isp_id in self._left:
            month, left = self._left[isp_id]
            self._left[isp_id] = (month, left - segments)

    def _left_of(self, isp_id: int, calendar: Calendar) -> tuple[Month, int]:
        if isp_id not in self._left:
            month = Month.of(calendar, self.now)
            used = spent(self.session, isp_id, month)
            used += self.elsewhere.get((isp_id, month.begins), 0)
            self._left[isp_id] = (month, self._budgets[isp_id] - used)
        return self._left[isp_id]


def refusal(
    month: Month, calendar: Calendar, *, useful_until: datetime | None
) -> gate.Wait | gate.End:
    """This function will say what becomes of an alert that a budget has no room for.

    It waits for the next month, and ends where it would be of no use by then.
    """
    return gate.wait_or_end(calendar.next_open(month.ends), Reason.BUDGET, useful_until)


def tell_of_budget(
    session: Session,
    isp_id: int,
    month: Month,
    used: int,
    budget: int,
    *,
    refused: bool,
    now: datetime,
) -> int:
    """This function will tell an operator how a budget stands, once for each budget of a month.

    Args:
        session: an open unit of work.
        isp_id: whose.
        month: at hand.
        used: segments so far.
        budget: segments in all.
        refused: there was no room for a message, or there is none any more.
        now: the present.
    """
    reason = "spent" if refused else "nearly"
    kind, subject = NoticeKind.SMS_BUDGET, f"sms {month.first:%Y-%m} of {budget}"
    if not refused and was_told(session, isp_id, kind, f"{subject}: spent"):
        return 0
    details = {"reason": reason, "spent": str(used), "budget": str(budget)}
    details["month"] = month.first.isoformat()
    return tell_operator(session, isp_id, kind, f"{subject}: {reason}", details, now=now)
