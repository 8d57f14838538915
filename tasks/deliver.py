"""Send: plan what has come due, find who has something to send, send it, mend what broke off."""

from __future__ import annotations

from celery import shared_task

from billing.watch.ticks import Work
from tasks import counts, queues
from tasks.desk import desk
from tasks.hints import hint

#: So many batches are hinted at in one go; each hints at the next one.
MOST_HINTS = 8


@shared_task(name="deliver.plan", queue=queues.DELIVER)
def plan(**_: object) -> None:
    """This task will plan every step whose time has come."""
    d = desk()
    d.planning.tick(now=d.clock())
    d.ticks.note(Work.PLAN, now=d.clock())


@shared_task(name="deliver.dispatch", queue=queues.DELIVER)
def dispatch(**_: object) -> None:
    """This task will hint at batches, if anything is to be sent: which ones, rows say then."""
    d = desk()
    for _n in range(min(d.delivering.enter_routes(now=d.clock()), MOST_HINTS)):
        hint(batch)
    d.ticks.note(Work.SEND, now=d.clock())


@shared_task(name="deliver.batch", queue=queues.DELIVER)
def batch(**_: object) -> None:
    """This task will send one batch for whoever waited longest, and hint at the next one.

    At once while more is due, or when the sending account lets more through, if that is soon. Only
    who sent something goes on: hints that find nothing end here.
    """
    d = desk()
    served = d.delivering.serve_next(clock=d.clock)
    d.ticks.note(Work.SEND, now=d.clock())
    if served is None:
        return
    d.count(counts.PUT_OFF, str(served.isp_id), served.route, number=served.deferred)
    hint(batch)
    if served.more_at is not None and served.more_at > served.at:
        hint(batch, wait=served.more_at - served.at)


@shared_task(name="deliver.sweep", queue=queues.DELIVER)
def sweep(**_: object) -> None:
    """This task will resolve deliveries whose worker died."""
    d = desk()
    given_back, uncertain = d.delivering.sweep(now=d.clock())
    d.count(counts.LEASE_EXPIRIES, "given_back", number=given_back)
    d.count(counts.LEASE_EXPIRIES, "uncertain", number=uncertain)
