"""Ask what may hang, and know within a given time that it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLongError
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds after which a question that hangs is given up and asked anew.
_GIVE_UP_AFTER = 20.0
#: Questions that hang at once; more are not asked until one of them ends.
_MOST_HANGING = 3


class NoAnswerError(Exception):
    """There was no answer in time; the text says so."""


def answer_of(asked: Future[T], *, within: float) -> T:
    """This function will return the answer to a question.

    Args:
        asked: by a probe.
        within: seconds to wait for it.

    Raises:
        NoAnswerError: if there is none in time.
    """
    try:
        return asked.result(timeout=within)
    except TookTooLongError:
        if asked.done():  # what was asked ran into a time limit of its own
            raise
        raise NoAnswerError("does not answer in time") from None


class Probe(Generic[T]):
    """Asks one thing in a thread of its own; who asks at the same time gets the same answer.

    Args:
        ask: may take long, hang, or raise.
        clock: seconds that only go forward.
    """

    def __init__(
        self, ask: Callable[[], T], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: Future[T] | None = None
        self._asked_at = 0.0
        self._hanging: list[Future[T]] = []

    def __call__(self, *, within: float) -> T:
        """Return the answer; raises what asking raises, and as `answer_of` does."""
        return answer_of(self.ask(), within=within)

    def ask(self) -> Future[T]:
        """Begin to ask, or join who does; `answer_of` waits for the answer."""
        with self._lock:
            now = self._clock()
            present = self._under_way
            if present is not None and not present.done():
                self._hanging = [one for one in self._hanging if not one.done()]
                if now - self._asked_at < _GIVE_UP_AFTER or len(self._hanging) >= _MOST_HANGING:
                    return present
                self._hanging.append(present)
            future: Future[T] = Future()
            self._under_way, self._asked_at = future, now
        threading.Thread(target=self._answer, args=(future,), daemon=True).start()
        return future

    def _answer(self, future: Future[T]) -> None:
        try:
            future.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            future.set_exception(error)
