"""Sending accounts that let nothing through for long: told once, and once more when they do again.

An account is known by what its provider knows it by, so several ISPs may share one: each that sent
over it lately is told, and none of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from billing.delivery import providers
from billing.notices import tell_operator
from billing.values import DeliveryState, Medium, NoticeKind, Reason
from models.account import Channel
from models.alert import Attempt, Delivery, Provider
from models.operator import OperatorNotice

log = structlog.get_logger()

#: A provider that stumbles for a moment is nobody's news.
TELL_AFTER = timedelta(minutes=15)
#: Who used an account within so long is told of its trouble.
USED_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _User:
    """An ISP that sends over an account, over which kind of channel, and what waits there."""

    isp_id: int
    route: str
    waiting: int


def tell_of_accounts(session: Session, *, now: datetime) -> int:
    """This function will write what is to be told of sending accounts.

    Args:
        session: an open unit of work.
        now: the present.

    Returns:
        How many notices are new.
    """
    news = or_(Provider.told_since.is_not(None), Provider.trouble_since <= now - TELL_AFTER)
    keys = session.scalars(select(Provider.key).where(news)).all()
    providers.lock(session, keys)
    rows = session.scalars(
        select(Provider)
        .where(Provider.key.in_(keys))
        .order_by(Provider.key)
        .execution_options(populate_existing=True)
    )
    return sum(_tell(session, row, now=now) for row in rows)


def is_long(row: Provider, *, now: datetime) -> bool:
    """This function will say whether an account lets nothing through for long.

    It has to have been tried again, or told us to wait: an account that stumbled at the end of a
    day and was not needed since is not in trouble.
    """
    if row.trouble_since is None or row.paused_until is None:
        return False
    long = row.trouble_since + TELL_AFTER
    return now >= long and row.paused_until >= long


def _tell(session: Session, row: Provider, *, now: datetime) -> int:
    if row.told_since is not None and row.trouble_since is None:
        over, row.told_since = row.told_since, None
        return _tell_recovered(session, row.key, over, now=now)
    if row.trouble_since == row.told_since or not is_long(row, now=now):
        return 0
    since = row.trouble_since
    assert since is not None
    row.told_since = since
    new = 0
    for user in _users(session, row.key, now=now):
        details = {
            "account": user.route,
            "since": since.isoformat(),
            "reason": row.paused_why or "",
            **({"waiting": str(user.waiting)} if user.waiting else {}),
        }
        kind = NoticeKind.PROVIDER_RESTING
        new += tell_operator(
            session, user.isp_id, kind, _subject(row.key, user.route, since), details, now=now
        )
    log.warning("provider.rests", provider=row.key, since=since.isoformat(), told=new)
    return new


def _tell_recovered(session: Session, key: str, since: datetime, *, now: datetime) -> int:
    """Tell whoever was told of the trouble; who was not reached yet reads of its end only."""
    told = session.execute(
        select(OperatorNotice.isp_id, OperatorNotice.subject, OperatorNotice.details)
        .where(
            OperatorNotice.kind == NoticeKind.PROVIDER_RESTING.value,
            OperatorNotice.subject.startswith(_subject(key, "", since), autoescape=True),
        )
        .order_by(OperatorNotice.id)
    )
    by_user = {(row.isp_id, row.subject): row.details for row in told}
    new = 0
    for (isp_id, subject), details in by_user.items():
        session.execute(
            update(OperatorNotice)
            .where(
                OperatorNotice.isp_id == isp_id,
                OperatorNotice.kind == NoticeKind.PROVIDER_RESTING.value,
                OperatorNotice.subject == subject,
                OperatorNotice.state == DeliveryState.PLANNED.value,
            )
            .values(
                state=DeliveryState.SKIPPED.value, reason=Reason.SUPERSEDED.value, settled_at=now
            )
            .execution_options(synchronize_session=False)
        )
        known = {name: details[name] for name in ("account", "since") if name in details}
        kind = NoticeKind.PROVIDER_RECOVERED
        new += tell_operator(session, isp_id, kind, subject, known, now=now)
    log.info("provider.recovered", provider=key, since=since.isoformat(), told=new)
    return new


def _users(session: Session, key: str, *, now: datetime) -> Sequence[_User]:
    """Name the ISPs that sent over an account lately.

    An account that one customer brought along (an ntfy server at home) is that customer's own; one
    of SMS never is. While an account rests, one message at a time asks, so that the journal may
    know a single customer of many.
    """
    is_sms = Channel.medium == Medium.SMS.value
    rows = session.execute(
        select(
            Delivery.isp_id,
            Delivery.route,
            func.count(Delivery.account_id.distinct()).label("customers"),
            func.max(case((or_(Channel.needs_transport, is_sms), 1), else_=0)).label("ours"),
        )
        .select_from(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Channel, Channel.id == Delivery.channel_id)
        .where(Attempt.provider == key, Attempt.started_at > now - USED_WITHIN)
        .group_by(Delivery.isp_id, Delivery.route)
        .order_by(Delivery.isp_id, Delivery.route)
    ).all()
    return [
        _User(row.isp_id, row.route, _waiting(session, row.isp_id, row.route, now=now))
        for row in rows
        if row.ours or row.customers > 1
    ]


def _waiting(session: Session, isp_id: int, route: str, *, now: datetime) -> int:
    query = (
        select(func.count())
        .select_from(Delivery)
        .where(
            Delivery.state == DeliveryState.PLANNED.value,
            Delivery.isp_id == isp_id,
            Delivery.route == route,
            Delivery.planned_at <= now,
        )
    )
    return session.scalar(query) or 0


def _subject(key: str, route: str, since: datetime) -> str:
    return f"{key} {since.isoformat()} {route}"
