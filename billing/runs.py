"""The record of one look at Wispro: opened before, closed after, whatever happened between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from billing.look import Look
from billing.ports import SecretError, UpstreamError
from billing.values import SyncOutcome, UpstreamReason
from models.database import Database
from models.isp import Isp
from models.sync_run import SetAsideRecord, SyncRun

log = structlog.get_logger()

#: How long scheduled runs rest after a failure; a token that was refused stays refused longer.
REST = timedelta(minutes=2)
REST_UNAUTHORIZED = timedelta(minutes=15)
#: Reasons that concern the whole ISP: asking for the next account is pointless.
ISP_WIDE = frozenset({UpstreamReason.NOT_AUTHORIZED, UpstreamReason.LICENCE_EXPIRED})
#: Reasons that concern one account: they say nothing about Wispro's health.
ONE_ACCOUNT = frozenset({UpstreamReason.NOT_FOUND, UpstreamReason.REFUSED})
#: Rows of one look: where every record is unreadable, each look would else write thousands.
MOST_SET_ASIDE = 20
_COUNTED = (
    "accounts",
    "requests",
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
    outcome: SyncOutcome = SyncOutcome.OK
    reason: str | None = None
    detail: str | None = None
    accounts: int = 0
    requests: int = 0
    fetched: int = 0
    foreign: int = 0
    set_aside: int = 0
    changed: int = 0
    alerts: int = 0
    deliveries: int = 0
    ms: int = 0
    more: bool = False

    def add_look(self, look: Look) -> None:
        """Count what one look brought."""
        self.accounts += 1
        self.fetched += look.fetched
        self.foreign += look.foreign
        self.set_aside += len(look.set_aside)

    def incomplete(self, reason: str, detail: str) -> None:
        """Note that something was not read; what was read before stands."""
        self.outcome, self.reason, self.detail = SyncOutcome.INCOMPLETE, reason, detail

    def failed(self, error: UpstreamError | SecretError) -> None:
        """Note that the run could not go on."""
        self.outcome, self.detail = SyncOutcome.FAILED, str(error)
        self.reason = "unreadable_secret"
        if isinstance(error, UpstreamError):
            self.reason = error.reason.value

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
        return run.id, SyncReport(isp=session.get_one(Isp, isp_id).slug, mode=mode)


def close_run(
    database: Database, run_id: int, report: SyncReport, *, started: datetime, now: datetime
) -> None:
    """This function will record how a run ended, on its row and in one log line."""
    report.ms = round((now - started).total_seconds() * 1000)
    with database.write() as session:
        run = session.get_one(SyncRun, run_id)
        run.finished_at = now
        run.outcome = report.outcome.value
        run.reason = report.reason
        run.detail = report.detail[:500] if report.detail else None
        for name in _COUNTED:
            setattr(run, name, getattr(report, name))
        if run.account_id is None:
            _mark_isp(session.get_one(Isp, run.isp_id), report, started=started, now=now)
    counts = {name: getattr(report, name) for name in _COUNTED}
    log.info(
        "sync.finished",
        isp=report.isp,
        mode=report.mode,
        outcome=report.outcome.value,
        reason=report.reason,
        **counts,
    )


def _mark_isp(isp: Isp, report: SyncReport, *, started: datetime, now: datetime) -> None:
    failed = report.outcome is SyncOutcome.FAILED
    isp.trouble = report.detail[:500] if failed and report.detail else None
    rest = REST_UNAUTHORIZED if report.reason in ISP_WIDE else REST
    isp.trouble_until = now + rest if failed else None
    if report.outcome is SyncOutcome.OK and not report.more:
        isp.synced_at = started


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
