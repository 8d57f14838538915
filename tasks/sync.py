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

#: So many looks at most are hinted at in one go: hints that nobody takes within their time are
#: written again, and in another order by then.
MOST_HINTS = 100


@shared_task(name="sync.dispatch", queue=queues.SYNC)
def dispatch(**_: object) -> None:
    """This task will hint at ISPs that have accounts to look at, in the order of their turns."""
    d = desk()
    due = d.sync.due_isps(now=d.clock())
    for isp_id in due[:MOST_HINTS]:
        hint(sync_isp, isp_id=isp_id)
    if len(due) > MOST_HINTS:
        hint(dispatch)
    d.ticks.note(Work.LOOK, now=d.clock())


@shared_task(name="sync.isp", queue=queues.SYNC)
def sync_isp(*, isp_id: int, **_: object) -> None:
    """This task will look at the due accounts of one ISP, for a bounded time.

    What is left over then waits for its next turn, behind everybody who had none meanwhile.
    """
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
        hint(dispatch)


@shared_task(name="sync.account", queue=queues.SUPPORT)
def sync_account(*, account_id: int, **_: object) -> None:
    """This task will look at one account now: somebody asked for it by hand."""
    d = desk()
    d.sync.run_account(account_id, clock=d.clock, trigger="hand")
