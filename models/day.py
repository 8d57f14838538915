"""What happened to an ISP in a span of days, counted; cost follows what happened in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.alert import Alert, Delivery
from models.hold import Hold
from models.steering import unindexed
from models.sync_run import SyncRun


@dataclass(frozen=True, slots=True)
class Span:
    """From one instant up to, and without, another one."""

    begins: datetime
    ends: datetime


#: How many deliveries ended in a state, for a reason.
Ends = dict[tuple[str, str | None], int]


def ended(session: Session, isp_ids: Collection[int], span: Span) -> dict[int, Ends]:
    """Return how many deliveries ended in each state, by ISP and reason.

    One pass for all of them, over an index that holds all that is asked for and begins with the
    instant: for each ISP alone it would be read as often as there are ISPs.
    """
    rows = session.execute(
        select(Delivery.isp_id, Delivery.state, Delivery.reason, func.count())
        .where(*_settled(isp_ids, span))
        .group_by(Delivery.isp_id, Delivery.state, Delivery.reason)
    )
    found: dict[int, Ends] = {one: {} for one in isp_ids}
    for isp_id, state, reason, number in rows:
        found[isp_id][state, reason] = number
    return found


def sent_by_kind(
    session: Session, isp_ids: Collection[int], span: Span
) -> dict[int, dict[str, int]]:
    """Return how many alerts of each kind left, by ISP; one pass for all of them."""
    rows = session.execute(
        select(Delivery.isp_id, Alert.kind, func.count())
        .join(Alert, Delivery.alert_id == Alert.id)
        .where(*_settled(isp_ids, span), unindexed(Delivery.state) == "sent")
        .group_by(Delivery.isp_id, Alert.kind)
    )
    found: dict[int, dict[str, int]] = {one: {} for one in isp_ids}
    for isp_id, kind, number in rows:
        found[isp_id][kind] = number
    return found


def who(
    session: Session, isp_id: int, span: Span, *, state: str, reason: str | None, most: int
) -> Sequence[str]:
    """Return the public ids of some customers whose alerts ended like this, the first ones."""
    rows = session.execute(
        select(Account.id, Account.public_id, Account.client_id)
        .join(Delivery, Delivery.account_id == Account.id)
        .where(
            *_settled([isp_id], span),
            unindexed(Delivery.state) == state,
            Delivery.reason == reason,
        )
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


def _settled(isp_ids: Collection[int], span: Span) -> tuple[ColumnElement[bool], ...]:
    return (
        Delivery.settled_at >= span.begins,
        Delivery.settled_at < span.ends,
        unindexed(Delivery.isp_id).in_(isp_ids),
    )
