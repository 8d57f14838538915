"""Send: plan what has come due, find who has something to send, send it, mend what broke off."""

from __future__ import annotations

from celery import shared_task

from billing.watch.ticks import Work
from tasks import queues
from tasks.desk import desk
from tasks.hints import hint


@shared_task(name="deliver.plan", queue=queues.DELIVER)
def plan(**_: object) -> None:
    """This task will plan every step whose time has come."""
    d = desk()
    d.planning.tick(now=d.clock())
    d.ticks.note(Work.PLAN, now=d.clock())


@shared_task(name="deliver.dispatch", queue=queues.DELIVER)
def dispatch(**_: object) -> None:
    """This task will hint at every route of every ISP that has something to send."""
    d = desk()
    for isp_id, route in d.delivering.due_routes(now=d.clock()):
        hint(batch, isp_id=isp_id, route=route)
    d.ticks.note(Work.SEND, now=d.clock())


@shared_task(name="deliver.batch", queue=queues.DELIVER)
def batch(*, isp_id: int, route: str | None = None, **_: object) -> None:
    """This task will send one batch over one route, and hint at the next one.

    At once while more is due, or when the sending account lets more through, if that is soon. Only
    who sent something goes on: hints that find nothing end here.
    """
    d = desk()
    report = d.delivering.run_batch(isp_id, route=route, clock=d.clock)
    d.ticks.note(Work.SEND, now=d.clock())
    if route is None or not report.touched:
        return
    now = d.clock()
    at = d.delivering.next_due(isp_id, route=route, now=now)
    if at is not None:
        hint(batch, wait=at - now, isp_id=isp_id, route=route)


@shared_task(name="deliver.sweep", queue=queues.DELIVER)
def sweep(**_: object) -> None:
    """This task will resolve deliveries whose worker died."""
    d = desk()
    d.delivering.sweep(now=d.clock())
