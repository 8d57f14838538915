"""Look at every paired account of one ISP, account by account, and record how it went.

Rows carry the truth: an account that was not reached keeps its `next_look_at` and is taken next
time. One run per ISP at a time, by a lease in the database that a stalled worker loses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from billing.apply import Applied, apply_look
from billing.calendar import Calendar
from billing.look import Look, Subject, look_at
from billing.owing import Rules
from billing.policy import DEFAULT_POLICY
from billing.ports import SecretError, UpstreamError, VaultPort, WisproAccess, WisproPort
from billing.runs import (
    ISP_WIDE,
    ONE_ACCOUNT,
    REST,
    SyncReport,
    close_run,
    open_run,
    set_aside_rows,
)
from billing.values import InvoiceState
from models.account import Account
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.leases import SyncLease

Clock = Callable[[], datetime]
#: Longer than the hard limit of a task, so that no live worker is overtaken; renewed before each
#: account.
LEASE = timedelta(minutes=6)
#: So many accounts in a row without an answer: Wispro is down, not the account.
FAILURES_IN_A_ROW = 3


class SyncBusyError(Exception):
    """Another sync of this ISP is under way."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the looks of one run share."""

    run_id: int
    rules: Rules
    wispro: WisproPort
    report: SyncReport
    clock: Clock


