"""When it runs. Beat only ticks; what is due, and until when, stands in rows.

Every entry expires before the next of its kind, so that a worker that comes back finds one hint
and not a thousand. Ticks are in UTC and by interval: no wall clock of any ISP is involved.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

from config.settings import Settings
from tasks import queues

#: Seconds; a run listens for about as long (`billing.listening.TURNS_FOR`).
LISTEN_TICK = 15.0


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """This function will return beat's entries for these settings."""
    tick = settings.tick.total_seconds()
    sync_tick = min(60.0, settings.sync_every.total_seconds())
    # While a run listens the next hint waits for its end: people who write are always heard.
    listen_tick = min(tick, LISTEN_TICK)
    return {
        "find ISPs to look at": _every(sync_tick, "sync.dispatch", queues.SYNC),
        "plan what has come due": _every(tick, "deliver.plan", queues.DELIVER),
        "find what to send": _every(tick, "deliver.dispatch", queues.DELIVER),
        "mend what broke off": _every(60.0, "deliver.sweep", queues.DELIVER),
        "watch for trouble": _every(60.0, "operator.watch", queues.SUPPORT),
        "tell operators": _every(tick, "operator.tell", queues.SUPPORT),
        "say that all is well": _every(min(60.0, 4 * tick), "operator.ping", queues.SUPPORT),
        "say what happened": _every(300.0, "operator.digest", queues.SUPPORT),
        "hear what people write": _every(listen_tick, "telegram.poll", queues.LISTEN),
        "close dead runs": _daily("maintenance.tidy", minute=17),
        "seal under the newest key": _daily("maintenance.reseal", minute=47),
    }


def _every(seconds: float, task: str, queue: str) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "options": {"queue": queue, "expires": seconds},
    }


def _daily(task: str, *, minute: int) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": crontab(hour="7", minute=str(minute)),
        "options": {"queue": queues.SUPPORT, "expires": 3600.0},
    }
