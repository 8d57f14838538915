"""The operator's digest of each morning: what left, what did not, what waits for a person.

One for an ISP and a day, by the constraint on notices; days that were missed because the daemon was
down are told together in the next one, and not one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from billing.calendar import Calendar
from billing.delivery.budgets import Month, budgets, spent
from billing.isps import SetupError, find_isp
from billing.notices import tell_operator
from billing.policy import DEFAULT_POLICY
from billing.terms import calendar_under, rules_of
from billing.values import DeliveryState, NoticeKind, SyncOutcome
from billing.watch.closings import closings
from models import day as questions
from models.database import Database, insert_for
from models.day import Ends, Span
from models.isp import Isp
from models.lateness import enabled
from models.operator import OperatorChannel
from models.vigil import Vigil

log = structlog.get_logger()


class Days(StrEnum):
    """On which mornings an operator is told what happened."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    NEVER = "never"


#: A digest that could not be written within so long waits for the next morning: nobody wants
#: yesterday's numbers in the evening.
LATE_BY = timedelta(hours=8)
#: It is of no use once the next one is there.
USEFUL_FOR = timedelta(hours=20)
#: More days are not told together, however long the daemon was down.
MOST_DAYS = 7
#: How many reasons of failure are told apart, and how many customers are named for each.
REASONS, NAMED = 4, 3
_ONE_DAY = timedelta(days=1)
_SENT = DeliveryState.SENT.value


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days on the ISP's wall, the first and the last."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class _Due:
    """An ISP whose operator is to be told of some days now."""

    isp: Isp
    calendar: Calendar
    period: Period

    @property
    def span(self) -> Span:
        """These days as instants."""
        return Span(
            self.calendar.start_of(self.period.first),
            self.calendar.start_of(self.period.last + _ONE_DAY),
        )


@dataclass(frozen=True, slots=True)
class _Counts:
    """What was counted of one ISP together with others."""

    span: Span
    ended: Ends
    kinds: Mapping[str, int]


def read_at(text: str) -> time:
    """This function will read a time of the day: "08:00".

    Raises:
        ValueError: if it is none.
    """
    hours, colon, minutes = text.strip().partition(":")
    if not (
        colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and text.isascii()
    ):
        raise ValueError("a time of the day is HH:MM, such as 08:00")
    return time(int(hours), int(minutes))


def period_due(
    days: Days, at: time, *, told_until: date | None, known_since: date, now: datetime
) -> Period | None:
    """This function will say which days are to be told now. Pure.

    Args:
        days: on which mornings.
        at: at what time.
        told_until: the last day that was told; None = none ever was.
        known_since: the day on which the operator came: nothing before it is told.
        now: the present, on the ISP's wall.

    Returns:
        None where it is not the time, or everything was told.
    """
    if days is Days.NEVER:
        return None
    wall = now.replace(tzinfo=None)
    begins = datetime.combine(wall.date(), at)
    if not begins <= wall < begins + LATE_BY:
        return None
    today = wall.date()
    if days is Days.WEEKDAYS and today.weekday() > 4:
        return None
    # A week is told on its Monday, or on the next day on which that is possible.
    last = today - timedelta(days=1 + (today.weekday() if days is Days.WEEKLY else 0))
    untold = known_since if told_until is None else max(told_until + _ONE_DAY, known_since)
    first = max(untold, last - timedelta(days=MOST_DAYS - 1))
    return Period(first, last) if first <= last else None


