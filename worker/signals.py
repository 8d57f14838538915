"""What Celery tells of itself: signs of life for the broker, the task's name for each log line."""

from __future__ import annotations

import time
from typing import Any

import structlog
from billiard.process import active_children
from celery import current_app
from celery.signals import (
    after_task_publish,
    beat_init,
    before_task_publish,
    heartbeat_sent,
    task_postrun,
    task_prerun,
    worker_shutdown,
)

from config.settings import Settings
from worker.signs import Signs, stamp

log = structlog.get_logger()


def connect(settings: Settings) -> None:
    """This function will listen to Celery in this process, and in those that it forks."""
    signs = Signs(settings)

    def stamp_it(headers: dict[str, Any] | None = None, **_: Any) -> None:
        if headers is not None:
            stamp(headers)

    def live(sender: Any = None, **_: Any) -> None:
        queues = list(current_app.amqp.queues.consume_from)
        signs.worker(sender.eventer.hostname, queues, [one.pid for one in active_children()])

    def leave(sender: Any = None, **_: Any) -> None:
        signs.leave(sender.hostname)

    def begin_to_tick(**_: Any) -> None:
        after_task_publish.connect(tick, weak=False)

    def tick(**_: Any) -> None:
        signs.beat()

    for signal, receiver in (
        (before_task_publish, stamp_it),
        (heartbeat_sent, live),
        (worker_shutdown, leave),
        (beat_init, begin_to_tick),
        (task_prerun, _name_the_task),
        (task_postrun, _unname_the_task),
    ):
        signal.connect(receiver, weak=False)


_begun: dict[str, float] = {}


def _name_the_task(task_id: str, task: Any, **_: Any) -> None:
    _begun[task_id] = time.monotonic()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


def _unname_the_task(task_id: str, state: str | None = None, **_: Any) -> None:
    seconds = time.monotonic() - _begun.pop(task_id, time.monotonic())
    # What did something has said so in a line of its own; this is for whoever wants all of them.
    log.debug("task.finished", state=state, ms=round(seconds * 1000))
    structlog.contextvars.clear_contextvars()
