"""A broker and its workers by a clock that is set: first in first out, and hints that expire.

What a task costs is told, so that minutes of slow providers take milliseconds; which task runs next
is decided as Celery does, and what a task enqueues is its own affair.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tasks.hints import EXPIRES

#: What a task does when it begins; it returns the seconds that it takes.
Task = Callable[[], float]


@dataclass
class Rounds:
    """The broker, some children, and beat."""

    now: datetime
    children: int = 2
    _queue: deque[tuple[datetime, Task]] = field(default_factory=deque)
    _busy: list[tuple[datetime, int, list[Task]]] = field(default_factory=list)
    _count: int = 0
    _held: list[Task] | None = None

    def clock(self) -> datetime:
        """Return what the clock shows."""
        return self.now

    def enqueue(self, task: Task) -> None:
        """Put a hint at the end of the queue; a running task does so when it ends."""
        if self._held is None:
            self._queue.append((self.now + timedelta(seconds=EXPIRES), task))
        else:
            self._held.append(task)

    def run(self, *, until: datetime, beat: Task, every: float) -> None:
        """Let time pass; `beat` is enqueued every so many seconds."""
        tick = self.now
        while self.now < until:
            if self.now >= tick:
                self.enqueue(beat)
                tick += timedelta(seconds=every)
            self._start_what_can()
            self.now = min(self._busy[0][0], tick) if self._busy else tick
            while self._busy and self._busy[0][0] <= self.now:
                for task in heapq.heappop(self._busy)[2]:
                    self.enqueue(task)

    def _start_what_can(self) -> None:
        while self._queue and len(self._busy) < self.children:
            expires, task = self._queue.popleft()
            if expires <= self.now:
                continue
            held: list[Task] = []
            self._held = held
            seconds = task()
            self._held = None
            self._count += 1
            heapq.heappush(self._busy, (self.now + timedelta(seconds=seconds), self._count, held))
