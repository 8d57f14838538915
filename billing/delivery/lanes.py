"""The threads of one batch that wait for Wispro and for providers, so that rows need not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any

#: How many network calls of one batch wait at once.
LANES = 8
#: Seconds that what is over waits for company: rows are read and written for all of it in one go.
_LINGER = 0.02


class Lanes:
    """Runs jobs that wait for the network, a few at a time; rows are not theirs to touch.

    Args:
        width: how many at once; 0 = each at once and in this thread, one after the other.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._pool = ThreadPoolExecutor(width, "lane") if width else None
        self._running: dict[Future[Any], object] = {}

    @property
    def free(self) -> int:
        """How many more jobs may begin now."""
        return max(max(self._width, 1) - len(self._running), 0)

    @property
    def busy(self) -> int:
        """How many jobs are under way, or over and not taken."""
        return len(self._running)

    def start(self, tag: object, job: Callable[[], Any]) -> None:
        """Begin a job; `done` gives it back with its tag."""
        future: Future[Any] = Future()
        # Known before it begins: a signal may break `submit` off when a thread has the job already.
        self._running[future] = tag
        if self._pool is None:
            _do(future, job)
        else:
            # Whose work it is goes along: into the lines of the log, and above its spans.
            self._pool.submit(copy_context().run, _do, future, job)

    def done(self, timeout: float | None) -> list[tuple[object, Future[Any]]]:
        """Return the jobs that are over, waiting for one at most `timeout` seconds (None = any)."""
        if not self._running:
            return []
        over, others = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        if over and others:
            over, _ = wait(self._running, timeout=_LINGER, return_when=ALL_COMPLETED)
        return [(self._running.pop(one), one) for one in over]

    def cancel(self) -> list[object]:
        """Give up what no thread has taken up yet; return the tags, certain never to begin."""
        return [self._running.pop(one) for one in list(self._running) if one.cancel()]

    def finish(self, seconds: float) -> list[tuple[object, Future[Any]]]:
        """Return what is over within so many seconds, all of it if it can be."""
        over, _ = wait(self._running, timeout=seconds)
        return [(self._running.pop(one), one) for one in over]

    def close(self) -> None:
        """Let go of the threads; a job that is under way ends by its own time limit."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _do(future: Future[Any], job: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except BaseException as error:
        future.set_exception(error)
        if not isinstance(error, Exception):
            raise
