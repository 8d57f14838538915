"""Write what is owed: the alert, a delivery for each channel, and the end of what it replaces.

Everything here runs inside the caller's transaction, the one that holds the change that caused it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol, Self

from sqlalchemy import and_, not_, or_, select, update
from sqlalchemy.orm import Session

from billing.calendar import Calendar, ContactHours
from billing.keys import AlertKey
from billing.policy import PLAINLY, Anchor, Occurrence, Policy, occurrences
from billing.values import AlertKind, DeliveryState, InvoiceFacts, Reason
from billing.wanted import first_slot, off_channel, unwanted
from models.account import Channel, Contract
from models.alert import Alert, Delivery
from models.bulk import among, checked, insert_all, insert_new_ids
from models.invoice import Invoice

DEMANDS = tuple(kind.value for kind in AlertKind if kind.asks_to_pay)
#: Demands that name a date; an announcement is of use whatever date its invoice gets.
REMINDERS = tuple(kind.value for kind in AlertKind if kind.capped)


@dataclass(slots=True)
class Tally:
    """How much was planned."""

    alerts: int = 0
    deliveries: int = 0

    def __bool__(self) -> bool:
        return self.alerts > 0

    def __iadd__(self, other: Tally) -> Self:
        self.alerts += other.alerts
        self.deliveries += other.deliveries
        return self


class Customer(Protocol):
    """What the planner asks of an account: its row, or as much of it as was read."""

    @property
    def id(self) -> int:
        """Of its row."""
        ...

    @property
    def isp_id(self) -> int:
        """Whose customer."""
        ...

    @property
    def contact_hours(self) -> str | None:
        """Its own hours, as text; None = the ISP's."""
        ...

    @property
    def steps_off(self) -> Sequence[str]:
        """What it does not want: "overdue", or one step, "due_soon -5d"."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What the planner of one ISP goes by.

    `earliest` keeps what is planned from leaving before that instant: a look by hand must not send
    anything that the daemon would not have sent by then anyway.
    """

    policy: Policy
    calendar: Calendar
    earliest: datetime | None = None

    def of_account(self, account: Customer) -> Rules:
        """Return what holds for one customer, who may have narrower hours of their own."""
        if account.contact_hours is None:
            return self
        hours = ContactHours.parse(account.contact_hours)
        return replace(self, calendar=self.calendar.within(hours))


def owe(
    session: Session,
    invoice: Invoice,
    key: AlertKey,
    rules: Rules,
    *,
    due_at: datetime,
    now: datetime,
    useful_until: datetime | None = None,
    details: dict[str, str] | None = None,
    skipped: Reason | None = None,
) -> Tally:
    """This function will record an alert about an invoice, once however often it is called.

    Args:
        session: an open unit of work.
        invoice: what it is about.
        key: what makes it the same as another one.
        rules: of the ISP.
        due_at: when its time came.
        now: the present.
        useful_until: from then on it is worthless.
        details: what the template needs and the invoice no longer holds.
        skipped: a reason if it is recorded as one that will never go.

    Returns:
        What was new; nothing where the same alert was recorded before.
    """
    owing = Owing(
        account=invoice.account,
        invoice_id=invoice.id,
        key=key,
        rules=rules,
        due_at=due_at,
        useful_until=useful_until,
        details=details,
        skipped=skipped,
    )
    return record_all(session, [owing], now=now)


#: An alert says all by its kind and its invoice.
_NO_DETAILS: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """One alert to record; `invoice_id` is None where it is about the account as a whole.

    `channel_id` names the only channel that it goes to; None = every one. `at_once` = somebody
    waits for it, whatever the hour. The rest is as in `owe`.
    """

    account: Customer
    invoice_id: int | None
    key: AlertKey
    rules: Rules
    due_at: datetime
    useful_until: datetime | None = None
    details: dict[str, str] | None = None
    skipped: Reason | None = None
    channel_id: int | None = None
    at_once: bool = False


def record_all(session: Session, several: Sequence[Owing], *, now: datetime) -> Tally:
    """This function will record alerts and a delivery of each for every enabled channel.

    In a few statements, however many they are. One that the contact hours leave no time to go is
    recorded as skipped, for that reason, and so is one that the policy or the customer does not
    want, on the channels where it is not wanted.

    Args:
        session: an open unit of work.
        several: in the order in which their deliveries are to be numbered.
        now: the present.

    Returns:
        What was new and may go.
    """
    if not several:
        return Tally()
    session.flush()
    ids = _insert_alerts(session, several, now=now)
    new = [(one, row_id) for one, row_id in zip(several, ids, strict=True) if row_id is not None]
    channels = _enabled_channels(session, {one.account.id for one, _ in new})
    rows: list[dict[str, Any]] = []
    tally = Tally()
    for one, alert_id in new:
        goes_at, skipped = _when(one, now=now)
        manner = one.rules.policy.manner_of(one.key.kind, one.key.step) or PLAINLY
        for channel_id, medium, scheme in channels.get(one.account.id, ()):
            if one.channel_id is not None and one.channel_id != channel_id:
                continue
            why = skipped or off_channel(manner, medium=medium, scheme=scheme)
            tally.deliveries += why is None
            rows.append(
                {
                    "isp_id": one.account.isp_id,
                    "account_id": one.account.id,
                    "alert_id": alert_id,
                    "channel_id": channel_id,
                    "route": scheme,
                    "state": (DeliveryState.SKIPPED if why else DeliveryState.PLANNED).value,
                    "reason": why.value if why else None,
                    "message_id": str(uuid.uuid4()),
                    "planned_at": goes_at,
                    "not_before": goes_at,
                    "attempts": 0,
                    "created_at": now,
                    "settled_at": now if why else None,
                }
            )
        tally.alerts += skipped is None
    insert_all(session, Delivery, rows)
    return tally


