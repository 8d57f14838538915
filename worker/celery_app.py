"""The Celery app: settings as `engine.md` arrives at them, and what a child builds for itself."""

from __future__ import annotations

import os
import warnings
from typing import Any

import billiard.pool
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import (
    beat_init,
    setup_logging,
    task_postrun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)

from config.settings import Settings
from tasks import queues
from worker import kombu_guard, logs, signals
from worker.broker import GLOBAL_PREFIX, transport_options
from worker.readiness import say_ready
from worker.schedule import schedule
from worker.traces import Traces

TASK_MODULES = (
    "tasks.sync",
    "tasks.deliver",
    "tasks.maintenance",
    "tasks.operator",
    "tasks.telegram",
)


def make_app(settings: Settings, broker_url: str) -> Celery:
    """This function will return the app of one process.

    Args:
        settings: of this process.
        broker_url: of Redis or Valkey.
    """
    kombu_guard.install()
    no_false_alarm()
    app = Celery("alerta", broker=broker_url, include=list(TASK_MODULES), set_as_current=True)
    app.conf.update(
        # Rows carry the truth: no result is kept, a lost message costs one tick.
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        task_default_queue=queues.SYNC,
        task_create_missing_queues=True,
        # Each alone loses tasks, together they do not (engine.md, rule 11).
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_timeout=False,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=queues.SOFT_LIMIT,
        task_time_limit=queues.HARD_LIMIT,
        # A connection loss redelivers what is running: the first copy must stop.
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": queues.VISIBILITY_TIMEOUT,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": not broker_url.startswith("redis+socket"),
            "health_check_interval": 25,
            "global_keyprefix": GLOBAL_PREFIX,
            **transport_options(settings),
        },
        # Celery's own soft shutdown sleeps its whole time even if the tasks end earlier, and then
        # does not acknowledge them: the supervisor bounds a warm one instead.
        worker_soft_shutdown_timeout=0,
        # What leaks in libraries ends with its child.
        worker_max_tasks_per_child=2000,
        worker_max_memory_per_child=300_000,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_concurrency=settings.concurrency,
        beat_schedule=schedule(settings),
    )
    _connect_signals(settings)
    return app


def no_false_alarm() -> None:
    """This function will keep Celery from taking a user without a name for root.

    systemd's DynamicUser and containers give us an id that no file names, and Celery then warns of
    "superuser privileges" at each start of each worker. Of root itself it still warns.
    """
    if os.geteuid():
        warnings.filterwarnings("ignore", category=SecurityWarning)


def _connect_signals(settings: Settings) -> None:
    signals.connect(settings)

    @setup_logging.connect(weak=False)
    def _own_logs(**_: Any) -> None:
        logs.configure(settings)

    @worker_ready.connect(weak=False)
    @beat_init.connect(weak=False)
    def _ready(**_: Any) -> None:
        say_ready()

    @worker_init.connect(weak=False)
    def _load_once(**_: Any) -> None:
        # What the parent loads, its children share; nothing is sent or connected here.
        from notifications.door import warm  # noqa: PLC0415 - beat needs none of it
        from worker.loading import load_rooms  # noqa: PLC0415

        # A child whose last result nobody collects, because its parent stops, would wait for 30 s:
        # 300 times 0.1 s. The message of that task comes back, and finds nothing to do.
        billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 30
        warm()
        load_rooms()

    @worker_process_init.connect(weak=False)
    def _lay_desk(**_: Any) -> None:
        # Nothing that talks to the outside survives a fork, so a child builds its own.
        from worker.house import House  # noqa: PLC0415 - beat needs none of it

        house = House(settings, children=queues.children(settings.concurrency))
        house.after_fork()
        house.lay_desk()
        house.traces = Traces(settings)
        _houses.append(house)

    @task_postrun.connect(weak=False)
    def _hand_over(**_: Any) -> None:
        for house in _houses:
            house.tallies.hand_over()

    @worker_process_shutdown.connect(weak=False)
    def _close(**_: Any) -> None:
        while _houses:
            _houses.pop().close()


_houses: list[Any] = []
