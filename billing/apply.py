"""Lay one look onto our copy: diff, store, plan, in the caller's one transaction.

The change and what it makes us owe are committed together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import keys
from billing.contracts import end_warnings, keep_contracts, warn_of_cutoff
from billing.diff import diff
from billing.due_steps import take_due_steps
from billing.facts import facts_of, lay_onto
from billing.identity import keep_identity
from billing.look import Look
from billing.notices import tell_operator
from billing.owing import DEMANDS, REMINDERS, Rules, Tally, end_planned, owe, revive
from billing.policy import odd_dates
from billing.ports import VaultPort
from billing.reactions import Reaction, not_yet_issued, react
from billing.values import (
    AlertKind,
    Change,
    ChangeKind,
    ContractFacts,
    DeliveryState,
    InvoiceFacts,
    InvoiceState,
    NoticeKind,
    Reason,
)
from models.account import Account, Contract
from models.alert import Alert, Delivery
from models.invoice import Invoice, InvoiceChange

#: wispro-api.md, section 3, with product.md's fear of a glitch: gone after two complete reads.
READS_UNTIL_VANISHED = 2


@dataclass(slots=True)
class Applied:
    """What laying a look onto our copy did."""

    changed: int = 0
    foreign: int = 0
    tally: Tally = field(default_factory=Tally)


def apply_look(
    session: Session,
    account: Account,
    look: Look,
    rules: Rules,
    *,
    vault: VaultPort,
    sync_run_id: int | None,
    now: datetime,
) -> Applied:
    """This function will bring our copy of one account up to a complete look.

    Args:
        session: an open unit of work in which `account` was loaded for update.
        account: whose look it is.
        look: complete; an incomplete one must not come here.
        rules: of the ISP.
        vault: seals the ids of a client that was read again.
        sync_run_id: the run to which changes belong.
        now: the present.
    """
    assert look.complete
    applied = Applied()
    baseline = account.baseline_at is None
    if look.client is not None:
        keep_identity(account, look.client, vault)
    take_along(session, account, look.contracts, sync_run_id=sync_run_id, now=now)
    warned, calmed = keep_contracts(session, account, look.contracts, now=now)
    end_warnings(session, account, calmed, now=now)
    rows = _rows(session, account, look)
    for facts in look.invoices:
        row = rows.get(facts.wispro_id)
        if row is not None and row.account_id != account.id:
            if facts.contract_id is None:
                applied.foreign += 1
                continue
            give_to(session, row, account, sync_run_id=sync_run_id, now=now)
        applied.changed += lay_invoice(
            session,
            account,
            row,
            facts,
            rules,
            applied.tally,
            baseline=baseline,
            asked_at=look.asked_at,
            sync_run_id=sync_run_id,
            now=now,
        )
    for wispro_id in look.not_found:
        if (row := rows.get(wispro_id)) is not None:
            applied.changed += count_missing(
                session, row, asked_at=look.asked_at, sync_run_id=sync_run_id, now=now
            )
    if not baseline:
        applied.tally += warn_of_cutoff(session, account, warned, rules, now=now)
    account.looked_at = look.asked_at
    account.look_trouble = None
    if baseline:
        account.baseline_at = look.asked_at
    return applied


def apply_single(
    session: Session,
    row: Invoice,
    facts: InvoiceFacts,
    rules: Rules,
    *,
    asked_at: datetime,
    now: datetime,
) -> Applied:
    """This function will bring one invoice up to its own GET (the last-second look)."""
    applied = Applied()
    applied.changed = lay_invoice(
        session,
        row.account,
        row,
        facts,
        rules,
        applied.tally,
        baseline=False,
        asked_at=asked_at,
        sync_run_id=None,
        now=now,
    )
    row.confirmed_at = max(row.confirmed_at, asked_at)
    return applied


def _rows(session: Session, account: Account, look: Look) -> dict[str, Invoice]:
    wanted = [facts.wispro_id for facts in look.invoices] + sorted(look.not_found)
    found: dict[str, Invoice] = {}
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        rows = session.scalars(
            select(Invoice)
            .where(Invoice.isp_id == account.isp_id, Invoice.wispro_id.in_(chunk))
            .order_by(Invoice.id)
            .with_for_update()
        )
        found.update((row.wispro_id, row) for row in rows)
    return found


def lay_invoice(
    session: Session,
    account: Account,
    row: Invoice | None,
    facts: InvoiceFacts,
    rules: Rules,
    tally: Tally,
    *,
    baseline: bool,
    asked_at: datetime,
    sync_run_id: int | None,
    now: datetime,
    fingerprint: int | None = None,
) -> int:
    """This function will diff one invoice, keep it and plan for it.

    Args:
        session: an open unit of work that holds the account and the row.
        account: whose invoice it is.
        row: our copy; None at the first sight.
        facts: what Wispro says.
        rules: of the ISP.
        tally: what is planned is added here.
        baseline: the account's silent first look.
        asked_at: when the request that told us began; an older answer than ours is dropped.
        sync_run_id: the run to which changes belong.
        now: the present.
        fingerprint: of the record in a list, if that is where the facts come from.

    Returns:
        1 if anything changed.
    """
    if row is not None and row.confirmed_at > asked_at:
        return 0  # a younger answer was laid down while this one was under way
    before = None if row is None else facts_of(row)
    changes = diff(before, facts)
    if row is None:
        row = Invoice(
            isp_id=account.isp_id,
            account_id=account.id,
            wispro_id=facts.wispro_id,
            baseline=baseline,
            first_seen_at=now,
            confirmed_at=asked_at,
            missing_reads=0,
            was_pending=False,
        )
        session.add(row)
    elif row.missing_reads or row.vanished_at:
        row.missing_reads = 0
        row.vanished_at = None
        changes = changes or (Change(kind=ChangeKind.DETAILS_CHANGED, after="seen again"),)
    if not changes:
        row.fingerprint = fingerprint or row.fingerprint
        return 0
    lay_onto(row, facts)
    row.fingerprint = fingerprint
    row.confirmed_at = asked_at
    if baseline:
        row.steps_until = now  # what came due before the first look is history
    session.flush()
    if not (baseline and before is None):
        _record(session, row, changes, sync_run_id=sync_run_id, now=now)
    back = before is not None and not_yet_issued(before) and row.was_pending
    row.was_pending = row.was_pending or facts.state is InvoiceState.PENDING
    reaction = react(
        before,
        facts,
        changes,
        baseline=baseline,
        announced=row.announced_at is not None,
        issued=back,
    )
    if reaction.ends_demands:
        moved = reaction.ends_demands is Reason.SUPERSEDED
        # An announcement that still waits will name the new date: it goes all the same.
        kinds = REMINDERS if moved else DEMANDS
        end_planned(session, row.id, kinds, reaction.ends_demands, now=now)
    steps = take_due_steps(session, row, rules, now=now)
    tally += steps
    if not baseline and {change.kind for change in changes} & _MAY_MOVE_DATES:
        _warn_of_odd_dates(session, account, facts, rules, now=now)
    if back and not steps and facts.payable > 0:
        revive(session, row, rules, now=now)
    for kind in reaction.owes:
        if kind is AlertKind.ISSUED and steps.alerts:
            continue  # a reminder that is already due says all that the announcement would
        tally += _owe_reaction(session, row, kind, reaction, rules, now=now)
    return 1


#: Changes after which the dates of an open invoice are looked at for the first time.
_MAY_MOVE_DATES = frozenset(
    {ChangeKind.APPEARED, ChangeKind.DUE_MOVED, ChangeKind.STATE_CHANGED, ChangeKind.REOPENED}
)


def _warn_of_odd_dates(
    session: Session, account: Account, facts: InvoiceFacts, rules: Rules, *, now: datetime
) -> None:
    """Tell the operator, once a day, of an open invoice for which nothing goes by date."""
    why = odd_dates(facts) if facts.state is InvoiceState.PENDING else None
    if why is None:
        return
    client = account.public_id or account.client_id
    details = {
        "invoice": facts.number or facts.wispro_id,
        "reason": why,
        "explain": f"alerta explain {account.isp.slug} {client} --invoice {facts.wispro_id}",
    }
    day = f"day:{rules.calendar.today(now)}"
    tell_operator(session, account.isp_id, NoticeKind.ODD_DATES, day, details, now=now)


def _owe_reaction(
    session: Session,
    row: Invoice,
    kind: AlertKind,
    reaction: Reaction,
    rules: Rules,
    *,
    now: datetime,
) -> Tally:
    calendar = rules.calendar
    if kind is AlertKind.ISSUED:
        key = keys.of_issue(row.wispro_id, calendar.today(row.first_seen_at))
    else:
        key = keys.of_change(row.wispro_id, kind, calendar.today(now), reaction.what)
    details = reaction.details
    if kind is AlertKind.CHANGED:
        details = _told_before(session, row, details)
        end_planned(session, row.id, [kind.value], Reason.SUPERSEDED, now=now, but=key)
        if not details:
            return Tally()  # back to what the customer knows
    return owe(session, row, key, rules, due_at=now, now=now, details=details)


def _told_before(session: Session, row: Invoice, details: dict[str, str]) -> dict[str, str]:
    """Return the terms that the customer knows, where a note of an earlier change still waits."""
    waiting = session.scalars(
        select(Alert)
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where(
            Alert.invoice_id == row.id,
            Alert.kind == AlertKind.CHANGED.value,
            Delivery.state == DeliveryState.PLANNED.value,
        )
        .order_by(Alert.id)
        .limit(1)
    ).first()
    if waiting is None:
        return details
    known = {**details, **waiting.details}
    if known.get("previous_due_date") == str(row.first_due_date):
        del known["previous_due_date"]
    if "previous_amount" in known and Decimal(known["previous_amount"]) == row.amount:
        del known["previous_amount"]
    return known


def _record(
    session: Session,
    row: Invoice,
    changes: Iterable[Change],
    *,
    sync_run_id: int | None,
    now: datetime,
) -> None:
    session.add_all(
        InvoiceChange(
            isp_id=row.isp_id,
            invoice_id=row.id,
            sync_run_id=sync_run_id,
            at=now,
            kind=change.kind.value,
            before=change.before[:300] if change.before else None,
            after=change.after[:300] if change.after else None,
        )
        for change in changes
    )


def count_missing(
    session: Session, row: Invoice, *, asked_at: datetime, sync_run_id: int | None, now: datetime
) -> int:
    """This function will count a complete read that lacked an invoice whose own GET said 404.

    Returns:
        1 if that was the one too many: it has vanished.
    """
    if row.vanished_at is not None or row.confirmed_at > asked_at:
        return 0
    row.missing_reads += 1
    if row.missing_reads < READS_UNTIL_VANISHED:
        return 0
    let_vanish(session, row, sync_run_id=sync_run_id, now=now)
    return 1


def let_vanish(session: Session, row: Invoice, *, sync_run_id: int | None, now: datetime) -> None:
    """This function will end everything that was planned for an invoice that is no more."""
    row.vanished_at = now
    row.plan_at = None
    end_planned(session, row.id, [kind.value for kind in AlertKind], Reason.VANISHED, now=now)
    change = Change(kind=ChangeKind.VANISHED, before=row.raw_state)
    _record(session, row, [change], sync_run_id=sync_run_id, now=now)


def take_along(
    session: Session,
    account: Account,
    contracts: Iterable[ContractFacts],
    *,
    sync_run_id: int | None,
    now: datetime,
) -> None:
    """This function will let the invoices of contracts that came to an account come along.

    To be called before the contract map learns whose they are.
    """
    came = session.scalars(
        select(Contract.contract_id).where(
            Contract.isp_id == account.isp_id,
            Contract.contract_id.in_([one.contract_id for one in contracts]),
            Contract.client_id != account.client_id,
        )
    ).all()
    if not came:
        return
    for row in session.scalars(
        select(Invoice)
        .where(
            Invoice.isp_id == account.isp_id,
            Invoice.contract_id.in_(came),
            Invoice.account_id != account.id,
        )
        .order_by(Invoice.id)
        .with_for_update()
    ):
        give_to(session, row, account, sync_run_id=sync_run_id, now=now)


def give_to(
    session: Session, row: Invoice, account: Account, *, sync_run_id: int | None, now: datetime
) -> None:
    """This function will hand an invoice over with its contract: silently, as at a first look.

    What was planned for the former holder ends; what was sent stays theirs.
    """
    end_planned(session, row.id, [kind.value for kind in AlertKind], Reason.VANISHED, now=now)
    change = Change(kind=ChangeKind.DETAILS_CHANGED, before="another holder", after="moved here")
    _record(session, row, [change], sync_run_id=sync_run_id, now=now)
    row.account_id = account.id
    row.baseline = True
    row.announced_at = row.vanished_at = None  # how often a read lacked it is about the invoice
    row.first_seen_at = row.steps_until = row.plan_at = now
