"""What happened to an ISP in a span of days, counted; cost follows what happened in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.alert import Alert, Delivery
from models.hold import Hold
from models.sync_run import SyncRun


@dataclass(frozen=True, slots=True)
class Span:
    """From one instant up to, and without, another one."""

    begins: datetime
    ends: datetime


def ended(session: Session, isp_id: int, span: Span) -> dict[tuple[str, str | None], int]:
    """Return how many deliveries ended in each state, by reason; from an index alone."""
    rows = session.execute(
        select(Delivery.state, Delivery.reason, func.count())
        .where(*_settled(isp_id, span))
        .group_by(Delivery.state, Delivery.reason)
    )
    return {(state, reason): number for state, reason, number in rows}


def sent_by_kind(session: Session, isp_id: int, span: Span) -> dict[str, int]:
    """Return how many alerts of each kind left."""
    rows = session.execute(
        select(Alert.kind, func.count())
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where(*_settled(isp_id, span), Delivery.state == "sent")
        .group_by(Alert.kind)
    )
    return {row[0]: row[1] for row in rows}


def who(
    session: Session, isp_id: int, span: Span, *, state: str, reason: str | None, most: int
) -> Sequence[str]:
    """Return the public ids of some customers whose alerts ended like this, the first ones."""
    rows = session.execute(
        select(Account.id, Account.public_id, Account.client_id)
        .join(Delivery, Delivery.account_id == Account.id)
        .where(*_settled(isp_id, span), Delivery.state == state, Delivery.reason == reason)
        .group_by(Account.id, Account.public_id, Account.client_id)
        .order_by(func.min(Delivery.settled_at), Account.id)
        .limit(most)
    )
    return [str(row.public_id or row.client_id) for row in rows]


def looks(session: Session, isp_id: int, span: Span) -> dict[str, int]:
    """Return how many looks ended how; those at single accounts are not counted."""
    rows = session.execute(
        select(SyncRun.outcome, func.count())
        .where(
            SyncRun.isp_id == isp_id,
            SyncRun.started_at >= span.begins,
            SyncRun.started_at < span.ends,
            SyncRun.account_id.is_(None),
            SyncRun.outcome.is_not(None),
        )
        .group_by(SyncRun.outcome)
    )
    return {str(outcome): number for outcome, number in rows}


def holds(session: Session, isp_id: int, today: date) -> int:
    """Return how many holds by staff and promises last through a day."""
    query = select(func.count()).where(
        Hold.isp_id == isp_id, Hold.released_at.is_(None), Hold.until >= today
    )
    return session.scalar(query) or 0


def _settled(isp_id: int, span: Span) -> tuple[ColumnElement[bool], ...]:
    return (
        Delivery.settled_at >= span.begins,
        Delivery.settled_at < span.ends,
        Delivery.isp_id == isp_id,
    )
