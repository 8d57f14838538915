"""What unpaid alerts an account got lately, and so what it may still get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from billing.calendar import Calendar, Caps, Contact, contacts_since
from billing.gate import Limits
from billing.policy import Policy
from billing.values import AlertKind, DeliveryState
from models.alert import Alert, Attempt, Delivery

_WENT = (DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value)


def is_capped(policy: Policy, kind: AlertKind, step: str) -> bool:
    """This function will say whether the caps on unpaid alerts bind an alert."""
    manner = policy.manner_of(kind, step)
    if manner is None or manner.capped is None:
        return kind.capped
    return manner.capped


def limits_of(
    session: Session, delivery: Delivery, alert: Alert, policy: Policy, calendar: Calendar
) -> Limits | None:
    """This function will read what binds a delivery; None = the caps do not.

    What was sent is read as far back as the caps look from the day the delivery was claimed.
    """
    caps = policy.all_caps
    if not caps or not is_capped(policy, AlertKind(alert.kind), alert.step):
        return None
    return Limits(
        caps=caps,
        contacts=contacts_of(
            session,
            delivery.account_id,
            policy,
            since=contacts_since(caps, calendar, now=delivery.not_before),
            but=delivery.id,
        ),
        alert_key=_carrier_of(session, alert.id) or alert.id,
        channel_key=delivery.channel_id,
    )


def _carrier_of(session: Session, alert_id: int) -> int | None:
    """Return the alert in whose message this one went last, on another channel, if it did.

    What was told together on one channel is the same contact on the next one too.
    """
    carrier = aliased(Delivery)
    return session.scalars(
        select(carrier.alert_id)
        .join(Delivery, Delivery.carried_by == carrier.id)
        .where(Delivery.alert_id == alert_id)
        .order_by(Delivery.settled_at.desc(), Delivery.id)
        .limit(1)
    ).first()


def contacts_of(
    session: Session, account_id: int, policy: Policy, *, since: datetime, but: int | None = None
) -> Sequence[Contact]:
    """This function will read the unpaid alerts that went, or may have gone, to an account.

    One that is being sent right now counts: its provider is being called. What went along in the
    message of another is no contact of its own.

    Args:
        session: reads.
        account_id: whose.
        policy: of the ISP, which says what the caps bind.
        since: how far back.
        but: a delivery that does not count: the one at hand.
    """
    under_way = (
        select(Attempt.id)
        .where(Attempt.delivery_id == Delivery.id, Attempt.number == Delivery.attempts)
        .exists()
    )
    at = func.coalesce(Delivery.sent_at, Delivery.settled_at, Delivery.lease_until)
    query = (
        select(
            Delivery.id,
            Delivery.alert_id,
            Delivery.channel_id,
            Delivery.sent_at,
            Delivery.settled_at,
            Delivery.not_before,
            Alert.kind,
            Alert.step,
        )
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(
            Delivery.account_id == account_id,
            Delivery.carried_by.is_(None),
            or_(
                Delivery.state.in_(_WENT),
                (Delivery.state == DeliveryState.SENDING.value) & under_way,
            ),
            at >= since,
        )
    )
    return [
        Contact(
            at=row.sent_at or row.settled_at or row.not_before,
            alert_key=row.alert_id,
            channel_key=row.channel_id,
        )
        for row in session.execute(query)
        if row.id != but and is_capped(policy, AlertKind(row.kind), row.step)
    ]


def counted(caps: Caps, contacts: Sequence[Contact], calendar: Calendar, *, now: datetime) -> str:
    """This function will say in a few words how the caps stand, before one more goes."""
    if not caps:
        return "no caps"
    today = calendar.today(now)
    days = [(today - calendar.today(one.at)).days for one in contacts]
    parts = []
    if caps.per_day is not None:
        parts.append(f"{sum(day == 0 for day in days)} of {caps.per_day} today")
    if caps.per_week is not None:
        parts.append(f"{sum(0 <= day < 7 for day in days)} of {caps.per_week} in 7 days")
    if caps.gap_days is not None:
        last = min((day for day in days if day >= 0), default=None)
        parts.append(f"the last {'never' if last is None else f'{last} days ago'}")
    if caps.channels_per_week is not None:
        used = {one.channel_key for one, day in zip(contacts, days, strict=True) if 0 <= day < 7}
        parts.append(f"{len(used)} of {caps.channels_per_week} channels in 7 days")
    return ", ".join(parts)
