"""The buckets that all workers and commands share: one per ISP, in the broker.

The library `limits` keeps them as moving windows: exact (no window of that length ever holds more),
one small list per ISP that expires by itself, taken in one Lua call. The instants are those of the
hosts, so hosts that share a broker need clocks that agree to a fraction of a second, as NTP gives.

Valkey is a hint here, as everywhere: a bucket that is lost, flushed, full, read-only or frozen
costs at most a second, and then the callers pace themselves until it is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from limits.storage import RedisStorage
from redis.exceptions import RedisError

from config.settings import Settings
from worker.broker import LateClient
from worker.pace import Rate

log = structlog.get_logger()

#: Every key is this and the number of the ISP: no secret, and none of Celery's.
KEY_PREFIX = "alerta:pace"
#: Seconds to connect, and to answer.
TIMEOUT = 0.5
#: Seconds before a broker that was lost is asked again.
ASK_AGAIN_AFTER = 5.0


class Buckets:
    """The shared buckets, as one process sees them; connects at the first call, so after a fork.

    Args:
        settings: say where the broker is.
        clock: seconds that only go forward.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._client = LateClient(settings, timeout=TIMEOUT)
        self._lock = threading.Lock()
        self._storage: RedisStorage | None = None
        self._lost_until: float | None = None

    def take(self, isp_id: int, rate: Rate) -> bool | None:
        """Take a token of an ISP's bucket.

        Returns:
            True if there was one, False if there was none, None if the broker cannot be asked.
        """
        lost_until = self._lost_until  # of several threads, another may forget it halfway
        if lost_until is not None and self._clock() < lost_until:
            return None
        try:
            taken = self._opened().acquire_entry(str(isp_id), rate.amount, rate.seconds)
        except (RedisError, OSError, ValueError) as error:  # ValueError: an address nobody reads
            if self._lost_until is None:
                log.info("pace.alone", why=type(error).__name__)
            self._lost_until = self._clock() + ASK_AGAIN_AFTER
            return None
        if self._lost_until is not None:
            log.info("pace.shared")
            self._lost_until = None
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _opened(self) -> RedisStorage:
        with self._lock:
            if self._storage is None:
                self._storage = RedisStorage(
                    "redis://",  # tells it which library to use; the pool knows the address
                    connection_pool=self._client().connection_pool,
                    key_prefix=KEY_PREFIX,
                )
            return self._storage
