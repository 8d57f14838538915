"""What a run found is kept as proposals until the run is known to be sane, and then laid down.

A proposal is one row for one thing that differs from our copy. A run whose process died leaves
proposals that nobody lays down: the next run reads again, and finds what still differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from billing.anomaly import Weight
from billing.apply import Applied, count_missing, give_to, lay_invoice
from billing.contracts import move_contract
from billing.diff import diff
from billing.facts import facts_of
from billing.owing import Rules
from billing.ports import Clock
from billing.reactions import not_yet_issued
from billing.values import ContractState, InvoiceFacts, InvoiceState
from models.account import Account
from models.database import Database, insert_for
from models.invoice import Invoice
from models.proposal import Proposal

#: Rows of one transaction: short enough that no writer waits long on SQLite.
BATCH = 25


class ProposalKind(StrEnum):
    """What a proposal is about. Laid down in this order: a warning is about a known invoice."""

    INVOICE = "invoice"
    GONE = "gone"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that differs from our copy; `confirm` = whose it is must be asked for first."""

    kind: ProposalKind
    account_id: int
    subject: str
    asked_at: datetime
    invoice: InvoiceFacts | None = None
    contract_state: ContractState | None = None
    fingerprint: int | None = None
    confirm: str | None = None


def propose(session: Session, isp_id: int, run_id: int, found: Iterable[Found]) -> int:
    """This function will keep what differs; of two sightings of one thing the younger counts.

    Returns:
        How many there were.
    """
    rows = {(one.kind, one.subject): one for one in found}
    if not rows:
        return 0
    statement = insert_for(session, Proposal)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["sync_run_id", "kind", "subject"],
            set_={
                name: new[name]
                for name in ("account_id", "asked_at", "facts", "fingerprint", "confirm")
            },
            where=new.asked_at >= Proposal.asked_at,
        ),
        [
            {
                "isp_id": isp_id,
                "sync_run_id": run_id,
                "account_id": one.account_id,
                "kind": one.kind.value,
                "subject": one.subject,
                "asked_at": one.asked_at,
                "facts": _written(one),
                "fingerprint": one.fingerprint,
                "confirm": one.confirm,
            }
            for one in rows.values()
        ],
    )
    return len(rows)


def _written(found: Found) -> dict[str, Any]:
    if found.invoice is not None:
        facts = replace(found.invoice, holder_national_id=None)
        written: dict[str, Any] = msgspec.to_builtins(facts)
        return written
    if found.contract_state is not None:
        return {"state": found.contract_state.value}
    return {}


def read_invoice(row: Proposal) -> InvoiceFacts:
    """This function will read the facts of an invoice back."""
    return msgspec.convert(row.facts, InvoiceFacts, strict=False)


def forget(session: Session, isp_id: int, *, but: Sequence[int] = ()) -> None:
    """This function will drop the proposals of an ISP, except those of some runs."""
    session.execute(
        delete(Proposal).where(Proposal.isp_id == isp_id, Proposal.sync_run_id.not_in(but))
    )


def count(session: Session, run_id: int) -> int:
    """This function will count what a run proposes."""
    query = select(func.count()).where(Proposal.sync_run_id == run_id)
    return session.scalar(query) or 0


def weigh(database: Database, isp_id: int, run_id: int, *, today: date) -> Weight:
    """This function will say what a run would change and say, before anything is laid down."""
    weight = Weight()
    for batch in _batches(database, run_id):
        with database.read() as session:
            rows = _copies(session, isp_id, batch)
            silent = set(
                session.scalars(
                    select(Account.id).where(
                        Account.id.in_({one.account_id for one in batch}),
                        Account.baseline_at.is_(None),
                    )
                )
            )
        for one in batch:
            if one.account_id in silent:
                continue
            if one.kind == ProposalKind.GONE:
                weight.gone()
            elif one.kind == ProposalKind.CONTRACT:
                if one.facts["state"] == ContractState.ALERTED.value:
                    weight.warning()
            else:
                _weigh_invoice(weight, rows.get(one.subject), read_invoice(one), today=today)
    return weight


def _weigh_invoice(
    weight: Weight, row: Invoice | None, facts: InvoiceFacts, *, today: date
) -> None:
    before = None if row is None else facts_of(row)
    back = row is not None and before is not None and not_yet_issued(before) and row.was_pending
    weight.invoice(
        before,
        facts,
        diff(before, facts),
        baseline=False,
        announced=row is not None and row.announced_at is not None,
        issued=back,
        today=today,
    )


