"""Beat that ticks only while it holds the lease; else it stands by and takes over.

A beat that goes without a word is replaced after `LEASE` and one `ASK_EVERY`: 20 s. One that is
told to stop gives its lease back, and is replaced at the next asking. Clocks of hosts do not
matter: the lease goes by the database's.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from celery.beat import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from config.settings import load_settings
from models import beat_lease
from models.database import Database

log = structlog.get_logger()

LEASE = timedelta(seconds=15)
#: Seconds between two askings; a third of the lease, so that one may be lost.
ASK_EVERY = 5.0


class Turn:
    """The right to tick, as one process has it.

    Args:
        database: where the lease is.
        clock: seconds that only go forward.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._token = str(uuid.uuid4())
        self._asked_at: float | None = None
        self._ticks: bool | None = None

    def is_ours(self) -> bool:
        """Whether this process may tick now; asks the database now and then."""
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < ASK_EVERY * 0.9:
            return bool(self._ticks)
        ticks = self._ask()
        # When the answer was asked for: a database that takes long makes nobody's lease longer.
        self._asked_at = now
        if ticks != self._ticks:
            says = {True: "beat.ticks", False: "beat.stands_by", None: "beat.no_database"}
            log.info(says[ticks])
        self._ticks = ticks
        return bool(ticks)

    def give(self) -> None:
        """Let the next one take over at once."""
        try:
            with self._database.write() as session:
                beat_lease.give(session, token=self._token)
        except SQLAlchemyError:
            log.info("beat.no_database")
        self._database.close()

    def _ask(self) -> bool | None:
        """Return whether we tick; None = nobody knows, and nothing could be done anyway."""
        try:
            with self._database.write() as session:
                return beat_lease.take(
                    session,
                    token=self._token,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    length=LEASE,
                )
        except SQLAlchemyError:
            return None


class LeasedScheduler(Scheduler):  # type: ignore[misc]
    """Celery's own scheduler, behind a lease."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._turn = Turn(Database(load_settings().database))
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due if it is our turn; return in how many seconds to come again."""
        if not self._turn.is_ours():
            return ASK_EVERY
        return min(float(super().tick(*args, **kwargs)), ASK_EVERY)

    def close(self) -> None:
        """End, and let another one take over."""
        self._turn.give()
        super().close()
