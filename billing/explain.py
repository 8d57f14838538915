"""Why a customer got an alert, or did not, or will: from rows, without asking or writing anything.

What has ended is read from its row. What has not is foretold by a rehearsal, in which the functions
that decide do so; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.explain_account import account_story
from billing.explain_entry import Telling, recorded_until
from billing.explained import Absence, Entry, Explanation, InvoiceStory, Standing
from billing.facts import facts_of
from billing.holds import find_invoice
from billing.owing import lay_steps
from billing.policy import Anchor, Occurrence, Step, occurrences, odd_dates
from billing.rehearsal import Rehearsal
from billing.terms import rules_of
from billing.values import AlertKind, ContractState, InvoiceState, Reason
from models.account import Account, Contract
from models.alert import Alert, Delivery
from models.invoice import Invoice

#: How long a closed invoice is explained unasked: what a customer still calls about. Our own.
RECENT = timedelta(days=60)
_ODD = {
    "no_date": Absence.NO_DATE,
    "reversed": Absence.ODD_REVERSED,
    "far": Absence.ODD_FAR,
}


def explain(
    session: Session,
    account: Account,
    *,
    now: datetime,
    at: datetime | None = None,
    invoice: str | None = None,
) -> Explanation:
    """This function will gather why each alert of an account went, will go or will not.

    Args:
        session: reads; nothing is written to it.
        account: whose.
        now: the present.
        at: the instant that is asked about: after `now`, what will be decided then if nothing
            changes; before, what was on record by then. None = now.
        invoice: number or id of one invoice; None = the open ones, and the others about which
            something was recorded in the last `RECENT`.

    Raises:
        HoldError: if the account has no such invoice, or several.
    """
    at = at or now
    rows = _invoices(session, account, invoice, at=at)
    if at < now:
        alerts, deliveries = recorded_until(session, account.id, at)
        telling = Telling(session, account, alerts, deliveries, now=now, at=at, rehearsal=None)
        return _explanation(session, account, rows, telling)
    with Rehearsal(session, account.id, now=now) as rehearsal:
        rehearsal.play(asked_at=at)
        known = {_key(alert) for alert in rehearsal.alerts()}
        for row in rows:
            for item in rehearsal.steps(row.id):
                if _step_key(row, item) not in known and not _is_history(row, account, item):
                    rehearsal.suppose(row.id, item)
        telling = Telling(
            session,
            account,
            rehearsal.alerts(),
            rehearsal.deliveries(),
            now=now,
            at=at,
            rehearsal=rehearsal,
        )
        return _explanation(session, account, rows, telling)


def _explanation(
    session: Session, account: Account, rows: Sequence[Invoice], telling: Telling
) -> Explanation:
    return Explanation(
        now=telling.now,
        at=telling.at,
        currency=account.isp.currency,
        account=account_story(session, account, at=telling.at),
        invoices=tuple(_story(session, account, row, telling) for row in rows),
        others=tuple(telling.entries_about(None)),
    )


def _invoices(
    session: Session, account: Account, named: str | None, *, at: datetime
) -> Sequence[Invoice]:
    """Return the invoices to explain, the oldest due date first."""
    if named is not None:
        return [find_invoice(session, account, named)]
    lately = (
        select(Alert.invoice_id)
        .outerjoin(Delivery, Delivery.alert_id == Alert.id)
        .where(
            Alert.account_id == account.id,
            or_(Alert.created_at > at - RECENT, Delivery.settled_at > at - RECENT),
        )
    )
    # Read first: inside an "or" PostgreSQL would go through all invoices of the ISP.
    told = {one for one in session.scalars(lately) if one is not None}
    is_open = (Invoice.state == InvoiceState.PENDING.value) & Invoice.vanished_at.is_(None)
    mine = (Invoice.account_id == account.id) & is_open
    return session.scalars(
        select(Invoice)
        .where(
            Invoice.isp_id == account.isp_id,
            Invoice.first_seen_at <= at,
            or_(mine, Invoice.id.in_(told)),
        )
        .order_by(Invoice.first_due_date, Invoice.id)
    ).all()


def _story(session: Session, account: Account, row: Invoice, telling: Telling) -> InvoiceStory:
    facts = facts_of(row)
    entries = [*telling.entries_about(row.id), *_absent(session, account, row, telling)]
    contract = session.get(Contract, (row.isp_id, row.contract_id)) if row.contract_id else None
    last = max((one.due_at for one in entries if one.due_at), default=telling.at)
    return InvoiceStory(
        invoice_id=row.wispro_id,
        number=row.number,
        state=row.state,
        vanished=row.vanished_at is not None,
        amount=row.amount,
        payable=facts.payable,
        issued_date=row.issued_date,
        first_due_date=row.first_due_date,
        second_due_date=row.second_due_date,
        odd_dates=odd_dates(facts),
        first_seen_at=row.first_seen_at,
        baseline=row.baseline,
        suspended=contract is not None and contract.state == ContractState.DISABLED.value,
        entries=tuple(sorted(entries, key=lambda one: (one.due_at or last, one.due_at is None))),
    )


def _absent(session: Session, account: Account, row: Invoice, telling: Telling) -> Iterable[Entry]:
    """Tell of the announcement and of each step of the policy that make no alert of an invoice."""
    alerts = telling.about(row.id)
    if telling.rehearsal is None:  # what was recorded since is no absence either
        alerts = list(session.scalars(select(Alert).where(Alert.invoice_id == row.id)))
    known = {(alert.kind, alert.step) for alert in alerts}
    if AlertKind.ISSUED.value not in {kind for kind, _ in known}:
        yield from _unannounced(row, telling)
    facts, rules = facts_of(row), rules_of(account.isp).of_account(account)
    laid = {
        (item.step.kind, item.step.name): item for item in lay_steps(session, row, facts, rules)
    }
    ignored = {
        (item.step.kind, item.step.name): item
        for item in occurrences(
            facts,
            rules.policy,
            rules.calendar,
            first_seen_at=row.first_seen_at,
            baseline=False,
            alerted_on=None,
        )
    }
    current = {(alert.kind, alert.step, alert.anchor_date) for alert in alerts}
    for step in rules.policy.steps:
        name = (step.kind, step.name)
        item = laid.get(name)
        if item is not None:
            unrecorded = (step.kind.value, step.name, item.anchor_date) not in current
            if unrecorded and (telling.rehearsal is not None or item.at <= telling.at):
                yield _absence(step, Reason.BASELINE, item)
        elif (step.kind.value, step.name) not in known:
            if name in ignored:
                yield _absence(step, Reason.BASELINE, ignored[name])
            else:
                yield _absence(step, _no_anchor(step, odd_dates(facts)), None)


def _unannounced(row: Invoice, telling: Telling) -> Iterable[Entry]:
    """Tell why a new invoice was not announced."""
    instead = max(
        (one for one in telling.about(row.id) if one.created_at <= row.first_seen_at),
        key=lambda one: one.due_at,
        default=None,
    )
    why: Reason | Absence
    if row.baseline:
        why = Reason.BASELINE
    elif instead is not None:
        why = Absence.SAID_BY_REMINDER
    else:
        why = Reason.NOT_OWED
    yield Entry(
        kind=AlertKind.ISSUED,
        step="first_sight",
        anchor=Anchor.ISSUED.value,
        anchor_date=None,
        due_at=row.first_seen_at,
        state=Standing.WILL_NOT,
        recorded=True,
        when=row.first_seen_at,
        why=why,
        replaced_by=telling.mention(instead) if instead is not None else None,
    )


def _absence(step: Step, why: Reason | Absence, item: Occurrence | None) -> Entry:
    return Entry(
        kind=step.kind,
        step=step.name,
        anchor=step.anchor.value,
        anchor_date=item.anchor_date if item else None,
        due_at=item.at if item else None,
        state=Standing.WILL_NOT,
        recorded=why is Reason.BASELINE,
        why=why,
    )


def _no_anchor(step: Step, odd: str | None) -> Absence:
    if step.anchor is Anchor.CUTOFF:
        return Absence.NOT_ALERTED
    if odd is not None:
        return _ODD[odd]
    return Absence.NO_SECOND_DUE if step.anchor is Anchor.SECOND_DUE else Absence.NO_DATE


def _is_history(row: Invoice, account: Account, item: Occurrence) -> bool:
    """Whether a step of an open invoice was decided on before without leaving an alert."""
    return (
        facts_of(row).payable > 0
        and row.vanished_at is None
        and account.paired
        and row.steps_until is not None
        and item.at <= row.steps_until
    )


def _key(alert: Alert) -> tuple[int | None, str, str, object]:
    return alert.invoice_id, alert.kind, alert.step, alert.anchor_date


def _step_key(row: Invoice, item: Occurrence) -> tuple[int | None, str, str, object]:
    return row.id, item.step.kind.value, item.step.name, item.anchor_date
