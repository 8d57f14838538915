"""Look at an ISP's Wispro in the cheapest faithful way, weigh what that found, lay it down.

Rows carry the truth: what was not reached is due next time, and a run whose process died leaves
nothing but proposals that nobody lays down. One run per ISP at a time, by a lease in the database
that every writing transaction asks for, so that a stalled worker which wakes up writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from billing import habits as probes
from billing import proposals
from billing.anomaly import Hold, Thresholds, judge
from billing.apply import Applied
from billing.by_account import AccountLooks, cover, paired_accounts
from billing.desk import Desk, LeaseLostError, Progress
from billing.errors import ForeseenError
from billing.explaining import TooManyMissingError
from billing.fairness import counts_at
from billing.marks import keep_marks
from billing.ports import Clock, SecretError, UpstreamError, VaultPort, WisproAccess, WisproPort
from billing.runs import SyncReport, close_run, open_run
from billing.spans import span
from billing.strategy import FEW, Facts, Plan, Strategy, choose
from billing.terms import access_to, rules_of, thresholds_of
from billing.usual import usual_of
from billing.values import Habits, SyncOutcome
from billing.verdicts import held_run, hold, release
from billing.whole import WholeLook, end_baseline, open_invoices
from models.account import Account
from models.database import Database
from models.isp import Isp
from models.leases import SyncLease
from models.listing import ListingMark

#: Renewed at every page and every account; whoever lost it writes nothing.
LEASE = timedelta(minutes=3)
#: More accounts than this are not counted: no plan by account could win any more.
_COUNT_UP_TO = 20_000
_LOST = "another worker took this sync over"


class SyncBusyError(ForeseenError):
    """Another sync of this ISP is under way."""


class IspDisabledError(SyncBusyError):
    """The operator switched this ISP off: nobody looks at it."""


class Sync:
    """The use-case.

    Args:
        database: rows.
        vault: opens the token and the ids.
        door: makes a client for one ISP; a fresh one per run, so that requests are counted.
        every: how long an ISP, or an account, rests between two looks.
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
        """This function will name the ISPs at which something is to be looked at.

        In the order of turns: who waited longest comes first, so that a slow Wispro, at which a
        look is never done, does not go before all others again and again.
        """
        paired = (
            Account.isp_id == Isp.id,
            Account.paired_at.is_not(None),
            Account.unpaired_at.is_(None),
        )
        account_due = select(Account.id).where(*paired, Account.next_look_at <= now).exists()
        anybody = select(Account.id).where(*paired).exists()
        with self._database.read() as session:
            return session.scalars(
                select(Isp.id)
                .where(
                    Isp.enabled,
                    or_(Isp.trouble_until.is_(None), Isp.trouble_until <= now),
                    or_(Isp.sync_lease_until.is_(None), Isp.sync_lease_until <= now),
                    or_(account_due, (Isp.next_sync_at <= now) & anybody),
                )
                .order_by(Isp.sync_turn_at.asc().nulls_first(), Isp.id)
            ).all()

    def run(
        self,
        isp_id: int,
        *,
        clock: Clock,
        trigger: str,
        due_only: bool,
        budget: timedelta | None = None,
        progress: Progress | None = None,
        full: bool = False,
        strategy: Strategy | None = None,
        waive: bool = False,
    ) -> SyncReport:
        """This function will look at one ISP.

        Args:
            isp_id: which ISP.
            clock: tells the present.
            trigger: "schedule" or "hand", kept with the run.
            due_only: leave out what is not due yet.
            budget: stop after this long and say `more`.
            progress: told how far it is.
            full: read everything now, whatever was read lately.
            strategy: look this way instead of the cheapest one.
            waive: the operator has seen what this run will find; do not hold it.

        Raises:
            SyncBusyError: if another run of this ISP holds the lease, or the ISP is disabled.
        """
        started = clock()
        with self._database.read() as session:
            _refuse_disabled(session.get_one(Isp, isp_id))
        lease = SyncLease(self._database, isp_id, LEASE)
        if not lease.take(now=started):
            raise SyncBusyError("another sync of this ISP is under way; try again in a minute")
        try:
            bound = structlog.contextvars.bound_contextvars(isp_id=isp_id)
            with bound, span("sync.run", isp_id=isp_id, trigger=trigger):
                return self._run(
                    isp_id,
                    lease,
                    started=started,
                    clock=clock,
                    trigger=trigger,
                    due_only=due_only,
                    ends=started + budget if budget else None,
                    progress=progress,
                    full=full,
                    strategy=Strategy.FULL if full else strategy,
                    waive=waive,
                )
        finally:
            lease.give(turn_at=counts_at(started, clock()))

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

        Raises:
            IspDisabledError: if its ISP is disabled.
        """
        started = clock()
        with self._database.read() as session:
            account = session.get_one(Account, account_id)
            isp = session.get_one(Isp, account.isp_id)
            _refuse_disabled(isp)
        run_id, report = open_run(
            self._database,
            isp.id,
            mode="account",
            trigger=trigger,
            account_id=account_id,
            now=started,
        )
        wispro: WisproPort | None = None
        try:
            wispro = self._door(access_to(isp, self._vault))
            desk = self._desk(isp, run_id, report, wispro, started=started, clock=clock)
            covered = account.next_look_at is None and account.baseline_at is not None
            AccountLooks(desk, covered=covered, at_once=True).look(
                account_id, earliest=None if send else started + self._every
            )
        except (UpstreamError, SecretError) as error:
            report.failed(error)
        except BaseException as error:
            report.broken_off(error)
            raise
        finally:
            report.requests = 0 if wispro is None else wispro.requests
            close_run(
                self._database, run_id, report, started=started, now=clock(), every=self._every
            )
        return report

    def approve(
        self, slug: str, run_id: int, *, clock: Clock, progress: Progress | None = None
    ) -> SyncReport:
        """This function will lay a held run down, and look again for what it left unexplained.

        Raises:
            SetupError: if this run does not wait for a decision.
            SyncBusyError: if another run of this ISP holds the lease.
        """
        with self._database.read() as session:
            isp = held_run(session, slug, run_id)
            rules = rules_of(isp)
        lease = SyncLease(self._database, isp.id, LEASE)
        if not lease.take(now=clock()):
            raise SyncBusyError("another sync of this ISP is under way; try again in a minute")
        try:
            applied = proposals.lay_down(
                self._database, isp.id, run_id, rules, clock=clock, holding=_holding(lease, clock)
            )
            if applied is None:
                raise SyncBusyError("another worker took this sync over; try again")
            with self._database.write() as session:
                release(session, isp.id, run_id, "approved", now=clock())
        finally:
            lease.give()
        report = self.run(
            isp.id, clock=clock, trigger="hand", due_only=False, progress=progress, waive=True
        )
        report.changed += applied.changed
        report.alerts += applied.tally.alerts
        report.deliveries += applied.tally.deliveries
        return report

    def reject(self, slug: str, run_id: int, *, now: datetime) -> int:
        """This function will drop what a held run proposes; return how much that was.

        Raises:
            SetupError: if this run does not wait for a decision.
        """
        with self._database.write() as session:
            isp = held_run(session, slug, run_id)
            dropped = proposals.count(session, run_id)
            release(session, isp.id, run_id, "rejected", now=now)
            proposals.forget(session, isp.id)
        return dropped

    # -- one run --------------------------------------------------------------------------------

    def _run(
        self,
        isp_id: int,
        lease: SyncLease,
        *,
        started: datetime,
        clock: Clock,
        trigger: str,
        due_only: bool,
        ends: datetime | None,
        progress: Progress | None,
        full: bool,
        strategy: Strategy | None,
        waive: bool,
    ) -> SyncReport:
        with self._database.read() as session:
            isp = session.get_one(Isp, isp_id)
        run_id, report = open_run(
            self._database,
            isp_id,
            mode=isp.strategy,
            trigger=trigger,
            account_id=None,
            now=started,
        )
        wispro: WisproPort | None = None
        whole = False
        try:
            with self._database.write() as session:
                proposals.forget(session, isp_id, but=[isp.held_run_id] if isp.held_run_id else [])
            wispro = self._door(access_to(isp, self._vault))
            desk = self._desk(
                isp, run_id, report, wispro, started=started, clock=clock, lease=lease
            )
            desk.ends, desk.progress = ends, progress
            own_only = due_only and _between_looks(isp, now=started)
            plan = self._plan(desk, isp, strategy, own_only=own_only)
            report.mode, report.why = plan.strategy.value, plan.why
            whole = not own_only
            self._switch(isp, plan, own_only=own_only, now=started)
            thresholds = None if waive else thresholds_of(isp)
            self._look(desk, isp, plan, thresholds, due_only=due_only, full=full)
        except (UpstreamError, SecretError) as error:
            report.failed(error)
        except BaseException as error:
            report.broken_off(error)
            raise
        finally:
            report.requests = 0 if wispro is None else wispro.requests
            close_run(
                self._database,
                run_id,
                report,
                started=started,
                now=clock(),
                every=self._every,
                whole=whole,
            )
        return report

    def _look(
        self,
        desk: Desk,
        isp: Isp,
        plan: Plan,
        thresholds: Thresholds | None,
        *,
        due_only: bool,
        full: bool,
    ) -> None:
        """Read, then settle what was read, even where the reading broke off."""
        report = desk.report
        trouble: UpstreamError | None = None
        unexplained = 0
        covered = isp.strategy != Strategy.ACCOUNTS or plan.strategy is not Strategy.ACCOUNTS
        looks = AccountLooks(desk, covered=covered)
        open_before = open_invoices(desk)
        try:
            if plan.strategy is Strategy.ACCOUNTS:
                due_before = desk.started if due_only else None
                looks.look_at_all(paired_accounts(self._database, isp.id, due_before=due_before))
            else:
                # A slow read that another plan began is too old to be called a look at everything.
                anew = full or (plan.strategy is Strategy.FULL and isp.strategy != Strategy.FULL)
                WholeLook(desk, plan, thresholds, looks, anew=anew).run()
        except UpstreamError as error:
            trouble = error
        except TooManyMissingError as error:
            unexplained = error.unexplained
        except LeaseLostError:
            report.incomplete("lease_lost", _LOST)
            return
        self._settle(desk, thresholds, open_before=open_before, unexplained=unexplained)
        if trouble is not None:
            if report.outcome is SyncOutcome.HELD:
                return
            raise trouble

    def _settle(
        self,
        desk: Desk,
        thresholds: Thresholds | None,
        *,
        open_before: int,
        unexplained: int,
    ) -> None:
        """Hold what was found, or lay it down."""
        verdict = None
        if thresholds is not None and (desk.report.proposed or unexplained):
            verdict = self._judge(desk, thresholds, open_before, unexplained)
        try:
            if verdict is not None:
                with self._database.write() as session:
                    desk.must_hold(session)
                    hold(session, desk.isp_id, desk.run_id, verdict, now=desk.clock())
                desk.report.held(verdict.reason, verdict.words)
                return
            applied: Applied | None = Applied()
            if desk.report.proposed:
                applied = proposals.lay_down(
                    self._database,
                    desk.isp_id,
                    desk.run_id,
                    desk.rules,
                    clock=desk.clock,
                    holding=_holding(desk.lease, desk.clock),
                )
            if applied is None:
                desk.report.incomplete("lease_lost", _LOST)
                return
            desk.report.foreign += applied.foreign
            desk.report.changed += applied.changed
            desk.report.alerts += applied.tally.alerts
            desk.report.deliveries += applied.tally.deliveries
            if desk.finished:
                keep_marks(desk)
            if not desk.report.more:
                end_baseline(desk)
        except LeaseLostError:
            desk.report.incomplete("lease_lost", _LOST)

    def _judge(
        self, desk: Desk, thresholds: Thresholds, open_before: int, unexplained: int
    ) -> Hold | None:
        weight = proposals.weigh(self._database, desk.isp_id, desk.run_id, today=desk.today)
        weight.unexplained = unexplained
        usual = usual_of(
            self._database,
            desk.isp_id,
            weight,
            thresholds,
            open_invoices=open_before,
            zone=desk.rules.calendar.zone,
            now=desk.started,
        )
        return judge(weight, usual, thresholds)

    def _plan(self, desk: Desk, isp: Isp, strategy: Strategy | None, *, own_only: bool) -> Plan:
        if own_only:
            why = "only accounts that were never looked at"
            return Plan(strategy=Strategy.ACCOUNTS, requests=0, why=why)
        paired = self._paired(isp.id)
        known: Habits | None = None
        if paired > FEW or strategy is not None:
            known = self._habits(desk)
            desk.habits = known
            desk.wispro.use_page_size(known.page_size)
        plan = choose(
            Facts(
                paired=paired,
                habits=known,
                every=self._every,
                full_every=desk.full_every,
                present=Strategy(isp.strategy),
            )
        )
        if strategy is not None:
            return replace(plan, strategy=strategy, why=f"{strategy} was asked for; {plan.why}")
        return plan

    def _habits(self, desk: Desk) -> Habits:
        """Return how this Wispro behaves, asked each week, with the totals of the last look."""
        with self._database.read() as session:
            remembered = probes.recall(session, desk.isp_id)
            totals: dict[str, Any] = {
                mark.listing: mark.total
                for mark in session.scalars(
                    select(ListingMark).where(ListingMark.isp_id == desk.isp_id)
                )
                if mark.total
            }
        if remembered is None or desk.started - remembered[1] >= probes.PROBE_AGAIN_AFTER:
            found = desk.wispro.habits()
            with self._database.write() as session:
                probes.remember(session, desk.isp_id, found, now=desk.clock())
            return found
        names = {"invoices", "pending", "contracts", "clients"} & totals.keys()
        return replace(remembered[0], **{name: totals[name] for name in names})

    def _paired(self, isp_id: int) -> int:
        with self._database.read() as session:
            some = (
                select(Account.id)
                .where(
                    Account.isp_id == isp_id,
                    Account.paired_at.is_not(None),
                    Account.unpaired_at.is_(None),
                )
                .limit(_COUNT_UP_TO)
                .subquery()
            )
            return session.scalar(select(func.count()).select_from(some)) or 0

    def _switch(self, isp: Isp, plan: Plan, *, own_only: bool, now: datetime) -> None:
        """Let the accounts be looked at the way that was chosen from now on."""
        if own_only or plan.strategy == isp.strategy:
            return
        was_whole = isp.strategy != Strategy.ACCOUNTS
        is_whole = plan.strategy is not Strategy.ACCOUNTS
        if was_whole != is_whole:
            cover(self._database, isp.id, covered=is_whole, now=now)
        with self._database.write() as session:
            row = session.get_one(Isp, isp.id)
            row.strategy = plan.strategy.value
            row.next_sync_at = now if is_whole else None

    def _desk(
        self,
        isp: Isp,
        run_id: int,
        report: SyncReport,
        wispro: WisproPort,
        *,
        started: datetime,
        clock: Clock,
        lease: SyncLease | None = None,
    ) -> Desk:
        return Desk(
            database=self._database,
            vault=self._vault,
            isp_id=isp.id,
            run_id=run_id,
            rules=rules_of(isp),
            wispro=wispro,
            report=report,
            clock=clock,
            lease=lease or SyncLease(self._database, isp.id, LEASE),
            started=started,
            every=self._every,
            full_every=timedelta(days=isp.full_every_days),
            habits=Habits(),
        )


def _refuse_disabled(isp: Isp) -> None:
    if not isp.enabled:
        raise IspDisabledError(f"{isp.slug} is disabled: alerta isp enable {isp.slug}")


def _between_looks(isp: Isp, *, now: datetime) -> bool:
    """Whether only accounts of their own are due: the whole ISP was looked at lately."""
    return isp.next_sync_at is not None and isp.next_sync_at > now


def _holding(lease: SyncLease, clock: Clock) -> Callable[[Session], bool]:
    def holding(session: Session) -> bool:
        lease.extend_in(session, now=clock())
        return lease.holds(session)

    return holding
