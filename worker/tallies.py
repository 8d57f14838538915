"""Counts of what no row says, added up by all processes together in the broker.

Requests to Wispro by how they ended, claims that expired: whoever sees one counts it, keeps the
count for a moment, and hands it over with what came together. Whatever dies takes a second of
counting along, and an emptied broker begins at zero, which Prometheus takes for what it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError

from config.settings import Settings
from worker.broker import LateClient

log = structlog.get_logger()

KEY = "alerta:tallies"
#: Seconds between two deliveries to the broker, and after one that failed.
_EVERY = 2.0
_AGAIN_AFTER = 10.0
_TIMEOUT = 0.5


class Tally(NamedTuple):
    """What is counted: its name and what tells one from another; never anything of a customer."""

    name: str
    labels: tuple[str, ...]


class Tallies:
    """Counts in one process. Threads may count side by side.

    Args:
        settings: say where the broker is.
        clock: seconds that only go forward.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._client = LateClient(settings, timeout=_TIMEOUT)
        self._lock = threading.Lock()
        self._kept: dict[Tally, int] = {}
        self._hand_over_at = 0.0

    def add(self, name: str, *labels: str, number: int = 1) -> None:
        """Count; hand over if it is time."""
        if not number:
            return
        with self._lock:
            tally = Tally(name, labels)
            self._kept[tally] = self._kept.get(tally, 0) + number
        self.hand_over()

    def hand_over(self, *, at_once: bool = False) -> None:
        """Add what was counted to what the others did, if it is time or must be at once.

        What the broker does not take is kept.
        """
        with self._lock:
            if not self._kept or (self._clock() < self._hand_over_at and not at_once):
                return
            kept, self._kept = self._kept, {}
            self._hand_over_at = self._clock() + _EVERY
        try:
            pipe = self._client().pipeline(transaction=True)
            for tally, number in kept.items():
                pipe.hincrby(KEY, "|".join((tally.name, *tally.labels)), number)
            pipe.execute()
        except (RedisError, OSError, ValueError) as error:  # ValueError: an address nobody reads
            log.debug("tallies.kept", why=type(error).__name__)
            with self._lock:
                for tally, number in kept.items():
                    self._kept[tally] = self._kept.get(tally, 0) + number
                self._hand_over_at = self._clock() + _AGAIN_AFTER

    def close(self) -> None:
        """Hand over what is left, and close the connection."""
        self.hand_over(at_once=True)
        self._client.close()


def read(fields: Mapping[bytes, bytes]) -> dict[Tally, float]:
    """This function will read the broker's hash; what is no count is left out."""
    found: dict[Tally, float] = {}
    for field, value in fields.items():
        name, *labels = field.decode("utf-8", "replace").split("|")
        try:
            found[Tally(name, tuple(labels))] = float(value)
        except ValueError:
            continue
    return found
