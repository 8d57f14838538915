"""Listen for the bots of ISPs, and look at once at whoever paired."""

from __future__ import annotations

from celery import shared_task

from tasks import queues
from tasks.desk import desk
from tasks.hints import hint
from tasks.sync import sync_account


@shared_task(name="telegram.poll", queue=queues.LISTEN)
def poll(**_: object) -> None:
    """This task will listen for every bot that nobody listens for, for some seconds."""
    d = desk()
    d.listening.run(d.clock, paired=lambda one: hint(sync_account, account_id=one))
