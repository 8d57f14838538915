"""Turns while the broker comes and goes, asked for by several lanes at once."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from worker.turns import Turns


class Lane(Turns):
    """A worker in which another lane finds the broker again while this one looks at the clock."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home), clock=self._meanwhile)

    def _meanwhile(self) -> float:
        self._lost_until = None
        return 100.0


def test_the_broker_may_come_back_while_a_lane_asks_for_it(tmp_path: Path) -> None:
    """What one lane learns of the broker makes no other stumble: its message has left, or may."""
    turns = Lane(tmp_path)
    turns._lost_until = 105.0

    with turns.passing("bot", 0.05):
        pass
    turns._lost_until = 105.0
    assert turns.reserve([("bot", 0.05)], within=1.0) >= 0.0
