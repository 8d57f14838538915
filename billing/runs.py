"""The record of one look at Wispro: opened before, closed after, whatever happened between."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from billing.circuit import REFUSED, after_run
from billing.look import Look
from billing.notices import tell_operator, was_told
from billing.ports import SecretError, UpstreamError
from billing.values import NoticeKind, SyncOutcome, UpstreamReason
from billing.verdicts import release
from models.account import Account
from models.database import Database
from models.isp import Isp
from models.sync_run import SetAsideRecord, SyncRun

log = structlog.get_logger()

#: How long scheduled runs rest after a look that was not whole.
REST = timedelta(minutes=2)
#: Reasons that concern the whole ISP: asking for the next account is pointless.
ISP_WIDE = frozenset({UpstreamReason.NOT_AUTHORIZED, UpstreamReason.LICENCE_EXPIRED})
#: Reasons that concern one account: they say nothing about Wispro's health.
ONE_ACCOUNT = frozenset({UpstreamReason.NOT_FOUND, UpstreamReason.REFUSED})
#: Rows of one look: where every record is unreadable, each look would else write thousands.
MOST_SET_ASIDE = 20
#: Failures in a row after which the operator hears of it: about a quarter of an hour. A token that
#: was refused is told at once.
TELL_AFTER = 3
_COUNTED = (
    "accounts",
    "requests",
    "pages",
    "fetched",
    "foreign",
    "set_aside",
    "changed",
    "alerts",
    "deliveries",
    "ms",
)


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What `sync --json` prints, and what one log line says."""

    isp: str
    mode: str
    run: int
    outcome: SyncOutcome = SyncOutcome.OK
    reason: str | None = None
    detail: str | None = None
    accounts: int = 0
    requests: int = 0
    pages: int = 0
    fetched: int = 0
    foreign: int = 0
    set_aside: int = 0
    changed: int = 0
    alerts: int = 0
    deliveries: int = 0
    ms: int = 0
    why: str | None = None
    proposed: int = 0
    more: bool = False
    retry_after: float | None = None

    @property
    def upstream(self) -> UpstreamReason | None:
        """Why Wispro gave no answer, if that is how the run failed."""
        if self.outcome is not SyncOutcome.FAILED or self.reason not in set(UpstreamReason):
            return None
        return UpstreamReason(self.reason)

    def add_look(self, look: Look) -> None:
        """Count what one look brought."""
        self.accounts += 1
        self.fetched += look.fetched
        self.foreign += look.foreign
        self.set_aside += len(look.set_aside)

    def incomplete(self, reason: str, detail: str) -> None:
        """Note that something was not read; what was read before stands."""
        self.outcome, self.reason, self.detail = SyncOutcome.INCOMPLETE, reason, detail

    def held(self, reason: str, words: str) -> None:
        """Note that what the run found waits for the operator."""
        self.outcome, self.reason, self.detail = SyncOutcome.HELD, reason, words

    def failed(self, error: UpstreamError | SecretError) -> None:
        """Note that the run could not go on; what was read before stands."""
        self.outcome, self.detail = SyncOutcome.FAILED, str(error)
        self.reason = "unreadable_secret"
        if isinstance(error, UpstreamError):
            self.reason = error.reason.value
            self.retry_after = error.retry_after

    def broken_off(self, error: BaseException) -> None:
        """Note that something unforeseen, or a signal, ended the run; its text stays out."""
        self.outcome, self.reason = SyncOutcome.FAILED, "interrupted"
        self.detail = f"the run was broken off ({type(error).__name__})"


def open_run(
    database: Database,
    isp_id: int,
    *,
    mode: str,
    trigger: str,
    account_id: int | None,
    now: datetime,
) -> tuple[int, SyncReport]:
    """This function will record that a run has begun; return its id and an empty report."""
    with database.write() as session:
        run = SyncRun(
            isp_id=isp_id, account_id=account_id, mode=mode, trigger=trigger, started_at=now
        )
        session.add(run)
        session.flush()
        return run.id, SyncReport(isp=session.get_one(Isp, isp_id).slug, mode=mode, run=run.id)


