"""Write what is owed: the alert, a delivery for each channel, and the end of what it replaces.

Everything here runs inside the caller's transaction, the one that holds the change that caused it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import and_, not_, or_, select, update
from sqlalchemy.orm import Session

from billing import keys
from billing.calendar import Calendar, ContactHours
from billing.facts import facts_of
from billing.keys import AlertKey
from billing.policy import PLAINLY, Anchor, Occurrence, Policy, due, occurrences
from billing.values import AlertKind, DeliveryState, InvoiceFacts, InvoiceState, Reason
from models.account import Account, Channel, Contract
from models.alert import Alert, Delivery
from models.database import insert_for
from models.invoice import Invoice

DEMANDS = tuple(kind.value for kind in AlertKind if kind.asks_to_pay)
#: product.md, section 3, rule 10: no second copy of a step sent in the last 72 h.
NO_REPEAT_FOR = timedelta(hours=72)


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


@dataclass(frozen=True, slots=True)
class Rules:
    """What the planner of one ISP goes by.

    `earliest` keeps what is planned from leaving before that instant: a look by hand must not send
    anything that the daemon would not have sent by then anyway.
    """

    policy: Policy
    calendar: Calendar
    earliest: datetime | None = None

    def of_account(self, account: Account) -> Rules:
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
    return record(
        session,
        isp_id=invoice.isp_id,
        account_id=invoice.account_id,
        invoice_id=invoice.id,
        key=key,
        rules=rules,
        due_at=due_at,
        now=now,
        useful_until=useful_until,
        details=details,
        skipped=skipped,
    )


def record(
    session: Session,
    *,
    isp_id: int,
    account_id: int,
    invoice_id: int | None,
    key: AlertKey,
    rules: Rules,
    due_at: datetime,
    now: datetime,
    useful_until: datetime | None = None,
    details: dict[str, str] | None = None,
    skipped: Reason | None = None,
) -> Tally:
    """This function will record an alert of an account and a delivery for each enabled channel.

    `invoice_id` is None where the alert is about the account as a whole; the rest is as in `owe`.
    One that the contact hours leave no time to go is recorded as skipped, for that reason, and so
    is one that the policy or the customer does not want, on the channels where it is not wanted.
    """
    account = session.get_one(Account, account_id)
    rules = rules.of_account(account)
    alert_id = session.execute(
        insert_for(session, Alert)
        .values(
            isp_id=isp_id,
            account_id=account_id,
            invoice_id=invoice_id,
            subject=key.subject,
            kind=key.kind.value,
            anchor=key.anchor.value,
            anchor_date=key.anchor_date,
            step=key.step,
            due_at=due_at,
            useful_until=useful_until,
            details=details or {},
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Alert.id)
    ).scalar_one_or_none()
    if alert_id is None:
        return Tally()
    soonest = max(due_at, now, rules.earliest or now)
    # Where no opening is found the gate says so, with the reason.
    goes_at = rules.calendar.next_open(soonest) or soonest
    if skipped is None and useful_until is not None and soonest < useful_until <= goes_at:
        skipped = rules.calendar.why_closed(soonest)
    skipped = skipped or unwanted(rules.policy, account.steps_off, key.kind, key.step)
    manner = rules.policy.manner_of(key.kind, key.step) or PLAINLY
    planned = 0
    for channel in session.scalars(
        select(Channel)
        .where(Channel.account_id == account_id, Channel.disabled_at.is_(None))
        .order_by(Channel.id)
    ).all():
        uses = manner.uses(medium=channel.medium, scheme=channel.scheme)
        why = skipped or (None if uses else Reason.NOT_IN_POLICY)
        planned += why is None
        session.add(
            Delivery(
                isp_id=isp_id,
                account_id=account_id,
                alert_id=alert_id,
                channel_id=channel.id,
                state=(DeliveryState.SKIPPED if why else DeliveryState.PLANNED).value,
                reason=why.value if why else None,
                message_id=str(uuid.uuid4()),
                planned_at=goes_at,
                not_before=goes_at,
                created_at=now,
                settled_at=now if why else None,
            )
        )
    session.flush()
    if skipped:
        return Tally()
    return Tally(alerts=1, deliveries=planned)


def unwanted(policy: Policy, steps_off: Iterable[str], kind: AlertKind, step: str) -> Reason | None:
    """This function will say why an alert is not wanted at all, by the ISP or the customer."""
    if policy.manner_of(kind, step) is None:
        return Reason.NOT_IN_POLICY
    if {kind.value, f"{kind.value} {step}"} & set(steps_off):
        return Reason.STEP_OFF
    return None


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
        .where(Delivery.state == DeliveryState.PLANNED.value, Delivery.alert_id.in_(alerts))
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
            Delivery.state == DeliveryState.CANCELLED.value,
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
    alerted_on = None
    if rules.policy.counts_from(Anchor.CUTOFF) and facts.contract_id is not None:
        contract = session.get(Contract, (invoice.isp_id, facts.contract_id))
        alerted_on = contract.alerted_on if contract else None
    return occurrences(
        facts,
        rules.policy,
        rules.calendar,
        first_seen_at=invoice.first_seen_at,
        baseline=invoice.baseline,
        alerted_on=alerted_on,
    )


def take_due_steps(session: Session, invoice: Invoice, rules: Rules, *, now: datetime) -> Tally:
    """This function will plan the latest step of an invoice whose time has come.

    Steps that it overtook are recorded as missed, those without a slot as skipped for that reason,
    what was planned before and did not leave is superseded, and the row remembers up to when steps
    were decided and when to ask again.
    """
    facts = facts_of(invoice)
    rules = rules.of_account(invoice.account)
    laid = lay_steps(session, invoice, facts, rules)
    found = due(laid, after=invoice.steps_until, now=now)
    owing = facts.state is InvoiceState.PENDING and invoice.vanished_at is None
    invoice.plan_at = found.next_at if owing else None
    if not owing or facts.payable <= 0:
        return Tally()
    invoice.steps_until = now
    for item in found.missed:
        _owe_step(session, invoice, item, rules, now=now, skipped=item.blocked or Reason.MISSED)
    if found.now is None:
        return Tally()
    key = keys.of_step(invoice.wispro_id, found.now)
    off = invoice.account.steps_off
    if unwanted(rules.policy, off, key.kind, key.step) is None:
        end_planned(session, invoice.id, DEMANDS, Reason.SUPERSEDED, now=now, but=key)
    repeated = _sent_lately(session, invoice.id, found.now, now=now)
    skipped = Reason.SUPERSEDED if repeated else None
    return _owe_step(session, invoice, found.now, rules, now=now, skipped=skipped)


def _owe_step(
    session: Session,
    invoice: Invoice,
    occurrence: Occurrence,
    rules: Rules,
    *,
    now: datetime,
    skipped: Reason | None,
) -> Tally:
    return owe(
        session,
        invoice,
        keys.of_step(invoice.wispro_id, occurrence),
        rules,
        due_at=occurrence.at,
        now=now,
        useful_until=occurrence.until,
        skipped=skipped,
    )


def _sent_lately(session: Session, invoice_id: int, item: Occurrence, *, now: datetime) -> bool:
    """Whether the same step of this invoice, on another anchor date, left in the last 72 h."""
    found = session.execute(
        select(Delivery.id)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(
            Alert.invoice_id == invoice_id,
            Alert.kind == item.step.kind.value,
            Alert.step == item.step.name,
            Alert.anchor_date != item.anchor_date,
            Delivery.state.in_([DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value]),
            Delivery.settled_at > now - NO_REPEAT_FOR,
        )
        .limit(1)
    ).first()
    return found is not None