class Sync:
    """The use-case.

    Args:
        database: rows.
        vault: opens the token and the ids.
        door: makes a client for one ISP; a fresh one per run, so that requests are counted.
        every: how long an account rests between two looks.
    """

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        door: Callable[[WisproAccess], WisproPort],
        *,
        every: timedelta,
    ) -> None:
        self._database = database
        self._vault = vault
        self._door = door
        self._every = every

    def due_isps(self, *, now: datetime) -> Sequence[int]:
        """This function will name the ISPs that have accounts to look at."""
        with self._database.read() as session:
            return session.scalars(
                select(Isp.id)
                .where(
                    Isp.enabled,
                    or_(Isp.trouble_until.is_(None), Isp.trouble_until <= now),
                    or_(Isp.sync_lease_until.is_(None), Isp.sync_lease_until <= now),
                    select(Account.id)
                    .where(
                        Account.isp_id == Isp.id,
                        Account.paired_at.is_not(None),
                        Account.unpaired_at.is_(None),
                        Account.next_look_at <= now,
                    )
                    .exists(),
                )
                .order_by(Isp.id)
            ).all()

    def run(
        self,
        isp_id: int,
        *,
        clock: Clock,
        trigger: str,
        due_only: bool,
        budget: timedelta | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> SyncReport:
        """This function will look at the paired accounts of one ISP.

        Args:
            isp_id: which ISP.
            clock: tells the present.
            trigger: "schedule" or "hand", kept with the run.
            due_only: leave out accounts whose next look is still ahead.
            budget: stop after this long and say `more`.
            progress: called with (accounts done, accounts in all).

        Raises:
            SyncBusyError: if another run of this ISP holds the lease.
        """
        started = clock()
        lease = SyncLease(self._database, isp_id, LEASE)
        if not lease.take(now=started):
            raise SyncBusyError("another sync of this ISP is under way")
        try:
            account_ids = self._accounts(isp_id, before=started if due_only else None)
            run_id, report = open_run(
                self._database,
                isp_id,
                mode="accounts",
                trigger=trigger,
                account_id=None,
                now=started,
            )
            ends = started + budget if budget else None
            self._at_desk(
                isp_id,
                run_id,
                report,
                lambda desk: self._look_at_all(
                    desk, account_ids, lease, ends=ends, progress=progress
                ),
                started=started,
                clock=clock,
            )
        finally:
            lease.give()
        return report

    def run_account(
        self, account_id: int, *, clock: Clock, trigger: str, send: bool = True
    ) -> SyncReport:
        """This function will look at one account now, beside any run of its ISP.

        An older answer never overwrites a younger one, so the two may overlap.

        Args:
            account_id: which account.
            clock: tells the present.
            trigger: "schedule" or "hand", kept with the run.
            send: False = what this look makes us owe leaves no earlier than the daemon's own next
                look would have sent it (product.md, rule 23).
        """
        started = clock()
        with self._database.read() as session:
            isp_id = session.get_one(Account, account_id).isp_id
        run_id, report = open_run(
            self._database,
            isp_id,
            mode="account",
            trigger=trigger,
            account_id=account_id,
            now=started,
        )

        def look(desk: _Desk) -> None:
            if not send:
                rules = replace(desk.rules, earliest=started + self._every)
                desk = replace(desk, rules=rules)
            self._look(desk, account_id)

        self._at_desk(isp_id, run_id, report, look, started=started, clock=clock)
        return report

    def _at_desk(
        self,
        isp_id: int,
        run_id: int,
        report: SyncReport,
        work: Callable[[_Desk], None],
        *,
        started: datetime,
        clock: Clock,
    ) -> None:
        """Open the ISP's door and work; however that ends, the run is closed with its reason."""
        wispro: WisproPort | None = None
        try:
            with self._database.read() as session:
                isp = session.get_one(Isp, isp_id)
                rules, access = rules_of(isp), access_to(isp, self._vault)
            wispro = self._door(access)
            work(_Desk(run_id, rules, wispro, report, clock))
        except (UpstreamError, SecretError) as error:
            report.failed(error)
        except BaseException as error:
            report.broken_off(error)
            raise
        finally:
            report.requests = 0 if wispro is None else wispro.requests
            close_run(self._database, run_id, report, started=started, now=clock())

    def _look_at_all(
        self,
        desk: _Desk,
        account_ids: Sequence[int],
        lease: SyncLease,
        *,
        ends: datetime | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        in_a_row = 0
        patience = min(FAILURES_IN_A_ROW, len(account_ids))
        for done, account_id in enumerate(account_ids):
            if progress is not None:
                progress(done, len(account_ids))
            if not lease.renew(now=desk.clock()):
                desk.report.incomplete("lease_lost", "another worker took this sync over")
                return
            self._set_back(account_id, now=desk.clock())
            try:
                self._look(desk, account_id)
                in_a_row = 0
            except SecretError as error:
                self._note_trouble(account_id, str(error), now=desk.clock())
                desk.report.incomplete("unreadable_secret", str(error))
            except UpstreamError as error:
                in_a_row += error.reason not in ONE_ACCOUNT
                self._note_trouble(account_id, str(error), now=desk.clock())
                if error.reason in ISP_WIDE or in_a_row >= patience:
                    raise
                desk.report.incomplete(error.reason.value, str(error))
            if ends is not None and desk.clock() >= ends and done + 1 < len(account_ids):
                desk.report.more = True
                return
        if progress is not None:
            progress(len(account_ids), len(account_ids))

    def _look(self, desk: _Desk, account_id: int) -> None:
        with self._database.read() as session:
            subject = self._subject(session, account_id, now=desk.clock())
        look = look_at(desk.wispro, subject, asked_at=desk.clock())
        desk.report.add_look(look)
        if not look.complete:
            why = look.why_incomplete or "the answer was not complete"
            desk.report.incomplete("incomplete_pull", why)
            self._note_trouble(account_id, why, now=desk.clock())
            with self._database.write() as session:
                session.add_all(set_aside_rows(desk.run_id, look))
            return
        applied = self._apply(desk, account_id, look)
        desk.report.foreign += applied.foreign
        desk.report.changed += applied.changed
        desk.report.alerts += applied.tally.alerts
        desk.report.deliveries += applied.tally.deliveries

    def _apply(self, desk: _Desk, account_id: int, look: Look) -> Applied:
        with self._database.write() as session:
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
            account.next_look_at = look.asked_at + self._every
            return apply_look(
                session,
                account,
                look,
                desk.rules,
                vault=self._vault,
                sync_run_id=desk.run_id,
                now=desk.clock(),
            )

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
            national_id=self._vault.open(sealed) if sealed else None,
            custom_id=account.custom_id,
            open_ids=frozenset(open_ids),
            recheck=account.looked_at is not None and account.looked_at.date() < now.date(),
        )

    def _accounts(self, isp_id: int, *, before: datetime | None) -> Sequence[int]:
        with self._database.read() as session:
            query = select(Account.id).where(
                Account.isp_id == isp_id,
                Account.paired_at.is_not(None),
                Account.unpaired_at.is_(None),
            )
            if before is not None:
                query = query.where(Account.next_look_at <= before)
            return session.scalars(query.order_by(Account.next_look_at, Account.id)).all()

    def _set_back(self, account_id: int, *, now: datetime) -> None:
        """Put the account behind the others first: should its look kill us, they are not lost."""
        with self._database.write() as session:
            session.execute(
                update(Account)
                .where(Account.id == account_id)
                .values(next_look_at=now + min(self._every, REST))
            )

    def _note_trouble(self, account_id: int, why: str, *, now: datetime) -> None:
        with self._database.write() as session:
            account = session.get_one(Account, account_id)
            account.look_trouble = why[:300]
            account.next_look_at = now + min(self._every, REST)


def rules_of(isp: Isp) -> Rules:
    """Return what the planner of this ISP goes by."""
    return Rules(DEFAULT_POLICY, Calendar.of(isp.timezone, isp.contact_hours))


def access_to(isp: Isp, vault: VaultPort) -> WisproAccess:
    """Return what a client of this ISP's Wispro needs, the token in clear."""
    return WisproAccess(
        isp_id=isp.id,
        base_url=isp.base_url,
        token=vault.open(isp.token_sealed),
        requests_per_second=isp.requests_per_second,
    )
