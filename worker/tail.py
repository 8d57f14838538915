"""Counters that only go up, made of rows: each row is counted once, whoever wrote it.

A counter begins at zero with the process that counts; Prometheus knows what to make of that. Rows
become visible in another order than the one they were written in, so the last two minutes are read
again each time, and what was counted is known by its id.
"""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models import tail
from models.database import Database

#: A transaction of ours lasts seconds at most; clocks of hosts differ by less than the rest.
_AGAIN = timedelta(minutes=2)
#: Runs that are begun and not seen yet have ids at most so far below the youngest.
_RUNS_AGAIN = 200
#: Seconds of a run.
DURATIONS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


@dataclass(slots=True)
class Durations:
    """A histogram of seconds: how many fell into each class, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(DURATIONS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(DURATIONS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Happened:
    """What was counted; keys begin with the id of the ISP."""

    deliveries: Counter[tuple[int, str, str, str]] = field(default_factory=Counter)
    runs: Counter[tuple[int, str]] = field(default_factory=Counter)
    requests: Counter[int] = field(default_factory=Counter)
    changes: Counter[int] = field(default_factory=Counter)
    alerts: Counter[int] = field(default_factory=Counter)
    durations: dict[str, Durations] = field(default_factory=dict)


class Tail:
    """Follows the rows.

    Args:
        database: rows.
        now: from when on it counts.
    """

    def __init__(self, database: Database, *, now: datetime) -> None:
        self._database = database
        self._since = now
        self._read_at = now
        self._counted: dict[tuple[int, datetime], None] = {}
        self._youngest: int | None = None
        self._first = 0
        self._open: set[int] = set()
        self._ended: set[int] = set()
        self._lock = threading.Lock()
        self.happened = Happened()

    def advance(self, *, now: datetime) -> Happened:
        """Count what happened since the last time; return all that was counted."""
        with self._lock, self._database.read() as session:
            self._deliveries(session, now=now)
            self._runs(session)
        return self.happened

    def _deliveries(self, session: Session, *, now: datetime) -> None:
        since = max(self._since, self._read_at - _AGAIN)
        for row in tail.settled_since(session, since):
            key = (row.id, row.settled_at)
            if key not in self._counted:
                self._counted[key] = None
                labels = (row.isp_id, row.route, row.state, row.reason or "")
                self.happened.deliveries[labels] += 1
        oldest = now - _AGAIN
        self._counted = {key: None for key in self._counted if key[1] >= oldest}
        self._read_at = now

    def _runs(self, session: Session) -> None:
        if self._youngest is None:
            self._youngest = self._first = tail.last_run_before(session, self._since)
        after = max(self._youngest - _RUNS_AGAIN, self._first)
        for run in tail.runs_after(session, after, besides=self._open):
            self._youngest = max(self._youngest, run.id)
            if run.outcome is None:
                self._open.add(run.id)
                continue
            self._open.discard(run.id)
            if run.id not in self._ended:
                self._ended.add(run.id)
                self._count(run)
        self._ended = {one for one in self._ended if one > self._youngest - 2 * _RUNS_AGAIN}

    def _count(self, run: tail.Run) -> None:
        assert run.outcome is not None
        self.happened.runs[run.isp_id, run.outcome] += 1
        self.happened.requests[run.isp_id] += run.requests
        self.happened.changes[run.isp_id] += run.changed
        self.happened.alerts[run.isp_id] += run.alerts
        self.happened.durations.setdefault(run.mode, Durations()).add(run.ms / 1000)
