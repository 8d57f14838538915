"""Look at accounts one by one: where few are paired, and for an account's silent first look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.apply import Applied, apply_look, take_along
from billing.contracts import new_contracts
from billing.desk import Desk, Step
from billing.diff import diff
from billing.facts import facts_of
from billing.identity import keep_identity
from billing.look import Look, Subject, look_at
from billing.ports import SecretError, UpstreamError
from billing.proposals import Found, ProposalKind, propose
from billing.runs import ISP_WIDE, ONE_ACCOUNT, set_aside_rows
from billing.values import InvoiceFacts, InvoiceState
from models.account import Account
from models.database import Database
from models.invoice import Invoice

#: So many accounts in a row without an answer: Wispro is down, not the account.
FAILURES_IN_A_ROW = 3


class AccountLooks:
    """Looks at single accounts.

    Args:
        desk: of the run.
        covered: whole-ISP looks cover the accounts, so that none is due on its own afterwards.
        at_once: lay down what is found at once, instead of proposing it.
    """

    def __init__(self, desk: Desk, *, covered: bool, at_once: bool = False) -> None:
        self._desk = desk
        self._covered = covered
        self._at_once = at_once

    def look_at_all(self, account_ids: Sequence[int]) -> None:
        """This function will look at accounts in turn, as long as there is time.

        Raises:
            UpstreamError: if it is Wispro that fails, not an account.
        """
        desk = self._desk
        in_a_row = 0
        patience = min(FAILURES_IN_A_ROW, len(account_ids))
        for done, account_id in enumerate(account_ids):
            self._tell(done, len(account_ids))
            if not desk.lease.renew_in_time(now=desk.clock()):
                desk.report.incomplete("lease_lost", "another worker took this sync over")
                return
            self._set_back(account_id)
            try:
                self.look(account_id)
                in_a_row = 0
            except SecretError as error:
                self._note_trouble(account_id, str(error))
                desk.report.incomplete("unreadable_secret", str(error))
            except UpstreamError as error:
                in_a_row += error.reason not in ONE_ACCOUNT
                self._note_trouble(account_id, str(error))
                if error.reason in ISP_WIDE or in_a_row >= patience:
                    raise
                desk.report.incomplete(error.reason.value, str(error))
            if desk.out_of_time and done + 1 < len(account_ids):
                desk.report.more = True
                return
        self._tell(len(account_ids), len(account_ids))

    def look(self, account_id: int, *, earliest: datetime | None = None) -> None:
        """This function will look at one account now.

        Args:
            account_id: which account.
            earliest: what this look makes us owe leaves no earlier.

        Raises:
            UpstreamError: if Wispro gives no usable answer.
            SecretError: if the account's ids cannot be opened.
        """
        desk = self._desk
        with desk.database.read() as session:
            subject = self._subject(session, account_id, now=desk.clock())
        look = look_at(desk.wispro, subject, asked_at=desk.clock())
        desk.report.add_look(look)
        if not look.complete:
            why = look.why_incomplete or "the answer was not complete"
            desk.report.incomplete("incomplete_pull", why)
            self._note_trouble(account_id, why)
            with desk.database.write() as session:
                session.add_all(set_aside_rows(desk.run_id, look))
            return
        applied = self._keep(account_id, look, earliest)
        desk.report.foreign += applied.foreign
        desk.report.changed += applied.changed
        desk.report.alerts += applied.tally.alerts
        desk.report.deliveries += applied.tally.deliveries

    def _keep(self, account_id: int, look: Look, earliest: datetime | None) -> Applied:
        desk = self._desk
        with desk.database.write() as session:
            account = session.scalars(
                # NO KEY UPDATE on PostgreSQL: the planner, which holds invoices, refers to the
                # account in every alert it writes. A plain FOR UPDATE would make it wait for us
                # while we wait for its invoices.
                select(Account).where(Account.id == account_id).with_for_update(key_share=True)
            ).one()
            session.add_all(set_aside_rows(desk.run_id, look))
            overtaken = account.looked_at is not None and account.looked_at > look.asked_at
            if overtaken or not account.paired:
                return Applied()
            if not self._at_once:
                desk.must_hold(session)
            account.next_look_at = None if self._covered else look.asked_at + desk.every
            if account.baseline_at is not None and not self._at_once:
                return self._propose(session, account, look)
            return apply_look(
                session,
                account,
                look,
                replace(desk.rules, earliest=earliest),
                vault=desk.vault,
                sync_run_id=desk.run_id,
                now=desk.clock(),
            )

    def _propose(self, session: Session, account: Account, look: Look) -> Applied:
        """Keep who the customer is, and propose whatever may cause a message."""
        desk = self._desk
        applied = Applied()
        if look.client is not None:
            keep_identity(account, look.client, desk.vault)
        now = desk.clock()
        take_along(session, account, look.contracts, sync_run_id=desk.run_id, now=now)
        found = [
            Found(
                kind=ProposalKind.CONTRACT,
                account_id=account.id,
                subject=facts.contract_id,
                asked_at=look.asked_at,
                contract_state=facts.state,
            )
            for facts in new_contracts(session, account, look.contracts, now=now)
        ]
        rows = _copies(session, account.isp_id, look)
        for facts in look.invoices:
            row = rows.get(facts.wispro_id)
            if row is not None and row.account_id != account.id and facts.contract_id is None:
                applied.foreign += 1
                continue
            if row is not None and _is_same(row, account, facts):
                continue
            found.append(
                Found(
                    kind=ProposalKind.INVOICE,
                    account_id=account.id,
                    subject=facts.wispro_id,
                    asked_at=look.asked_at,
                    invoice=facts,
                )
            )
        found += [
            Found(
                kind=ProposalKind.GONE,
                account_id=account.id,
                subject=wispro_id,
                asked_at=look.asked_at,
            )
            for wispro_id in sorted(look.not_found & rows.keys())
        ]
        desk.report.proposed += propose(session, desk.isp_id, desk.run_id, found)
        account.looked_at = look.asked_at
        account.look_trouble = None
        return applied

    def _subject(self, session: Session, account_id: int, *, now: datetime) -> Subject:
        account = session.get_one(Account, account_id)
        sealed = account.national_id_sealed
        open_ids = session.scalars(
            select(Invoice.wispro_id).where(
                Invoice.account_id == account_id,
                Invoice.state == InvoiceState.PENDING.value,
                Invoice.vanished_at.is_(None),
            )
        )
        return Subject(
            client_id=account.client_id,
            national_id=self._desk.vault.open(sealed) if sealed else None,
            custom_id=account.custom_id,
            open_ids=frozenset(open_ids),
            recheck=account.baseline_at is None or _is_of_yesterday(account.looked_at, now),
        )

    def _set_back(self, account_id: int) -> None:
        """Put the account behind the others first: should its look kill us, they are not lost."""
        desk = self._desk
        with desk.database.write() as session:
            session.execute(
                update(Account)
                .where(Account.id == account_id)
                .values(next_look_at=desk.clock() + desk.soon)
            )

    def _note_trouble(self, account_id: int, why: str) -> None:
        desk = self._desk
        with desk.database.write() as session:
            account = session.get_one(Account, account_id)
            account.look_trouble = why[:300]
            account.next_look_at = desk.clock() + desk.soon

    def _tell(self, done: int, total: int) -> None:
        desk = self._desk
        if desk.progress is not None:
            report = desk.report
            desk.progress(
                Step(
                    what="accounts",
                    done=done,
                    total=total,
                    fetched=report.fetched,
                    changed=report.proposed + report.changed,
                )
            )


def paired_accounts(
    database: Database, isp_id: int, *, due_before: datetime | None
) -> Sequence[int]:
    """This function will list the paired accounts of an ISP, the longest waiting first.

    Args:
        database: rows.
        isp_id: which ISP.
        due_before: only those whose own next look is due by then; None = all.
    """
    with database.read() as session:
        query = select(Account.id).where(
            Account.isp_id == isp_id,
            Account.paired_at.is_not(None),
            Account.unpaired_at.is_(None),
        )
        if due_before is not None:
            query = query.where(Account.next_look_at <= due_before)
        return session.scalars(query.order_by(Account.next_look_at, Account.id)).all()


def cover(database: Database, isp_id: int, *, covered: bool, now: datetime) -> None:
    """This function will let whole-ISP looks cover the accounts, or make each due on its own."""
    query = update(Account).where(Account.isp_id == isp_id)
    if covered:
        query = query.where(Account.baseline_at.is_not(None), Account.next_look_at.is_not(None))
    else:
        query = query.where(Account.next_look_at.is_(None))
    with database.write() as session:
        session.execute(
            query.values(next_look_at=None if covered else now).execution_options(
                synchronize_session=False
            )
        )


def _is_of_yesterday(looked_at: datetime | None, now: datetime) -> bool:
    return looked_at is None or looked_at.date() < now.date()


def _is_same(row: Invoice, account: Account, facts: InvoiceFacts) -> bool:
    if row.account_id != account.id or row.missing_reads or row.vanished_at:
        return False
    return not diff(facts_of(row), facts)


def _copies(session: Session, isp_id: int, look: Look) -> dict[str, Invoice]:
    wanted = [facts.wispro_id for facts in look.invoices] + sorted(look.not_found)
    found: dict[str, Invoice] = {}
    for start in range(0, len(wanted), 500):
        rows = session.scalars(
            select(Invoice).where(
                Invoice.isp_id == isp_id, Invoice.wispro_id.in_(wanted[start : start + 500])
            )
        )
        found.update((row.wispro_id, row) for row in rows)
    return found
