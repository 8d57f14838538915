"""Pull: which ISPs are due, one ISP, one account."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task

from billing.sync import SyncBusyError
from billing.watch.ticks import Work
from tasks import queues
from tasks.desk import desk
from tasks.hints import hint

log = structlog.get_logger()


@shared_task(name="sync.dispatch", queue=queues.SYNC)
def dispatch(**_: object) -> None:
    """This task will hint at every ISP that has accounts to look at."""
    d = desk()
    for isp_id in d.sync.due_isps(now=d.clock()):
        hint(sync_isp, isp_id=isp_id)
    d.ticks.note(Work.LOOK, now=d.clock())


@shared_task(name="sync.isp", queue=queues.SYNC)
def sync_isp(*, isp_id: int, **_: object) -> None:
    """This task will look at the due accounts of one ISP, for a bounded time."""
    d = desk()
    try:
        report = d.sync.run(
            isp_id,
            clock=d.clock,
            trigger="schedule",
            due_only=True,
            budget=timedelta(seconds=queues.SYNC_BUDGET),
        )
    except SyncBusyError:
        log.info("sync.busy", isp_id=isp_id)
        return
    d.ticks.note(Work.LOOK, now=d.clock())
    if report.more:
        hint(sync_isp, isp_id=isp_id)


@shared_task(name="sync.account", queue=queues.SUPPORT)
def sync_account(*, account_id: int, **_: object) -> None:
    """This task will look at one account now: somebody asked for it by hand."""
    d = desk()
    d.sync.run_account(account_id, clock=d.clock, trigger="hand")