def close_run(
    database: Database,
    run_id: int,
    report: SyncReport,
    *,
    started: datetime,
    now: datetime,
    every: timedelta,
    whole: bool = False,
) -> None:
    """This function will record how a run ended, on its row and in one log line.

    Args:
        database: rows.
        run_id: which run.
        report: of it.
        started: when it began.
        now: the present.
        every: how long an ISP rests between two whole-ISP looks.
        whole: it looked at all that was due of the ISP, and not at single accounts.
    """
    report.ms = round((now - started).total_seconds() * 1000)
    with database.write() as session:
        run = session.get_one(SyncRun, run_id)
        isp_id = run.isp_id
        run.finished_at = now
        run.outcome = report.outcome.value
        run.reason = report.reason
        run.detail = report.detail[:500] if report.detail else None
        run.mode = report.mode
        run.why = report.why[:300] if report.why else None
        for name in _COUNTED:
            setattr(run, name, getattr(report, name))
        if run.account_id is None:
            isp = session.get_one(Isp, run.isp_id, with_for_update=True)
            _mark_isp(session, isp, report, now=now)
            if whole:
                _schedule(session, isp, report, started=started, now=now, every=every)
    counts = {name: getattr(report, name) for name in _COUNTED}
    log.info(
        "sync.finished",
        isp=report.isp,
        isp_id=isp_id,
        run=run_id,
        mode=report.mode,
        outcome=report.outcome.value,
        reason=report.reason,
        **counts,
    )


def _mark_isp(session: Session, isp: Isp, report: SyncReport, *, now: datetime) -> None:
    """Keep what the circuit breaker goes by, and tell the operator when it opens for long."""
    if report.outcome is not SyncOutcome.FAILED:
        if isp.failures and was_told(session, isp.id, NoticeKind.WISPRO_TROUBLE, _trouble(isp)):
            _tell(session, isp, NoticeKind.WISPRO_BACK, now=now)
        isp.failures, isp.trouble, isp.trouble_until = 0, None, None
        return
    isp.trouble = report.detail[:500] if report.detail else None
    if report.upstream is None:
        isp.trouble_until = now + REST
        return
    circuit = after_run(
        isp.failures,
        report.upstream,
        now=now,
        retry_after=report.retry_after,
        jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
    )
    isp.failures, isp.trouble_until = circuit.failures, circuit.rest_until
    if isp.failures >= TELL_AFTER or report.upstream in REFUSED:
        _tell(session, isp, NoticeKind.WISPRO_TROUBLE, now=now, reason=report.upstream.value)


def _tell(
    session: Session, isp: Isp, kind: NoticeKind, *, now: datetime, reason: str | None = None
) -> None:
    """Tell the operator, once for each stretch of trouble."""
    since = (isp.synced_at or isp.created_at).isoformat()
    details = {"since": since, "failures": str(isp.failures)}
    if reason is not None:
        details["reason"] = reason
    tell_operator(session, isp.id, kind, _trouble(isp), details, now=now)


def _trouble(isp: Isp) -> str:
    """Name a stretch of trouble: by the last good look before it."""
    return f"trouble:{(isp.synced_at or isp.created_at).isoformat()}"


def _schedule(
    session: Session,
    isp: Isp,
    report: SyncReport,
    *,
    started: datetime,
    now: datetime,
    every: timedelta,
) -> None:
    """Say when the next look at the whole ISP is due, and end what a sane one ends."""
    sane = report.outcome is SyncOutcome.OK and not report.more
    if sane:
        isp.synced_at = started
        _end_hold(session, isp, report, now=now)
    if report.mode == "accounts":
        return
    if sane:
        isp.swept_at = started
    rest = every if sane or report.outcome is SyncOutcome.HELD else min(every, REST)
    isp.next_sync_at = now if report.more else max(started + rest, now)
    # Who still waits for the first look waits for the next whole one, unless paired since.
    session.execute(
        update(Account)
        .where(
            Account.isp_id == isp.id,
            Account.baseline_at.is_(None),
            Account.paired_at <= started,
            Account.next_look_at < isp.next_sync_at,
        )
        .values(next_look_at=isp.next_sync_at)
        .execution_options(synchronize_session=False)
    )


def _end_hold(session: Session, isp: Isp, report: SyncReport, *, now: datetime) -> None:
    """A sane look at no less than what was held ends the hold: there is nothing to decide."""
    if isp.held_run_id is None:
        return
    held = session.get_one(SyncRun, isp.held_run_id)
    if report.mode != "accounts" or report.accounts >= held.accounts:
        release(session, isp.id, held.id, "superseded", now=now)


def set_aside_rows(run_id: int, look: Look) -> list[SetAsideRecord]:
    """This function will return the rows of the records that a look could not read.

    Some of each look are enough to see what is wrong; the run counts them all.
    """
    return [
        SetAsideRecord(
            sync_run_id=run_id,
            resource=item.resource[:40],
            record_id=item.record_id[:64] if item.record_id else None,
            why=item.why[:300],
        )
        for item in look.set_aside[:MOST_SET_ASIDE]
    ]
