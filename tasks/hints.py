"""Send a hint that something may be due. It may be lost: the next tick finds the row anyway."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from celery import Task
from kombu.exceptions import OperationalError

#: Seconds. Rows are asked again at every tick, so an old hint is only in the way.
EXPIRES = 60

log = structlog.get_logger()


def hint(task: Task, *, wait: timedelta = timedelta(0), **arguments: Any) -> bool:
    """This function will enqueue a task, once and without waiting; False = the broker is away.

    Args:
        task: which one; its queue stands at its declaration.
        wait: how long it rests first: a minute at most, since a longer wait belongs into a row.
        arguments: ids and ISO strings.
    """
    try:
        seconds = wait.total_seconds()
        task.apply_async(
            kwargs=arguments, retry=False, countdown=seconds or None, expires=seconds + EXPIRES
        )
    except OperationalError:
        log.info("hint.lost", task=task.name)
        return False
    return True
