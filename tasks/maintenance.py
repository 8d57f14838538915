"""Keep house: close what broke off, seal under the newest key."""

from __future__ import annotations

from celery import shared_task

from tasks import queues
from tasks.desk import desk


@shared_task(name="maintenance.tidy", queue=queues.SUPPORT)
def tidy(**_: object) -> None:
    """This task will close sync runs whose process died and drop records nobody will read."""
    d = desk()
    d.maintenance.tidy(now=d.clock())


@shared_task(name="maintenance.reseal", queue=queues.SUPPORT)
def reseal(**_: object) -> None:
    """This task will seal again, under the newest key, what is sealed under an older one."""
    desk().maintenance.reseal()
