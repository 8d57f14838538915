"""What happened since the last look: deliveries that were settled, runs that ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.alert import Delivery
from models.sync_run import SyncRun


class SettledDelivery(NamedTuple):
    """A delivery that came to an end."""

    id: int
    settled_at: datetime
    isp_id: int
    route: str
    state: str
    reason: str | None


class Run(NamedTuple):
    """A run; `outcome` is None while it goes on."""

    id: int
    isp_id: int
    mode: str
    outcome: str | None
    ms: int
    requests: int
    changed: int
    alerts: int


def settled_since(session: Session, since: datetime) -> Sequence[SettledDelivery]:
    """Return the deliveries that were settled at an instant or after it."""
    rows = session.execute(
        select(
            Delivery.id,
            Delivery.settled_at,
            Delivery.isp_id,
            Delivery.route,
            Delivery.state,
            Delivery.reason,
        ).where(Delivery.settled_at >= since)
    )
    return [SettledDelivery._make(row) for row in rows]


def runs_after(session: Session, after: int, *, besides: Collection[int]) -> Sequence[Run]:
    """Return the runs with a larger id than this, and some others."""
    rows = session.execute(
        select(
            SyncRun.id,
            SyncRun.isp_id,
            SyncRun.mode,
            SyncRun.outcome,
            SyncRun.ms,
            SyncRun.requests,
            SyncRun.changed,
            SyncRun.alerts,
        ).where(or_(SyncRun.id > after, SyncRun.id.in_(besides)))
    )
    return [Run._make(row) for row in rows]


def last_run_before(session: Session, instant: datetime) -> int:
    """Return the id of the youngest run that began before an instant; 0 = there was none."""
    query = select(SyncRun.id).where(SyncRun.started_at < instant).order_by(SyncRun.id.desc())
    return session.scalar(query.limit(1)) or 0
