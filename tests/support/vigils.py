"""The daemon's rounds by a clock that is set: each kind of work alive or dead by itself."""

from __future__ import annotations

from datetime import timedelta

from billing.watch.ticks import Work
from tests.support.town import Town

#: Closer together than what counts as a gap of the daemon.
STEP = timedelta(minutes=12)


class Rounds:
    """Does in each round what beat would hint at, as far as it is alive.

    Attributes:
        alive: kinds of work whose workers run.
    """

    def __init__(self, town: Town) -> None:
        self.town = town
        self.alive = set(Work)

    def go(self, *, hours: float) -> None:
        """Let hours pass, with a round every twelve minutes."""
        ends = self.town.now + timedelta(hours=hours)
        while self.town.now < ends:
            self.town.now = min(self.town.now + STEP, ends)
            self.round()

    def round(self) -> None:
        """Do what is due now."""
        house, now = self.town.house, self.town.now
        if Work.LOOK in self.alive:
            for isp_id in house.sync.due_isps(now=now):
                house.sync.run(isp_id, clock=self.town.clock, trigger="schedule", due_only=True)
            house.ticks.note(Work.LOOK, now=now)
        if Work.PLAN in self.alive:
            house.planning.tick(now=now)
            house.ticks.note(Work.PLAN, now=now)
        if Work.SEND in self.alive:
            house.delivering.sweep(now=now)
            house.delivering.run_all(clock=self.town.clock, progress=lambda _: None)
            house.ticks.note(Work.SEND, now=now)
        if Work.WATCH in self.alive:
            house.watching.run(now=now)
            house.mornings.run(now=now)
            house.telling.run(self.town.clock)
            house.heartbeats.run(self.town.clock)
