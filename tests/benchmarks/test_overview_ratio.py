"""Whoever watches pays for ISPs and for what is open, not for history; ratios, never seconds."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from billing.overview import read_overview
from models.database import Database
from tests.benchmarks.installation import NOW, Installation, fill

#: The same 1 000 deliveries ended today and 1 000 wait; behind them are 10 days, or 200.
YOUNG = Installation(isps=50, accounts_each=100, deliveries=11_000, waiting=1_000, days=10)
OLD = Installation(isps=50, accounts_each=100, deliveries=201_000, waiting=1_000, days=200)
#: One turn within the bound is enough: noise gets another chance.
MOST, TURNS = 1.5, 6

pytestmark = pytest.mark.xdist_group("ratios")


def test_what_was_ever_sent_costs_nothing(tmp_path: Path, sqlite_template: Path) -> None:
    """Twenty times the history takes as long to look at."""
    young = _made(sqlite_template, tmp_path / "young.db", YOUNG)
    old = _made(sqlite_template, tmp_path / "old.db", OLD)
    best = float("inf")
    for _ in range(TURNS):
        best = min(best, _look(old) / _look(young))
        if best <= MOST:
            break
    young.close()
    old.close()
    assert best <= MOST


def _made(template: Path, file: Path, size: Installation) -> Database:
    shutil.copyfile(template, file)
    database = Database(f"sqlite:///{file}")
    fill(database, size)
    _look(database)
    return database


def _look(database: Database) -> float:
    """Return the CPU seconds of the fastest of three looks."""
    taken = []
    for _ in range(3):
        begun = time.process_time()
        overview = read_overview(database, now=NOW, every=timedelta(minutes=30))
        taken.append(time.process_time() - begun)
        assert (overview.totals.isps, overview.totals.waiting) == (50, 1_000)
    return min(taken)
