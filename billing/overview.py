"""How the installation stands: what was looked at, what is open, what went today, what waits.

Read from rows in a few statements (`models/standing.py`), put together by pure functions. "Today"
is the date on the wall of each ISP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from billing.circuit import is_resting
from billing.values import DeliveryState
from models import standing
from models.database import Database
from models.isp import Isp
from models.sync_run import SyncRun

_Counted = TypeVar("_Counted", standing.Waiting, standing.Ended)

#: So many looks in a row may fail before the last complete one counts as old.
_OLD_AFTER_LOOKS = 3
#: A look takes a while itself, and so does what waits for it.
_OLD_AT_LEAST = timedelta(minutes=10)
#: What was due longer ago waits for something; a batch takes less than a minute.
LATE_AFTER = timedelta(minutes=5)


class CircuitState(StrEnum):
    """How the circuit breaker of an ISP stands (`billing.circuit`)."""

    CLOSED = "closed"
    RESTING = "resting"
    PROBING = "probing"


class Trouble(StrEnum):
    """What a person should look at, the gravest first."""

    HELD = "held"
    RESTING = "resting"
    OLD_LOOK = "old_look"
    LATE = "late"
    UNCERTAIN = "uncertain"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The youngest run that has ended."""

    run: int
    mode: str
    started_at: datetime
    outcome: str | None
    reason: str | None
    seconds: float
    requests: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRun:
    """The run that waits for the operator's word; nothing is sent meanwhile."""

    run: int
    since: datetime
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits on one route of an ISP; `late_seconds` is how long the oldest due one does."""

    route: str
    waiting: int
    due: int
    sending: int
    late_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IspStanding:
    """One ISP. `…_today` since its midnight; `to_go_today` are deliveries and steps until its next.

    Attributes:
        last_look: when the last complete look began.
        look_age_seconds: how long ago that is.
        next_look: when the next one is due; None = nothing is to be looked at.
        steps_today: invoices with a step of the policy that comes due today.
        waiting: deliveries that did not leave yet, due or not.
        due: those whose time has come.
        late_seconds: how long the oldest due one has waited.
        holds: holds and promises of customers in force.
        trouble: what a person should look at.
    """

    id: int
    isp: str
    name: str
    enabled: bool
    strategy: str
    timezone: str
    today: date
    last_look: datetime | None
    look_age_seconds: float | None
    next_look: datetime | None
    last_run: LastRun | None
    open_invoices: int
    planned_today: int
    steps_today: int
    sent_today: int
    failed_today: int
    uncertain_today: int
    skipped_today: int
    cancelled_today: int
    reasons_today: dict[str, int]
    waiting: int
    due: int
    sending: int
    late_seconds: float
    queues: list[Queue]
    holds: int
    held_run: HeldRun | None
    circuit: CircuitState
    circuit_reason: str | None
    circuit_until: datetime | None
    failures: int
    trouble: list[Trouble]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums over all ISPs."""

    isps: int = 0
    open_invoices: int = 0
    planned_today: int = 0
    steps_today: int = 0
    sent_today: int = 0
    failed_today: int = 0
    uncertain_today: int = 0
    waiting: int = 0
    due: int = 0
    sending: int = 0
    late_seconds: float = 0.0
    in_trouble: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All ISPs, in the order of their slugs, and what is nobody's own."""

    at: datetime
    isps: list[IspStanding]
    totals: Totals
    accounts_resting: int
    accounts_in_trouble: int
    notices_waiting: int


def read_overview(
    database: Database, *, now: datetime, every: timedelta, isp_id: int | None = None
) -> Overview:
    """This function will say how the installation stands, or one ISP of it.

    Args:
        database: rows; one consistent look, in about ten statements.
        now: the present.
        every: how long an ISP rests between two looks.
        isp_id: leave the others out.
    """
    with database.read() as session:
        isps = standing.isps(session, isp_id=isp_id)
        days = {isp.timezone: Day.of(isp.timezone, now) for isp in isps}
        due_before = now + timedelta(microseconds=1)  # what is due has `not_before <= now`
        nights = sorted({day.ends for day in days.values()} | {due_before})
        midnights = sorted({day.began for day in days.values()} or {now})
        rows = _Rows(
            now=now,
            due_before=due_before,
            nights=nights,
            midnights=midnights,
            waiting=_by_isp(standing.waiting(session, nights, isp_id=isp_id)),
            ended=_by_isp(standing.ended(session, midnights, isp_id=isp_id)),
            open_invoices=standing.open_invoices(session, isp_id=isp_id),
            steps=standing.steps(session, nights, isp_id=isp_id),
            holds={
                day: standing.holds_in_force(session, day, isp_id=isp_id)
                for day in {day.today for day in days.values()}
            },
            next_looks=standing.next_looks(session, isp_id=isp_id),
            last_runs=standing.last_runs(session, isp_id=isp_id),
            held_runs=standing.runs(
                session, [isp.held_run_id for isp in isps if isp.held_run_id is not None]
            ),
        )
        resting, failing = standing.resting_accounts(session, now=now)
        notices = standing.notices_waiting(session)
    lines = [_standing(isp, rows, days[isp.timezone], every=every) for isp in isps]
    return Overview(
        at=now,
        isps=lines,
        totals=totals_of(lines),
        accounts_resting=resting,
        accounts_in_trouble=failing,
        notices_waiting=notices,
    )


