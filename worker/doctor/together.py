"""Many checks at once, each with a deadline: one that hangs is a finding and holds nobody up."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from worker.doctor.finding import Finding

#: Checks that wait for the network at the same time.
MOST_AT_ONCE = 12


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Args:
        what: it is about; named in the finding if it does not end in time.
        look: looks, and says what it found.
        within: seconds.
        mend: what to do if it does not end.
    """

    what: str
    look: Callable[[], list[Finding]]
    within: float
    mend: str


def look_together(checks: Sequence[Check], *, within: float) -> list[Finding]:
    """This function will run checks side by side and return their findings in their order.

    The threads of those that hang are left behind; they end with the process.

    Args:
        checks: what to look at.
        within: seconds for all of them; who was not begun by then is said not to have been.
    """
    ends = time.monotonic() + within
    waiting: queue.SimpleQueue[_Run] = queue.SimpleQueue()
    runs = [_Run(check) for check in checks]
    for run in runs:
        waiting.put(run)
    busy = min(MOST_AT_ONCE, len(runs))
    for _ in range(busy):
        _Hand(waiting).start()
    found: list[Finding] = []
    for run in runs:
        while not run.over.is_set() and time.monotonic() < ends:
            if run.is_late() and not run.given_up:
                run.given_up = True
                _Hand(waiting).start()  # in the place of the one that hangs
                break
            run.over.wait(0.02)
        found += run.findings()
    while not waiting.empty():  # nobody begins anything any more
        try:
            waiting.get_nowait()
        except queue.Empty:
            break
    return found


class _Run:
    """A check that runs, ran, or has not begun."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.over = threading.Event()
        self.given_up = False
        self._began: float | None = None
        self._found: list[Finding] = []

    def go(self) -> None:
        self._began = time.monotonic()
        try:
            self._found = self.check.look()
        except Exception as error:  # noqa: BLE001 - one check that stumbles hides no other
            stumbled = f"the check broke off: {type(error).__name__}"
            self._found = [Finding(self.check.what, ok=False, found=stumbled, mend=self.check.mend)]
        self.over.set()

    def is_late(self) -> bool:
        return self._began is not None and time.monotonic() - self._began > self.check.within

    def findings(self) -> list[Finding]:
        if self.over.is_set():
            return self._found
        found = (
            "was not reached in time; others took too long"
            if self._began is None
            else f"no answer within {self.check.within:g} s"
        )
        return [Finding(self.check.what, ok=False, found=found, mend=self.check.mend)]


class _Hand(threading.Thread):
    """Takes one check after the other."""

    def __init__(self, waiting: queue.SimpleQueue[_Run]) -> None:
        super().__init__(name="doctor", daemon=True)
        self._waiting = waiting

    def run(self) -> None:
        while True:
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return
            one.go()
