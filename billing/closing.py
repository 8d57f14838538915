"""A channel closes, and what was to go there with it: at once, whoever holds it. It may open again.

What is planned is cancelled, and so is what a worker has claimed and not begun to send: it finds
its claim lost when it journals the attempt. What was begun is on its way and ends by its outcome.
Everything here happens in the unit of work of its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.ending import short
from billing.values import DeliveryState, Reason
from models import claims
from models.account import Account, Channel
from models.alert import Delivery


def close_channel(
    session: Session,
    channel: Channel,
    reason: Reason,
    *,
    now: datetime,
    words: str | None = None,
    author: str | None = None,
) -> Sequence[int]:
    """This function will close a channel and cancel what has not left for it.

    Args:
        session: an open unit of work.
        channel: which.
        reason: what its deliveries end with.
        now: the present.
        words: why, for people; None = the reason.
        author: which of the staff; None = the customer.

    Returns:
        The alerts of what was cancelled.
    """
    channel.disabled_at = now
    channel.disabled_reason = (words or reason.value)[:300]
    channel.disabled_by = author[:100] if author else None
    session.flush()
    ids = claims.call_off(
        session,
        Delivery.channel_id == channel.id,
        reason=reason.value,
        now=now,
        detail=short(words),
    )
    return sorted(set(session.scalars(select(Delivery.alert_id).where(Delivery.id.in_(ids)))))


def reopen(channel: Channel) -> None:
    """This function will let alerts go to a channel again, from the next one on."""
    channel.disabled_at = channel.disabled_reason = channel.disabled_by = None
    channel.removed_at = None


def call_off_account(session: Session, account: Account, *, now: datetime) -> None:
    """This function will cancel what has not left for an account that is no longer paired."""
    session.flush()
    whose = Delivery.account_id == account.id
    claims.call_off(session, whose, reason=Reason.UNPAIRED.value, now=now)


def open_channels(session: Session, account_id: int) -> Sequence[Channel]:
    """This function will return the channels that alerts go to, the first one first."""
    return session.scalars(
        select(Channel)
        .where(Channel.account_id == account_id, Channel.disabled_at.is_(None))
        .order_by(Channel.position, Channel.id)
    ).all()


#: A delivery that ended like this may still be taken up: what stood against it was of that hour,
#: or its channel was closed then and is open now.
OF_THE_HOUR = frozenset(
    {Reason.CAP_DAY, Reason.CAP_WEEK, Reason.CHANNEL_DISABLED, Reason.CHANNEL_REMOVED}
)
#: Deliveries by which an alert reached the customer, may have, or still will.
REACHES = (
    DeliveryState.PLANNED.value,
    DeliveryState.SENDING.value,
    DeliveryState.SENT.value,
    DeliveryState.UNCERTAIN.value,
)
