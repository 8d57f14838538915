"""What unpaid alerts an account got lately, and so what it may still get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from billing.calendar import Calendar, Caps, Contact, contacts_since
from billing.gate import Limits
from billing.policy import Policy
from billing.values import AlertKind, DeliveryState
from billing.wanted import is_capped
from models.alert import Alert, Attempt, Delivery

_WENT = (DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value)


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
    query = contacts_since_query(since).where(Delivery.account_id == account_id)
    return [
        Contact(
            at=row.sent_at or row.settled_at or row.not_before,
            alert_key=row.alert_id,
            channel_key=row.channel_id,
        )
        for row in session.execute(query)
        if row.id != but and is_capped(policy, AlertKind(row.kind), row.step)
    ]


def contacts_since_query(since: datetime) -> Select[*tuple[Any, ...]]:
    """This function will return the query for what counts as a contact, of any account.

    Args:
        since: how far back; an instant.

    Returns:
        Rows with id, account_id, alert_id, channel_id, sent_at, settled_at, not_before, kind, step.
    """
    under_way = (
        select(Attempt.id)
        .where(Attempt.delivery_id == Delivery.id, Attempt.number == Delivery.attempts)
        .exists()
    )
    at = func.coalesce(Delivery.sent_at, Delivery.settled_at, Delivery.lease_until)
    return (
        select(
            Delivery.id,
            Delivery.account_id,
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
            Delivery.carried_by.is_(None),
            or_(
                Delivery.state.in_(_WENT),
                (Delivery.state == DeliveryState.SENDING.value) & under_way,
            ),
            at >= since,
        )
    )


@dataclass(frozen=True, slots=True)
class CapLine:
    """How one cap stands before one more goes.

    Args:
        cap: the field of `Caps`.
        limit: the most, or for `gap_days` the least.
        used: contacts or channels so far; for `gap_days` the days since the last contact, None =
            there was none.
    """

    cap: str
    limit: int
    used: int | None


def standing(
    caps: Caps, contacts: Sequence[Contact], calendar: Calendar, *, now: datetime
) -> tuple[CapLine, ...]:
    """This function will say how each cap that there is stands, before one more goes."""
    today = calendar.today(now)
    days = [(today - calendar.today(one.at)).days for one in contacts]
    lines = []
    if caps.per_day is not None:
        lines.append(CapLine("per_day", caps.per_day, sum(day == 0 for day in days)))
    if caps.per_week is not None:
        lines.append(CapLine("per_week", caps.per_week, sum(0 <= day < 7 for day in days)))
    if caps.gap_days is not None:
        last = min((day for day in days if day >= 0), default=None)
        lines.append(CapLine("gap_days", caps.gap_days, last))
    if caps.channels_per_week is not None:
        used = {one.channel_key for one, day in zip(contacts, days, strict=True) if 0 <= day < 7}
        lines.append(CapLine("channels_per_week", caps.channels_per_week, len(used)))
    return tuple(lines)


def counted(caps: Caps, contacts: Sequence[Contact], calendar: Calendar, *, now: datetime) -> str:
    """This function will say in a few words how the caps stand, before one more goes."""
    words = {
        "per_day": "{used} of {limit} today",
        "per_week": "{used} of {limit} in 7 days",
        "gap_days": "the last {used} days ago",
        "channels_per_week": "{used} of {limit} channels in 7 days",
    }
    lines = standing(caps, contacts, calendar, now=now)
    return (
        ", ".join(
            "the last never"
            if line.used is None
            else words[line.cap].format(used=line.used, limit=line.limit)
            for line in lines
        )
        or "no caps"
    )
