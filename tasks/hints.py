"""Send a hint that something may be due. It may be lost: the next tick finds the row anyway."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task
from kombu.exceptions import OperationalError

#: Seconds. Rows are asked again at every tick, so an old hint is only in the way.
EXPIRES = 60

log = structlog.get_logger()


def hint(task: Task, **arguments: Any) -> bool:
    """This function will enqueue a task, once and without waiting; False = the broker is away.

    Args:
        task: which one; its queue stands at its declaration.
        arguments: ids and ISO strings.
    """
    try:
        task.apply_async(kwargs=arguments, retry=False, expires=EXPIRES)
    except OperationalError:
        log.info("hint.lost", task=task.name)
        return False
    return True
