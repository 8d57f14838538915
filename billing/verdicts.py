"""Hold a run, and end that: by the operator's word, or because a later look was sane."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from billing.anomaly import Hold
from billing.isps import SetupError, find_isp
from billing.notices import tell_operator
from billing.values import NoticeKind
from models.isp import Isp
from models.proposal import Proposal
from models.sync_run import SyncRun

log = structlog.get_logger()


def hold(session: Session, isp_id: int, run_id: int, verdict: Hold, *, now: datetime) -> None:
    """This function will hold a run: its proposals stay, nothing of the ISP is sent.

    A run that was held before gives way to it. The operator is told once a day, not at every look
    that finds the same.
    """
    isp = session.get_one(Isp, isp_id, with_for_update=True)
    if isp.held_run_id is not None:
        _end(session, isp.held_run_id, "superseded", now=now)
    isp.held_run_id = run_id
    log.info("sync.held", isp=isp.slug, run=run_id, reason=verdict.reason)
    details = {"run": str(run_id), "reason": verdict.words, **verdict.numbers}
    subject = f"{verdict.reason}:{now.date()}"
    tell_operator(session, isp_id, NoticeKind.SYNC_HELD, subject, details, now=now)


def release(session: Session, isp_id: int, run_id: int, decision: str, *, now: datetime) -> None:
    """This function will end a held run: "approved", "rejected" or "superseded"."""
    isp = session.get_one(Isp, isp_id, with_for_update=True)
    _end(session, run_id, decision, now=now)
    if isp.held_run_id == run_id:
        isp.held_run_id = None
    details = {"run": str(run_id), "decision": decision}
    tell_operator(session, isp_id, NoticeKind.SYNC_RESUMED, f"run:{run_id}", details, now=now)
    log.info("sync.released", isp=isp.slug, run=run_id, decision=decision)


def held_run(session: Session, slug: str, run_id: int) -> Isp:
    """This function will return the ISP whose run waits for a decision.

    Raises:
        SetupError: if the ISP is unknown, or this run does not wait; says which one does.
    """
    isp = find_isp(session, slug)
    if isp.held_run_id == run_id:
        return isp
    waits = (
        f"run {isp.held_run_id} waits for a decision"
        if isp.held_run_id is not None
        else "no run waits for a decision"
    )
    run = session.scalars(
        select(SyncRun).where(SyncRun.id == run_id, SyncRun.isp_id == isp.id)
    ).first()
    was = f"run {run_id} was {run.decision}; " if run is not None and run.decision else ""
    raise SetupError(f"{slug}: {was}{waits}")


def _end(session: Session, run_id: int, decision: str, *, now: datetime) -> None:
    run = session.get(SyncRun, run_id)
    if run is not None:
        run.decision, run.decided_at = decision, now
    session.execute(delete(Proposal).where(Proposal.sync_run_id == run_id))