def _insert_alerts(
    session: Session, several: Sequence[Owing], *, now: datetime
) -> list[int | None]:
    """Return the ids of those that are new, None for the others."""
    rows = [
        {
            "isp_id": one.account.isp_id,
            "account_id": one.account.id,
            "invoice_id": one.invoice_id,
            "subject": one.key.subject,
            "kind": one.key.kind.value,
            "anchor": one.key.anchor.value,
            "anchor_date": one.key.anchor_date,
            "step": one.key.step,
            "due_at": one.due_at,
            "useful_until": one.useful_until,
            "details": one.details or _NO_DETAILS,
            "created_at": now,
        }
        for one in several
    ]
    same = ("account_id", "subject", "kind", "anchor_date", "step")
    return insert_new_ids(session, Alert, rows, key=same)


def _enabled_channels(
    session: Session, account_ids: set[int]
) -> dict[int, list[tuple[int, str, str]]]:
    """Return (id, medium, scheme) of each account's enabled channels, in the customer's order."""
    found: dict[int, list[tuple[int, str, str]]] = {}
    query = (
        select(Channel.account_id, Channel.id, Channel.medium, Channel.scheme)
        .where(among(session, Channel.account_id, account_ids), Channel.disabled_at.is_(None))
        .order_by(Channel.position, Channel.id)
    )
    for account_id, channel_id, medium, scheme in session.execute(query) if account_ids else ():
        found.setdefault(account_id, []).append((channel_id, medium, scheme))
    return found


def _when(one: Owing, *, now: datetime) -> tuple[datetime, Reason | None]:
    """Return when an alert goes first, and why it never does."""
    if one.at_once:
        return now, None
    rules = one.rules.of_account(one.account)
    soonest = max(one.due_at, now, rules.earliest or now)
    goes_at, closed = first_slot(rules.calendar, soonest=soonest, useful_until=one.useful_until)
    off = one.account.steps_off
    why = one.skipped or closed or unwanted(rules.policy, off, one.key.kind, one.key.step)
    return goes_at, why


def end_planned(
    session: Session,
    invoice_id: int,
    kinds: Sequence[str],
    reason: Reason,
    *,
    now: datetime,
    but: AlertKey | None = None,
) -> int:
    """This function will end the deliveries of an invoice that are still only planned.

    One that is being sent right now is not touched: whoever claimed it asks the gate. `but` is the
    alert that takes the place of the others.
    """
    state = DeliveryState.SKIPPED if reason is Reason.SUPERSEDED else DeliveryState.CANCELLED
    alerts = select(Alert.id).where(Alert.invoice_id == invoice_id, Alert.kind.in_(kinds))
    if but is not None:
        same = and_(
            Alert.kind == but.kind.value,
            Alert.anchor_date == but.anchor_date,
            Alert.step == but.step,
        )
        alerts = alerts.where(not_(same))
    ended = session.scalars(
        update(Delivery)
        .where(
            checked(Delivery.state == DeliveryState.PLANNED.value), Delivery.alert_id.in_(alerts)
        )
        .values(state=state.value, reason=reason.value, settled_at=now)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(ended)


def revive(session: Session, invoice: Invoice, rules: Rules, *, now: datetime) -> None:
    """This function will plan again what was cancelled while an invoice was not owed.

    Wispro showed a pending invoice in another state for a while (a glitch, an authorisation that
    was repeated): what had not left by then is owed again.
    """
    soonest = max(now, rules.earliest or now)
    alerts = select(Alert.id).where(
        Alert.invoice_id == invoice.id,
        Alert.kind.in_(DEMANDS),
        or_(Alert.useful_until.is_(None), Alert.useful_until > now),
    )
    session.execute(
        update(Delivery)
        .where(
            checked(Delivery.state == DeliveryState.CANCELLED.value),
            Delivery.reason == Reason.NOT_OWED.value,
            Delivery.alert_id.in_(alerts),
        )
        .values(
            state=DeliveryState.PLANNED.value,
            reason=None,
            settled_at=None,
            not_before=rules.calendar.next_open(soonest) or soonest,
        )
        .execution_options(synchronize_session=False)
    )


def lay_steps(
    session: Session, invoice: Invoice, facts: InvoiceFacts, rules: Rules
) -> tuple[Occurrence, ...]:
    """This function will lay the ISP's policy on one of our invoices."""
    return occurrences(
        facts,
        rules.policy,
        rules.calendar,
        first_seen_at=invoice.first_seen_at,
        baseline=invoice.baseline,
        alerted_on=alerted_on(session, invoice.isp_id, facts.contract_id, rules.policy),
    )


def alerted_on(
    session: Session, isp_id: int, contract_id: str | None, policy: Policy
) -> date | None:
    """Return since when a contract is `alerted`; None too where the policy does not ask for it."""
    if contract_id is None or not policy.counts_from(Anchor.CUTOFF):
        return None
    contract = session.get(Contract, (isp_id, contract_id))
    return contract.alerted_on if contract else None
