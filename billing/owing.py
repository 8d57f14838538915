"""Write what is owed: the alert, a delivery for each channel, and the end of what it replaces.

Everything here runs inside the caller's transaction, the one that holds the change that caused it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Self

from sqlalchemy import and_, not_, or_, select, update
from sqlalchemy.orm import Session

from billing import keys
from billing.calendar import Calendar, ContactHours
from billing.facts import facts_of
from billing.keys import AlertKey
from billing.policy import PLAINLY, Anchor, Occurrence, Policy, due, occurrences
from billing.values import AlertKind, DeliveryState, InvoiceFacts, InvoiceState, Reason
from billing.wanted import NO_REPEAT_FOR, first_slot, off_channel, unwanted
from models.account import Account, Channel, Contract
from models.alert import Alert, Delivery
from models.database import insert_for
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """One alert to record; `invoice_id` is None where it is about the account as a whole.

    The rest is as in `owe`.
    """

    account: Account
    invoice_id: int | None
    key: AlertKey
    rules: Rules
    due_at: datetime
    useful_until: datetime | None = None
    details: dict[str, str] | None = None
    skipped: Reason | None = None

    @property
    def same(self) -> tuple[int, str, str, date, str]:
        """What no two alerts have in common."""
        key = self.key
        return self.account.id, key.subject, key.kind.value, key.anchor_date, key.step


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
    alerts = _insert_alerts(session, several, now=now)
    channels = _enabled_channels(session, {one.account.id for one in several if one.same in alerts})
    rows: list[dict[str, Any]] = []
    tally = Tally()
    for one in several:
        alert_id = alerts.pop(one.same, None)
        if alert_id is None:
            continue
        goes_at, skipped = _when(one, now=now)
        manner = one.rules.policy.manner_of(one.key.kind, one.key.step) or PLAINLY
        for channel_id, medium, scheme in channels.get(one.account.id, ()):
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
                    "created_at": now,
                    "settled_at": now if why else None,
                }
            )
        tally.alerts += skipped is None
    if rows:
        session.connection().execute(insert_for(session, Delivery.__table__), rows)
    return tally


def _insert_alerts(
    session: Session, several: Sequence[Owing], *, now: datetime
) -> dict[tuple[int, str, str, date, str], int]:
    """Return the ids of those that are new, by what no two have in common."""
    table = Alert.__table__.c
    query = (
        insert_for(session, Alert.__table__)
        .on_conflict_do_nothing()
        .returning(
            table.account_id, table.subject, table.kind, table.anchor_date, table.step, table.id
        )
    )
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
            "details": one.details or {},
            "created_at": now,
        }
        for one in several
    ]
    found = session.connection().execute(query, rows)
    return {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in found}


def _enabled_channels(
    session: Session, account_ids: set[int]
) -> dict[int, list[tuple[int, str, str]]]:
    """Return (id, medium, scheme) of each account's enabled channels, by id."""
    found: dict[int, list[tuple[int, str, str]]] = {}
    query = (
        select(Channel.account_id, Channel.id, Channel.medium, Channel.scheme)
        .where(Channel.account_id.in_(account_ids), Channel.disabled_at.is_(None))
        .order_by(Channel.id)
    )
    for row in session.execute(query) if account_ids else ():
        found.setdefault(row.account_id, []).append((row.id, row.medium, row.scheme))
    return found


def _when(one: Owing, *, now: datetime) -> tuple[datetime, Reason | None]:
    """Return when an alert goes first, and why it never does."""
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
    return take_all_due_steps(session, [(invoice, rules)], now=now)


