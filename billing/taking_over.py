"""The next channel takes over what a closed one left undone.

An alert is laid for every open channel of its account at once, in the customer's order, so as a
rule there is nothing to do here: the next channel has a delivery of its own, and where the policy
allows one channel a week, it goes once the first one has failed, since only what went, or may have
gone, is a contact. Left undone is an alert

* that was laid before the next channel was added or opened again, so that it has none there;
* whose delivery there ended because of a cap, while the first channel still seemed to work.

The next open channel in order gets it, if the policy sends this kind of alert there and the
customer wants it. It faces the gate like any other: consent, hours, caps (one channel a week among
them), and the look at Wispro. A channel that its customer closed by their own word hands nothing
over: who says stop is not written to elsewhere because of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload

from billing.closing import OF_THE_HOUR, REACHES, open_channels
from billing.owing import Rules
from billing.terms import UnreadablePolicyError, rules_of
from billing.values import AlertKind, DeliveryState
from billing.wanted import first_slot, refused
from models.account import Account, Channel
from models.alert import Alert, Delivery


def take_over(session: Session, alert_ids: Collection[int], *, now: datetime) -> int:
    """This function will plan alerts on the next channel that have no other left.

    Args:
        session: the unit of work in which their channel closed.
        alert_ids: of one or more accounts.
        now: the present.

    Returns:
        How many deliveries were planned.
    """
    if not alert_ids:
        return 0
    session.flush()
    reaching = (
        select(Delivery.id)
        .where(Delivery.alert_id == Alert.id, Delivery.state.in_(REACHES))
        .exists()
    )
    alerts = session.scalars(
        select(Alert)
        .where(
            Alert.id.in_(alert_ids),
            or_(Alert.useful_until.is_(None), Alert.useful_until > now),
            ~reaching,
        )
        .options(joinedload(Alert.account).joinedload(Account.isp))
        .order_by(Alert.due_at, Alert.id)
    ).all()
    try:
        return sum(_hand_on(session, alert, now=now) for alert in alerts)
    except UnreadablePolicyError:
        return 0  # nothing is planned for this ISP; what closed the channel is to be written down


def _hand_on(session: Session, alert: Alert, *, now: datetime) -> bool:
    """Plan one alert on the first channel that may have it."""
    account = alert.account
    if not account.paired or AlertKind(alert.kind).about_channel:
        return False
    rules = rules_of(account.isp).of_account(account)
    there = {
        row.channel_id: row
        for row in session.scalars(select(Delivery).where(Delivery.alert_id == alert.id))
    }
    for channel in open_channels(session, account.id):
        if _refused(rules, account.steps_off, alert, channel):
            continue
        row = there.get(channel.id)
        if row is None:
            _plan(session, alert, channel, rules, now=now)
            return True
        if row.reason in {one.value for one in OF_THE_HOUR} and _again(
            session, row, alert, rules, now=now
        ):
            return True
    return False


def _refused(rules: Rules, steps_off: Sequence[str], alert: Alert, channel: Channel) -> bool:
    return (
        refused(
            rules.policy,
            steps_off,
            kind=AlertKind(alert.kind),
            anchor=alert.anchor,
            step=alert.step,
            medium=channel.medium,
            scheme=channel.scheme,
        )
        is not None
    )


def _plan(session: Session, alert: Alert, channel: Channel, rules: Rules, *, now: datetime) -> None:
    goes_at, closed = first_slot(rules.calendar, soonest=now, useful_until=alert.useful_until)
    session.add(
        Delivery(
            isp_id=alert.isp_id,
            account_id=alert.account_id,
            alert_id=alert.id,
            channel_id=channel.id,
            route=channel.scheme,
            state=(DeliveryState.SKIPPED if closed else DeliveryState.PLANNED).value,
            reason=closed.value if closed else None,
            message_id=str(uuid.uuid4()),
            planned_at=goes_at,
            not_before=goes_at,
            attempts=0,
            created_at=now,
            settled_at=now if closed else None,
        )
    )


def _again(session: Session, row: Delivery, alert: Alert, rules: Rules, *, now: datetime) -> bool:
    """Plan a delivery again that a rule of the hour had ended."""
    goes_at, closed = first_slot(rules.calendar, soonest=now, useful_until=alert.useful_until)
    if closed is not None:
        return False
    ended = (DeliveryState.SKIPPED.value, DeliveryState.CANCELLED.value)
    done = session.scalars(
        update(Delivery)
        .where(Delivery.id == row.id, Delivery.state.in_(ended))
        .values(
            state=DeliveryState.PLANNED.value,
            reason=None,
            detail=None,
            settled_at=None,
            not_before=goes_at,
        )
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).first()
    return done is not None
