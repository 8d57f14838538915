"""How every ISP stands, in a few statements whose cost follows ISPs and what is open.

What is settled is counted since the last midnights only, and from an index that holds all that is
asked for; what is open is counted from indexes too (`tests/integration/models/test_standing.py`
looks at the plans).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.account import Account
from models.alert import Delivery, Provider
from models.hold import Hold
from models.invoice import Invoice
from models.isp import Isp
from models.operator import OperatorNotice
from models.sync_run import SyncRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Deliveries of one ISP and route that did not leave yet, by the part of time they are due in.

    `bucket` = how many of the bounds that were asked for lie at or before `not_before`.
    """

    isp_id: int
    route: str
    state: str
    bucket: int
    number: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Deliveries of one ISP and route that ended; `bucket` as in `Waiting`, of `settled_at`."""

    isp_id: int
    route: str
    state: str
    reason: str | None
    bucket: int
    number: int


def isps(session: Session, *, isp_id: int | None = None) -> Sequence[Isp]:
    """Return every ISP, or one, in the order of its slug."""
    query = select(Isp).order_by(Isp.slug)
    return session.scalars(query if isp_id is None else query.where(Isp.id == isp_id)).all()


def waiting(
    session: Session, bounds: Sequence[datetime], *, isp_id: int | None = None
) -> list[Waiting]:
    """Return what waits, by ISP, route and the bounds (in order) that it lies behind."""
    bucket = _bucket(Delivery.not_before, bounds)
    keys = (Delivery.state, Delivery.isp_id, Delivery.route, bucket)
    query = (
        select(*keys, func.count(), func.min(Delivery.not_before))
        .where(Delivery.state.in_(["planned", "sending"]))
        .group_by(*keys)
    )
    if isp_id is not None:
        query = query.where(Delivery.isp_id == isp_id)
    return [
        Waiting(isp_id=isp, route=route, state=state, bucket=place, number=number, oldest=oldest)
        for state, isp, route, place, number, oldest in session.execute(query)
    ]


def ended(
    session: Session, bounds: Sequence[datetime], *, isp_id: int | None = None
) -> list[Ended]:
    """Return what was settled since the first bound, by ISP, route, state, reason and bound."""
    bucket = _bucket(Delivery.settled_at, bounds)
    keys = (Delivery.isp_id, Delivery.state, Delivery.reason, Delivery.route, bucket)
    query = select(*keys, func.count()).where(Delivery.settled_at >= bounds[0]).group_by(*keys)
    if isp_id is not None:
        query = query.where(Delivery.isp_id == isp_id)
    return [
        Ended(isp_id=isp, state=state, reason=reason, route=route, bucket=place, number=number)
        for isp, state, reason, route, place, number in session.execute(query)
    ]


def _bucket(
    column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    bounds: Sequence[datetime],
) -> ColumnElement[int]:
    """Count how many of the bounds lie at or before an instant."""
    behind = [
        (column >= bound, literal(place, literal_execute=True))
        for place, bound in reversed(list(enumerate(bounds, start=1)))
    ]
    nothing = literal(0, literal_execute=True)
    # Without a bound too it must be an expression: GROUP BY takes a number for a column's place.
    behind = behind or [(column.is_(None), nothing)]
    return case(*behind, else_=nothing).label("bucket")


def open_invoices(session: Session, *, isp_id: int | None = None) -> dict[int, int]:
    """Return how many invoices are open, by ISP."""
    pending = select(Invoice.isp_id, func.count()).where(Invoice.state == "pending")
    if isp_id is not None:
        pending = pending.where(Invoice.isp_id == isp_id)
    pending = pending.group_by(Invoice.isp_id)
    gone = pending.where(Invoice.vanished_at.is_not(None))
    counted = {row[0]: row[1] for row in session.execute(pending)}
    for isp, number in session.execute(gone):
        counted[isp] -= number
    return counted


def steps(
    session: Session, bounds: Sequence[datetime], *, isp_id: int | None = None
) -> dict[tuple[int, int], int]:
    """Return how many invoices have a step before the last bound, by ISP and bound behind it."""
    bucket = _bucket(Invoice.plan_at, bounds[:-1])
    # SQLite would read all invoices in the order of their ISPs to spare itself a sort.
    unsorted = (Invoice.isp_id + literal(0, literal_execute=True)).label("isp")
    query = select(unsorted, bucket, func.count()).where(Invoice.plan_at < bounds[-1])
    if isp_id is not None:
        query = query.where(Invoice.isp_id == isp_id)
    rows = session.execute(query.group_by(unsorted, bucket))
    return {(isp, place): number for isp, place, number in rows}


def holds_in_force(session: Session, today: date, *, isp_id: int | None = None) -> dict[int, int]:
    """Return how many holds and promises last through a day, by ISP."""
    query = select(Hold.isp_id, func.count()).where(Hold.released_at.is_(None), Hold.until >= today)
    if isp_id is not None:
        query = query.where(Hold.isp_id == isp_id)
    return {row[0]: row[1] for row in session.execute(query.group_by(Hold.isp_id))}


def next_looks(session: Session, *, isp_id: int | None = None) -> dict[int, datetime]:
    """Return when the first account that is looked at by itself is due, by ISP."""
    first = (
        select(Account.next_look_at)
        .where(
            Account.isp_id == Isp.id,
            Account.next_look_at.is_not(None),
            Account.paired_at.is_not(None),
            Account.unpaired_at.is_(None),
        )
        .order_by(Account.next_look_at)
        .limit(1)
        .scalar_subquery()
    )
    query = select(Isp.id, first)
    if isp_id is not None:
        query = query.where(Isp.id == isp_id)
    return {isp: at for isp, at in session.execute(query) if at is not None}


def last_runs(session: Session, *, isp_id: int | None = None) -> dict[int, SyncRun]:
    """Return the youngest run of each ISP that has ended."""
    last = (
        select(SyncRun.id)
        .where(SyncRun.isp_id == Isp.id, SyncRun.outcome.is_not(None), SyncRun.account_id.is_(None))
        .order_by(SyncRun.started_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(Isp.id, last)
    if isp_id is not None:
        query = query.where(Isp.id == isp_id)
    ids = [run_id for _, run_id in session.execute(query)]
    return {run.isp_id: run for run in _runs(session, ids)}


def runs(session: Session, ids: Sequence[int]) -> dict[int, SyncRun]:
    """Return runs by their ids."""
    return {run.id: run for run in _runs(session, ids)}


def _runs(session: Session, ids: Sequence[int | None]) -> Sequence[SyncRun]:
    wanted = [one for one in ids if one is not None]
    if not wanted:
        return ()
    return session.scalars(select(SyncRun).where(SyncRun.id.in_(wanted))).all()


def resting_accounts(session: Session, *, now: datetime) -> tuple[int, int]:
    """Return how many sending accounts rest, and how many are in trouble."""
    resting, failing = session.execute(
        select(
            func.count().filter(Provider.paused_until > now),
            func.count().filter(Provider.failures > 0),
        ).select_from(Provider)
    ).one()
    return resting, failing


def notices_waiting(session: Session) -> int:
    """Return how many notices to operators did not leave yet."""
    query = select(func.count()).where(OperatorNotice.state.in_(["planned", "sending"]))
    return session.scalar(query) or 0