@dataclass(frozen=True, slots=True)
class Day:
    """Today on the wall of a zone: from which instant until which."""

    today: date
    began: datetime
    ends: datetime

    @classmethod
    def of(cls, timezone: str, now: datetime) -> Day:
        """Return the day that an instant falls into."""
        zone = ZoneInfo(timezone)
        today = now.astimezone(zone).date()
        tomorrow = today + timedelta(days=1)
        began, ends = (datetime.combine(day, time(), zone) for day in (today, tomorrow))
        return cls(today, began.astimezone(UTC), ends.astimezone(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What the statements brought, by ISP; the bounds are those that the rows were counted by."""

    now: datetime
    due_before: datetime
    nights: Sequence[datetime]
    midnights: Sequence[datetime]
    waiting: Mapping[int, list[standing.Waiting]]
    ended: Mapping[int, list[standing.Ended]]
    open_invoices: Mapping[int, int]
    steps: Mapping[tuple[int, int], int]
    holds: Mapping[date, Mapping[int, int]]
    next_looks: Mapping[int, datetime]
    last_runs: Mapping[int, SyncRun]
    held_runs: Mapping[int, SyncRun]

    def ended_since(self, isp_id: int, began: datetime) -> list[standing.Ended]:
        """Return what an ISP's deliveries came to since a midnight."""
        place = self.midnights.index(began) + 1
        return [one for one in self.ended.get(isp_id, []) if one.bucket >= place]

    def planned_before(self, isp_id: int, bound: datetime) -> list[standing.Waiting]:
        """Return what waits and may go before one of the bounds."""
        place = self.nights.index(bound) + 1
        return [
            one
            for one in self.waiting.get(isp_id, [])
            if one.state == DeliveryState.PLANNED and one.bucket < place
        ]

    def steps_before(self, isp_id: int, bound: datetime) -> int:
        """Return how many of an ISP's invoices have a step before one of the bounds."""
        places = range(self.nights.index(bound) + 1)
        return sum(self.steps.get((isp_id, place), 0) for place in places)


def _by_isp(rows: Sequence[_Counted]) -> dict[int, list[_Counted]]:
    found: dict[int, list[_Counted]] = {}
    for row in rows:
        found.setdefault(row.isp_id, []).append(row)
    return found


def _standing(isp: Isp, rows: _Rows, day: Day, *, every: timedelta) -> IspStanding:
    now = rows.now
    ended: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for one in rows.ended_since(isp.id, day.began):
        ended[one.state] += one.number
        if one.reason is not None:
            reasons[f"{one.state}/{one.reason}"] += one.number
    queues = _queues(isp.id, rows)
    run = rows.last_runs.get(isp.id)
    held = None if isp.held_run_id is None else rows.held_runs.get(isp.held_run_id)
    line = IspStanding(
        id=isp.id,
        isp=isp.slug,
        name=isp.name,
        enabled=isp.enabled,
        strategy=isp.strategy,
        timezone=isp.timezone,
        today=day.today,
        last_look=isp.synced_at,
        look_age_seconds=None if isp.synced_at is None else _seconds(isp.synced_at, now),
        next_look=next_look(isp, rows.next_looks.get(isp.id)),
        last_run=None if run is None else _last_run(run),
        open_invoices=rows.open_invoices.get(isp.id, 0),
        planned_today=sum(one.number for one in rows.planned_before(isp.id, day.ends)),
        steps_today=rows.steps_before(isp.id, day.ends),
        sent_today=ended[DeliveryState.SENT],
        failed_today=ended[DeliveryState.FAILED],
        uncertain_today=ended[DeliveryState.UNCERTAIN],
        skipped_today=ended[DeliveryState.SKIPPED],
        cancelled_today=ended[DeliveryState.CANCELLED],
        reasons_today=dict(reasons.most_common()),
        waiting=sum(queue.waiting for queue in queues),
        due=sum(queue.due for queue in queues),
        sending=sum(queue.sending for queue in queues),
        late_seconds=max((queue.late_seconds for queue in queues), default=0.0),
        queues=queues,
        holds=rows.holds[day.today].get(isp.id, 0),
        held_run=None if held is None else _held_run(held),
        circuit=circuit_state(isp.failures, isp.trouble_until, now=now),
        circuit_reason=isp.trouble,
        circuit_until=isp.trouble_until,
        failures=isp.failures,
        trouble=[],
    )
    return replace(line, trouble=troubles(line, now=now, every=every, since=isp.created_at))


def _queues(isp_id: int, rows: _Rows) -> list[Queue]:
    due = rows.planned_before(isp_id, rows.due_before)
    waiting = rows.waiting.get(isp_id, [])
    return [
        Queue(
            route=route,
            waiting=_number(one for one in mine if one.state == DeliveryState.PLANNED),
            due=_number(one for one in due if one.route == route),
            sending=_number(one for one in mine if one.state == DeliveryState.SENDING),
            late_seconds=max(
                (_seconds(one.oldest, rows.now) for one in due if one.route == route), default=0.0
            ),
        )
        for route in sorted({one.route for one in waiting})
        for mine in [[one for one in waiting if one.route == route]]
    ]


def _number(several: Iterable[standing.Waiting]) -> int:
    return sum(one.number for one in several)


def _seconds(since: datetime, now: datetime) -> float:
    return round(max((now - since).total_seconds(), 0.0), 3)


def next_look(isp: Isp, account: datetime | None) -> datetime | None:
    """This function will say when an ISP is looked at next; None = there is nothing to look at.

    Args:
        isp: whose rest after a failure counts too.
        account: when the first account that is looked at by itself is due.
    """
    if not isp.enabled:
        return None
    due = [at for at in (isp.next_sync_at, account) if at is not None]
    if not due:
        return None
    return max(min(due), isp.trouble_until) if isp.trouble_until else min(due)


def circuit_state(failures: int, rest_until: datetime | None, *, now: datetime) -> CircuitState:
    """This function will name the state of a circuit breaker (`billing.circuit`)."""
    if is_resting(rest_until, now):
        return CircuitState.RESTING
    return CircuitState.PROBING if failures else CircuitState.CLOSED


def troubles(
    line: IspStanding, *, now: datetime, every: timedelta, since: datetime
) -> list[Trouble]:
    """This function will say what of an ISP a person should look at, the gravest first.

    Args:
        line: how it stands.
        now: the present.
        every: how long it rests between two looks.
        since: when it was added: what was never looked at is as old as that.
    """
    old = now - (line.last_look or since) > old_after(every)
    found = {
        Trouble.HELD: line.held_run is not None,
        Trouble.RESTING: line.circuit is not CircuitState.CLOSED,
        # Where nothing is to be looked at, nothing is late; a short tick of a test is no measure.
        Trouble.OLD_LOOK: line.next_look is not None and old,
        Trouble.LATE: line.late_seconds > LATE_AFTER.total_seconds(),
        Trouble.UNCERTAIN: line.uncertain_today > 0,
        Trouble.FAILED: line.failed_today > 0,
    }
    return [one for one, there in found.items() if there]


def old_after(every: timedelta) -> timedelta:
    """This function will say after how long a complete look counts as old."""
    return max(every * _OLD_AFTER_LOOKS, _OLD_AT_LEAST)


def _last_run(run: SyncRun) -> LastRun:
    return LastRun(
        run=run.id,
        mode=run.mode,
        started_at=run.started_at,
        outcome=run.outcome,
        reason=run.reason,
        seconds=run.ms / 1000,
        requests=run.requests,
        changed=run.changed,
    )


def _held_run(run: SyncRun) -> HeldRun:
    return HeldRun(run=run.id, since=run.started_at, reason=run.reason, detail=run.detail)


def totals_of(lines: Sequence[IspStanding]) -> Totals:
    """This function will add ISPs up; of their delays it takes the longest."""
    return Totals(
        isps=len(lines),
        open_invoices=sum(one.open_invoices for one in lines),
        planned_today=sum(one.planned_today for one in lines),
        steps_today=sum(one.steps_today for one in lines),
        sent_today=sum(one.sent_today for one in lines),
        failed_today=sum(one.failed_today for one in lines),
        uncertain_today=sum(one.uncertain_today for one in lines),
        waiting=sum(one.waiting for one in lines),
        due=sum(one.due for one in lines),
        sending=sum(one.sending for one in lines),
        late_seconds=max((one.late_seconds for one in lines), default=0.0),
        in_trouble=sum(bool(one.trouble) for one in lines),
    )