class Mornings:
    """The use-case.

    Args:
        database: rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, slug: str, days: str | None, at: str | None) -> tuple[Days, str]:
        """This function will keep on which mornings an operator is told, and when.

        Args:
            slug: the ISP.
            days: daily, weekdays, weekly or never; None = as it is.
            at: a time on the ISP's wall; None = as it is.

        Returns:
            How it is then.

        Raises:
            SetupError: if the ISP is unknown or something cannot be read.
        """
        if days is not None and days not in set(Days):
            raise SetupError(f"no such days: {days!r}; known: {', '.join(Days)}")
        try:
            wanted = None if at is None else f"{read_at(at):%H:%M}"
        except ValueError as error:
            raise SetupError(f"--at: {error}") from None
        with self._database.write() as session:
            isp = find_isp(session, slug)
            isp.digest_days = days or isp.digest_days
            isp.digest_at = wanted or isp.digest_at
            return Days(isp.digest_days), isp.digest_at

    def run(self, *, now: datetime) -> int:
        """This function will write the digests whose time has come.

        Returns:
            How many notices are new.
        """
        with self._database.read() as session:
            isps = [isp for isp in enabled(session) if isp.digest_days != Days.NEVER.value]
            until = select(Vigil.isp_id, Vigil.digested_until)
            told = {row[0]: row[1] for row in session.execute(until)}
            first = select(OperatorChannel.isp_id, func.min(OperatorChannel.created_at))
            came = {
                row[0]: row[1] for row in session.execute(first.group_by(OperatorChannel.isp_id))
            }
        due: dict[Span, list[_Due]] = {}
        for isp in isps:
            if isp.id not in came:
                continue
            calendar = _calendar(isp)
            period = period_due(
                Days(isp.digest_days),
                read_at(isp.digest_at),
                told_until=told.get(isp.id),
                known_since=calendar.today(came[isp.id]),
                now=now.astimezone(calendar.zone),
            )
            if period is not None:
                one = _Due(isp, calendar, period)
                due.setdefault(one.span, []).append(one)
        return sum(self._tell(span, several, now=now) for span, several in due.items())

    def _tell(self, span: Span, several: Sequence[_Due], *, now: datetime) -> int:
        """Tell the operators whose mornings are about the same instants."""
        ids = [one.isp.id for one in several]
        with self._database.read() as session:
            ended = questions.ended(session, ids, span)
            busy = [one for one in ids if any(state == _SENT for state, _ in ended[one])]
            kinds = questions.sent_by_kind(session, busy, span) if busy else {}
        new = 0
        for one in several:
            counts = _Counts(span, ended[one.isp.id], kinds.get(one.isp.id, {}))
            with self._database.read() as session:
                details = tell_of_days(session, one, counts, now=now)
            with self._database.write() as session:
                if not _take(session, one.isp.id, one.period) or details is None:
                    continue
                new += tell_operator(
                    session,
                    one.isp.id,
                    NoticeKind.OPERATOR_DIGEST,
                    f"day:{one.period.last}",
                    details,
                    now=now,
                    useful_for=USEFUL_FOR,
                )
        return new


def _take(session: Session, isp_id: int, period: Period) -> bool:
    """Note that these days are told; False = somebody else did meanwhile."""
    session.execute(insert_for(session, Vigil).values(isp_id=isp_id).on_conflict_do_nothing())
    untold = or_(Vigil.digested_until.is_(None), Vigil.digested_until < period.last)
    mine = session.scalars(
        update(Vigil)
        .where(Vigil.isp_id == isp_id, untold)
        .values(digested_until=period.last)
        .returning(Vigil.isp_id)
        .execution_options(synchronize_session=False)
    )
    return mine.first() is not None


def _calendar(isp: Isp) -> Calendar:
    """Return the calendar of an ISP; of its zone alone where its policy cannot be read."""
    try:
        return rules_of(isp).calendar
    except SetupError:
        return calendar_under(DEFAULT_POLICY, isp)


def tell_of_days(
    session: Session, due: _Due, counts: _Counts, *, now: datetime
) -> Mapping[str, str] | None:
    """This function will say what happened in some days; None = nothing that is worth telling.

    What did not go by a rule (paid, missed, a cap) is no news: `alerta explain` tells of it.
    """
    isp, calendar, period, span = due.isp, due.calendar, due.period, counts.span
    ended = counts.ended
    by_state: dict[str, int] = {}
    for (state, _), number in ended.items():
        by_state[state] = by_state.get(state, 0) + number
    sent = by_state.get(_SENT, 0)
    failed = by_state.get(DeliveryState.FAILED.value, 0)
    uncertain = by_state.get(DeliveryState.UNCERTAIN.value, 0)
    closed = len(closings(session, isp.id, since=span.begins, until=span.ends))
    looks = questions.looks(session, isp.id, span)
    complete = looks.get(SyncOutcome.OK.value, 0)
    blind = bool(looks) and not complete
    if not (sent or failed or uncertain or closed or blind or isp.held_run_id):
        return None
    numbers = {
        "sent": sent,
        "failed": failed,
        "uncertain": uncertain,
        "closed": closed,
        "holds": questions.holds(session, isp.id, calendar.today(now)),
        "looks": complete,
        "looks_bad": sum(looks.values()) - complete,
    }
    details = {name: str(number) for name, number in numbers.items() if number}
    details |= {"first": period.first.isoformat(), "last": period.last.isoformat()}
    if sent:
        details["by_kind"] = _in_order(counts.kinds)
    if failed:
        details["by_reason"] = _failures(session, isp.id, span, ended)
    if isp.held_run_id is not None:
        details["run"] = str(isp.held_run_id)
    if isp.synced_at is not None:
        details["looked"] = isp.synced_at.isoformat()
    if isp.id in (known := budgets(session, [isp.id])):
        month = Month.of(calendar, now)
        details |= {"spent": str(spent(session, isp.id, month)), "budget": str(known[isp.id])}
    return details


def _in_order(counts: Mapping[str, int]) -> str:
    most_first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return " ".join(f"{name}:{number}" for name, number in most_first)


def _failures(
    session: Session,
    isp_id: int,
    span: Span,
    ended: Mapping[tuple[str, str | None], int],
) -> str:
    """Return "reason:number:id,id" of the most frequent failures."""
    state = DeliveryState.FAILED.value
    failed = {reason: number for (was, reason), number in ended.items() if was == state}
    told = []
    for reason, number in sorted(failed.items(), key=lambda one: (-one[1], str(one[0])))[:REASONS]:
        ids = questions.who(session, isp_id, span, state=state, reason=reason, most=NAMED)
        # A client without a public id goes by a UUID, too long to be read out.
        told.append(f"{reason or 'other'}:{number}:{','.join(one[:12] for one in ids)}")
    return " ".join(told)
