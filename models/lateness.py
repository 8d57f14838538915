"""What should have happened by now, by ISP; cost follows what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from models.account import Account
from models.alert import Delivery
from models.invoice import Invoice
from models.isp import Isp
from models.steering import unindexed
from models.sync_run import SyncRun

#: What a sending account in trouble puts off comes back within so long.
_COMES_BACK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Late:
    """What of an ISP waits beyond its time; `put_off` of these by a sending account in trouble."""

    number: int
    oldest: datetime
    put_off: int = 0


def unsent(
    session: Session, *, before: datetime, now: datetime, troubles: Sequence[str]
) -> dict[int, Late]:
    """Return what was to leave before an instant and may leave now, by ISP.

    Args:
        session: reads.
        before: was to leave by then, and was put off since for a trouble only.
        now: the present.
        troubles: reasons of such a trouble; what waits for any other reason is not late.
    """
    due = Delivery.not_before <= before
    troubled = and_(
        Delivery.not_before <= now + _COMES_BACK,
        Delivery.reason.in_(troubles),
        Delivery.planned_at <= before,
    )
    rows = session.execute(
        select(
            Delivery.isp_id,
            func.count(),
            func.min(case((due, Delivery.not_before), else_=Delivery.planned_at)),
            func.sum(case((Delivery.reason.in_(troubles), 1), else_=0)),
        )
        .where(Delivery.state == "planned", or_(due, troubled))
        .group_by(Delivery.isp_id)
    )
    return {isp_id: Late(number, oldest, put_off) for isp_id, number, oldest, put_off in rows}


def put_off(session: Session, isp_id: int, *, before: datetime, troubles: Sequence[str]) -> bool:
    """Say whether something that was to leave by an instant waits for its next try, or has it."""
    found = select(Delivery.id).where(
        Delivery.isp_id == isp_id,
        Delivery.planned_at <= before,
        or_(
            and_(Delivery.state == "planned", Delivery.reason.in_(troubles)),
            Delivery.state == "sending",
        ),
    )
    return session.scalars(found.limit(1)).first() is not None


def unplanned(session: Session, *, before: datetime) -> dict[int, Late]:
    """Return the invoices whose step came due before an instant and was not planned, by ISP."""
    isp_id = unindexed(Invoice.isp_id).label("isp")
    rows = session.execute(
        select(isp_id, func.count(), func.min(Invoice.plan_at))
        .where(Invoice.plan_at <= before)
        .group_by(isp_id)
    )
    return {isp_id: Late(number, oldest) for isp_id, number, oldest in rows if oldest is not None}


def last_sent(session: Session, isp_id: int, *, after: datetime) -> datetime | None:
    """Return when something of an ISP left last, if that was after an instant."""
    return session.scalar(
        select(func.max(Delivery.settled_at)).where(
            Delivery.settled_at > after,
            Delivery.isp_id == isp_id,
            unindexed(Delivery.state) == "sent",
        )
    )


def waits_for_a_look(session: Session, isp_id: int, *, paired_before: datetime) -> bool:
    """Say whether somebody is paired at an ISP, and was so before an instant."""
    found = select(Account.id).where(
        Account.isp_id == isp_id,
        Account.paired_at <= paired_before,
        Account.unpaired_at.is_(None),
    )
    return session.scalars(found.limit(1)).first() is not None


def last_run(session: Session, isp_id: int) -> SyncRun | None:
    """Return the last run that was about more than one account."""
    return session.scalars(
        select(SyncRun)
        .where(SyncRun.isp_id == isp_id, SyncRun.account_id.is_(None))
        .order_by(SyncRun.started_at.desc(), SyncRun.id.desc())
        .limit(1)
    ).first()


def enabled(session: Session) -> Sequence[Isp]:
    """Return the ISPs for which we work."""
    return session.scalars(select(Isp).where(Isp.enabled.is_(True)).order_by(Isp.id)).all()
