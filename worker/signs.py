"""Signs of life: what beat and the workers leave in the broker, so that anybody can see them.

Each mark is one field of one hash, overwritten every few seconds by whoever it is about; who is
dead stops writing. Nothing is decided by them: rows carry the truth, and a lost mark is back in
seconds. A message carries when it was put, so that the queues can say how long it has waited.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from config.settings import Settings
from worker.broker import LateClient

log = structlog.get_logger()

KEY = "alerta:alive"
#: Header of a message: when it was put, in seconds since 1970.
PUT_AT = "put_at"
#: Seconds between two marks of one process, and for the broker to take one.
MARK_EVERY = 5.0
_TIMEOUT = 0.5


class Child(msgspec.Struct, frozen=True):
    """One child of a worker, and the memory that it holds."""

    pid: int
    bytes: int | None


class WorkerSign(msgspec.Struct, frozen=True):
    """What a worker says of itself; `at` in seconds since 1970."""

    name: str
    host: str
    pid: int
    queues: list[str]
    children: list[Child]
    at: float


class BeatSign(msgspec.Struct, frozen=True):
    """When beat last put a message."""

    host: str
    pid: int
    at: float


class Signs:
    """Leaves the marks of one process.

    A broker that does not take them costs half a second every five, and nothing else: the next mark
    tries again.

    Args:
        settings: say where the broker is.
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._client = LateClient(settings, timeout=_TIMEOUT)
        self._marked = 0.0

    def worker(self, name: str, queues: Sequence[str], children: Sequence[int]) -> None:
        """Mark that a worker lives, with the ids of its children."""
        if not self._is_time():
            return
        sign = WorkerSign(
            name=name,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=sorted(queues),
            children=[Child(pid=pid, bytes=resident_bytes(pid)) for pid in children],
            at=self._clock(),
        )
        self._write(f"worker {name}", sign)

    def beat(self) -> None:
        """Mark that beat just put a message."""
        if not self._is_time(every=1.0):
            return
        host = socket.gethostname()
        self._write(f"beat {host}", BeatSign(host=host, pid=os.getpid(), at=self._clock()))

    def leave(self, name: str) -> None:
        """Take the mark of a worker away, that ends as it was told to."""
        try:
            self._client().hdel(KEY, f"worker {name}")
        except (RedisError, OSError, ValueError):
            return

    def _is_time(self, *, every: float = MARK_EVERY) -> bool:
        now = self._clock()
        if abs(now - self._marked) < every:
            return False
        self._marked = now
        return True

    def _write(self, field: str, sign: WorkerSign | BeatSign) -> None:
        try:
            self._client().hset(KEY, field, msgspec.json.encode(sign))
        except (RedisError, OSError, ValueError) as error:  # ValueError: an address nobody reads
            log.debug("signs.lost", why=type(error).__name__)


def resident_bytes(pid: int) -> int | None:
    """This function will return the memory that a process holds; None where nobody can tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def stamp(headers: dict[str, Any]) -> None:
    """This function will note on a message when it was put."""
    headers[PUT_AT] = time.time()
