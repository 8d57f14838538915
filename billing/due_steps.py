"""Take the steps of invoices that have come due: decide what goes, write it, remember that.

What is decided depends on values alone; the rows are read before and written after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing import keys
from billing.facts import facts_of
from billing.laying import Laying
from billing.owing import DEMANDS, Customer, Owing, Rules, Tally, alerted_on, record_all
from billing.policy import Occurrence, due
from billing.values import DeliveryState, InvoiceFacts, InvoiceState, Reason
from billing.wanted import NO_REPEAT_FOR, unwanted
from models.alert import Alert, Delivery
from models.bulk import among, checked, update_each
from models.invoice import Invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One invoice of which a step may have come due.

    Args:
        id: of its row.
        account: whose.
        facts: our copy.
        rules: of its ISP.
        first_seen_at: when we saw it first.
        baseline: that was the account's silent first look.
        vanished: Wispro no longer knows it.
        steps_until: up to when steps were decided; None = never.
        alerted_on: since when its contract is `alerted`, if the policy asks for it.
    """

    id: int
    account: Customer
    facts: InvoiceFacts
    rules: Rules
    first_seen_at: datetime
    baseline: bool
    vanished: bool
    steps_until: datetime | None
    alerted_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What has come due of an invoice.

    Args:
        asked: the invoice.
        steps_until: up to when its steps are decided now.
        plan_at: when to ask again; None = never.
        taken: the step that goes.
        missed: those that do not.
        wanted: the ISP and the customer want the one that goes.
    """

    asked: Asked
    steps_until: datetime | None
    plan_at: datetime | None
    taken: Occurrence | None = None
    missed: tuple[Occurrence, ...] = ()
    wanted: bool = False


def decide(asked: Asked, laying: Laying, *, now: datetime) -> Decided:
    """This function will say which steps of an invoice have come due.

    Args:
        asked: the invoice.
        laying: of its ISP's rules.
        now: the present.
    """
    facts, rules = asked.facts, asked.rules
    owing = facts.state is InvoiceState.PENDING and not asked.vanished
    if not owing:
        return Decided(asked=asked, steps_until=asked.steps_until, plan_at=None)
    laid = laying.steps_of(
        facts,
        asked.account.contact_hours,
        first_seen_at=asked.first_seen_at,
        baseline=asked.baseline,
        alerted_on=asked.alerted_on,
    )
    found = due(laid, after=asked.steps_until, now=now)
    if facts.payable <= 0:
        return Decided(asked=asked, steps_until=asked.steps_until, plan_at=found.next_at)
    wanted = False
    if found.now is not None:
        step = found.now.step
        wanted = unwanted(rules.policy, asked.account.steps_off, step.kind, step.name) is None
    return Decided(
        asked=asked,
        steps_until=now,
        plan_at=found.next_at,
        taken=found.now,
        missed=found.missed,
        wanted=wanted,
    )


def take_due_steps(session: Session, invoice: Invoice, rules: Rules, *, now: datetime) -> Tally:
    """This function will plan the latest step of an invoice whose time has come.

    Steps that it overtook are recorded as missed, those without a slot as skipped for that reason,
    what was planned before and did not leave is superseded, and the row remembers up to when steps
    were decided and when to ask again.
    """
    facts = facts_of(invoice)
    asked = Asked(
        id=invoice.id,
        account=invoice.account,
        facts=facts,
        rules=rules,
        first_seen_at=invoice.first_seen_at,
        baseline=invoice.baseline,
        vanished=invoice.vanished_at is not None,
        steps_until=invoice.steps_until,
        alerted_on=alerted_on(session, invoice.isp_id, facts.contract_id, rules.policy),
    )
    decided = decide(asked, Laying(rules.policy, rules.calendar), now=now)
    invoice.steps_until, invoice.plan_at = decided.steps_until, decided.plan_at
    return _record(session, [decided], now=now)


def take_all_due_steps(session: Session, several: Sequence[Asked], *, now: datetime) -> Tally:
    """This function will do what `take_due_steps` does to several invoices, in a few statements.

    Args:
        session: an open unit of work, which has loaded none of them as rows.
        several: invoices, each once.
        now: the present.
    """
    layings = {id(one.rules): Laying(one.rules.policy, one.rules.calendar) for one in several}
    decided = [decide(one, layings[id(one.rules)], now=now) for one in several]
    rows = [
        {"steps_until": one.steps_until, "plan_at": one.plan_at, "id": one.asked.id}
        for one in decided
    ]
    update_each(session, Invoice, rows)
    return _record(session, decided, now=now)


def _record(session: Session, decided: Sequence[Decided], *, now: datetime) -> Tally:
    taken = {one.asked.id: one.taken for one in decided if one.taken is not None}
    wanted = {one.asked.id: one.taken for one in decided if one.taken is not None and one.wanted}
    _supersede(session, wanted, now=now)
    repeated = _sent_lately(session, taken, now=now)
    owed: list[Owing] = []
    for one in decided:
        owed += [_owing_of(one, item, skipped=item.blocked or Reason.MISSED) for item in one.missed]
        if one.taken is not None:
            skipped = Reason.SUPERSEDED if one.asked.id in repeated else None
            owed.append(_owing_of(one, one.taken, skipped=skipped))
    return record_all(session, owed, now=now)


def _owing_of(one: Decided, item: Occurrence, *, skipped: Reason | None) -> Owing:
    return Owing(
        account=one.asked.account,
        invoice_id=one.asked.id,
        key=keys.of_step(one.asked.facts.wispro_id, item),
        rules=one.asked.rules,
        due_at=item.at,
        useful_until=item.until,
        skipped=skipped,
    )


def _supersede(session: Session, taken: dict[int, Occurrence], *, now: datetime) -> None:
    """End what was planned of these invoices before and did not leave."""
    if not taken:
        return
    planned = session.execute(
        select(Delivery.id, Alert.invoice_id, Alert.kind, Alert.anchor_date, Alert.step)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(
            among(session, Alert.invoice_id, taken),
            Alert.kind.in_(DEMANDS),
            checked(Delivery.state == DeliveryState.PLANNED.value),
        )
    )
    ended = [
        row_id
        for row_id, invoice_id, kind, day, step in planned
        if invoice_id is not None and (kind, day, step) != _key_of(taken[invoice_id])
    ]
    if ended:
        session.execute(
            update(Delivery)
            .where(
                among(session, Delivery.id, ended),
                checked(Delivery.state == DeliveryState.PLANNED.value),
            )
            .values(
                state=DeliveryState.SKIPPED.value,
                reason=Reason.SUPERSEDED.value,
                settled_at=now,
            )
            .execution_options(synchronize_session=False)
        )


def _sent_lately(session: Session, taken: dict[int, Occurrence], *, now: datetime) -> set[int]:
    """Return the invoices whose step left in the last 72 h, on another anchor date."""
    if not taken:
        return set()
    sent = session.execute(
        select(Alert.invoice_id, Alert.kind, Alert.anchor_date, Alert.step)
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where(
            among(session, Alert.invoice_id, taken),
            checked(Delivery.state.in_([DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value])),
            Delivery.settled_at > now - NO_REPEAT_FOR,
        )
    )
    return {
        invoice_id
        for invoice_id, kind, day, step in sent
        if invoice_id is not None and _moved((kind, day, step), _key_of(taken[invoice_id]))
    }


def _key_of(item: Occurrence) -> tuple[str, date, str]:
    return item.step.kind.value, item.anchor_date, item.step.name


def _moved(sent: tuple[str, date, str], taken: tuple[str, date, str]) -> bool:
    """Whether it is the same step, counted from another date."""
    return (sent[0], sent[2]) == (taken[0], taken[2]) and sent[1] != taken[1]
