"""Tell operators what was written down for them."""

from __future__ import annotations

from celery import shared_task

from tasks import queues
from tasks.desk import desk


@shared_task(name="operator.tell", queue=queues.SUPPORT)
def tell(**_: object) -> None:
    """This task will send a batch of the notices that are due; the next tick takes the rest."""
    d = desk()
    d.telling.run(d.clock)


@shared_task(name="operator.watch", queue=queues.SUPPORT)
def watch(**_: object) -> None:
    """This task will write down what operators are to be told that nobody asked about."""
    d = desk()
    d.watching.run(now=d.clock())


@shared_task(name="operator.ping", queue=queues.SUPPORT)
def ping(**_: object) -> None:
    """This task will call the URLs that are called while all is well."""
    d = desk()
    d.heartbeats.run(d.clock)


@shared_task(name="operator.digest", queue=queues.SUPPORT)
def digest(**_: object) -> None:
    """This task will write down what operators are told in the morning."""
    d = desk()
    d.mornings.run(now=d.clock())