def take_all_due_steps(
    session: Session, several: Sequence[tuple[Invoice, Rules]], *, now: datetime
) -> Tally:
    """This function will do what `take_due_steps` does to several invoices, in a few statements.

    Args:
        session: an open unit of work.
        several: invoices with the rules of their ISP, each once.
        now: the present.
    """
    decided = [_decide(session, invoice, rules, now=now) for invoice, rules in several]
    taken = [one for one in decided if one.taken is not None]
    _supersede(session, [one for one in taken if one.wanted], now=now)
    repeated = _sent_lately(session, taken, now=now)
    owed: list[Owing] = []
    for one in decided:
        owed += [_owing_of(one, item, skipped=item.blocked or Reason.MISSED) for item in one.missed]
        if one.taken is not None:
            skipped = Reason.SUPERSEDED if one.invoice.id in repeated else None
            owed.append(_owing_of(one, one.taken, skipped=skipped))
    return record_all(session, owed, now=now)


@dataclass(frozen=True, slots=True)
class _Decided:
    """What has come due of one invoice; `wanted` = the ISP and the customer want what is taken."""

    invoice: Invoice
    rules: Rules
    taken: Occurrence | None = None
    missed: tuple[Occurrence, ...] = ()
    wanted: bool = False


def _decide(session: Session, invoice: Invoice, rules: Rules, *, now: datetime) -> _Decided:
    facts = facts_of(invoice)
    own = rules.of_account(invoice.account)
    found = due(lay_steps(session, invoice, facts, own), after=invoice.steps_until, now=now)
    owing = facts.state is InvoiceState.PENDING and invoice.vanished_at is None
    invoice.plan_at = found.next_at if owing else None
    if not owing or facts.payable <= 0:
        return _Decided(invoice, rules)
    invoice.steps_until = now
    wanted = False
    if found.now is not None:
        step = found.now.step
        wanted = unwanted(rules.policy, invoice.account.steps_off, step.kind, step.name) is None
    return _Decided(invoice, rules, found.now, found.missed, wanted)


def _owing_of(one: _Decided, item: Occurrence, *, skipped: Reason | None) -> Owing:
    return Owing(
        account=one.invoice.account,
        invoice_id=one.invoice.id,
        key=keys.of_step(one.invoice.wispro_id, item),
        rules=one.rules,
        due_at=item.at,
        useful_until=item.until,
        skipped=skipped,
    )


def _supersede(session: Session, several: Sequence[_Decided], *, now: datetime) -> None:
    """End what was planned of these invoices before and did not leave."""
    if not several:
        return
    taken = {one.invoice.id: one.taken for one in several}
    planned = session.execute(
        select(Delivery.id, Alert.invoice_id, Alert.kind, Alert.anchor_date, Alert.step)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(
            Alert.invoice_id.in_(taken),
            Alert.kind.in_(DEMANDS),
            Delivery.state == DeliveryState.PLANNED.value,
        )
    ).all()
    ended = [
        row.id
        for row in planned
        if (item := taken[row.invoice_id]) is not None
        and (row.kind, row.anchor_date, row.step)
        != (item.step.kind.value, item.anchor_date, item.step.name)
    ]
    if ended:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(ended), Delivery.state == DeliveryState.PLANNED.value)
            .values(
                state=DeliveryState.SKIPPED.value,
                reason=Reason.SUPERSEDED.value,
                settled_at=now,
            )
            .execution_options(synchronize_session=False)
        )


def _sent_lately(session: Session, several: Sequence[_Decided], *, now: datetime) -> set[int]:
    """Return the invoices whose step left in the last 72 h, on another anchor date."""
    if not several:
        return set()
    taken = {one.invoice.id: one.taken for one in several}
    sent = session.execute(
        select(Alert.invoice_id, Alert.kind, Alert.anchor_date, Alert.step)
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where(
            Alert.invoice_id.in_(taken),
            Delivery.state.in_([DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value]),
            Delivery.settled_at > now - NO_REPEAT_FOR,
        )
    )
    return {
        invoice_id
        for invoice_id, kind, day, step in sent
        if invoice_id is not None
        and (item := taken[invoice_id]) is not None
        and (kind, step) == (item.step.kind.value, item.step.name)
        and day != item.anchor_date
    }