def lay_down(
    database: Database,
    isp_id: int,
    run_id: int,
    rules: Rules,
    *,
    clock: Clock,
    holding: Callable[[Session], bool],
    progress: Callable[[int], None] = lambda _: None,
) -> Applied | None:
    """This function will lay a run's proposals onto our copy, a batch in each transaction.

    Args:
        database: rows.
        isp_id: which ISP.
        run_id: whose proposals.
        rules: of the ISP.
        clock: tells the present.
        holding: asked inside each transaction whether the lease is still ours.
        progress: called with how many were laid down.

    Returns:
        What that did; None if the lease was lost, and nothing more was written.
    """
    total = Applied()
    done = 0
    for batch in _batches(database, run_id):
        with database.write() as session:
            if not holding(session):
                return None
            applied = _lay_batch(session, isp_id, run_id, batch, rules, now=clock())
            session.execute(delete(Proposal).where(Proposal.id.in_([one.id for one in batch])))
        total.changed += applied.changed
        total.foreign += applied.foreign
        total.tally += applied.tally
        done += len(batch)
        progress(done)
    return total


def _batches(database: Database, run_id: int) -> Iterator[Sequence[Proposal]]:
    """Yield the proposals in the order in which they are laid down, detached."""
    for kind in ProposalKind:
        last = 0
        while True:
            with database.read() as session:
                batch = session.scalars(
                    select(Proposal)
                    .where(
                        Proposal.sync_run_id == run_id,
                        Proposal.kind == kind.value,
                        Proposal.id > last,
                        Proposal.confirm.is_(None),
                    )
                    .order_by(Proposal.id)
                    .limit(BATCH)
                ).all()
            if not batch:
                break
            last = batch[-1].id
            yield batch


def _copies(session: Session, isp_id: int, batch: Sequence[Proposal]) -> dict[str, Invoice]:
    wanted = [one.subject for one in batch if one.kind != ProposalKind.CONTRACT]
    rows = session.scalars(
        select(Invoice).where(Invoice.isp_id == isp_id, Invoice.wispro_id.in_(wanted))
    )
    return {row.wispro_id: row for row in rows}


def _lay_batch(
    session: Session,
    isp_id: int,
    run_id: int,
    batch: Sequence[Proposal],
    rules: Rules,
    *,
    now: datetime,
) -> Applied:
    applied = Applied()
    accounts = {
        account.id: account
        for account in session.scalars(
            select(Account)
            .where(Account.id.in_({one.account_id for one in batch}))
            .order_by(Account.id)
            .with_for_update(key_share=True)
        )
    }
    wanted = [one.subject for one in batch if one.kind != ProposalKind.CONTRACT]
    rows = {
        row.wispro_id: row
        for row in session.scalars(
            select(Invoice)
            .where(Invoice.isp_id == isp_id, Invoice.wispro_id.in_(wanted))
            .order_by(Invoice.id)
            .with_for_update()
        )
    }
    for one in batch:
        account = accounts.get(one.account_id)
        if account is None or not account.paired:
            continue
        if _is_overtaken(account, rows.get(one.subject), one):
            continue
        if one.kind == ProposalKind.CONTRACT:
            state = ContractState(one.facts["state"])
            applied.tally += move_contract(session, account, one.subject, state, rules, now=now)
            continue
        row = rows.get(one.subject)
        if one.kind == ProposalKind.GONE:
            if row is not None and row.account_id == account.id:
                applied.changed += count_missing(
                    session, row, asked_at=one.asked_at, sync_run_id=run_id, now=now
                )
            continue
        if row is not None and row.account_id != account.id:
            give_to(session, row, account, sync_run_id=run_id, now=now)
        applied.changed += lay_invoice(
            session,
            account,
            row,
            read_invoice(one),
            rules,
            applied.tally,
            baseline=account.baseline_at is None,
            asked_at=one.asked_at,
            sync_run_id=run_id,
            now=now,
            fingerprint=one.fingerprint,
        )
    return applied


def _is_overtaken(account: Account, row: Invoice | None, one: Proposal) -> bool:
    """Whether a younger look at this very account, laid down meanwhile, knows better.

    Of who has no id to ask by, such a look shows the open invoices only: of one that is open
    neither in our copy nor here it says nothing.
    """
    if account.looked_at is None or account.looked_at <= one.asked_at:
        return False
    if account.national_id_sealed or account.custom_id or one.kind != ProposalKind.INVOICE:
        return True
    is_open = row is not None and row.state == InvoiceState.PENDING.value
    return is_open or read_invoice(one).state is InvoiceState.PENDING
