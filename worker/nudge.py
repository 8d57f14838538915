"""Nudge a running daemon from another process."""

from __future__ import annotations

from config.settings import Settings
from tasks.hints import hint
from tasks.sync import sync_account
from worker.broker import broker_url
from worker.celery_app import make_app


def look_soon(settings: Settings, account_id: int) -> bool:
    """This function will ask the daemon to look at an account now; False = none is reached."""
    with make_app(settings, broker_url(settings)) as app:
        # Celery would try for six seconds to reach a broker that is not there.
        app.conf.broker_transport_options |= {"max_retries": 0}
        return hint(sync_account, account_id=account_id)
