"""A database of any earlier release comes up to today with its rows, and goes back and up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from models.database import make_engine
from models.schema import migrate, present_revision, wanted_revision
from tests.support.processes import ROOT
from tests.support.upgrades import downgraded, filled, read_back, revisions, upgraded

#: The way back from here lays rows of other tables into one that had none for them.
OLDER = revisions()[:-1]
#: Emptied on the way, so that the next look fills a column that came with it.
MADE_ANEW = {("account", "fingerprint")}


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    """Give the test a database without any table."""
    made = make_engine(empty_database_url)
    yield made
    made.dispose()


@pytest.mark.parametrize("revision", OLDER)
def test_every_row_comes_along(engine: Engine, empty_database_url: str, revision: str) -> None:
    """Up to today, back and up again: each row is there, with what it held."""
    upgraded(empty_database_url, revision)
    before = filled(engine)
    assert before

    assert migrate(engine) == wanted_revision()
    after = read_back(engine)
    for name, row in before.items():
        (found,) = after[name]
        kept = [key for key in row if key in found and (name, key) not in MADE_ANEW]
        assert {key: found[key] for key in kept} == {key: row[key] for key in kept}

    downgraded(empty_database_url, revision)
    assert present_revision(engine) == revision
    back = read_back(engine)
    assert {name: len(rows) for name, rows in back.items() if name != "alembic_version"} == (
        dict.fromkeys(before, 1)
    )
    assert migrate(engine) == wanted_revision()
    assert {name: len(rows) for name, rows in read_back(engine).items()} == {
        name: len(rows) for name, rows in after.items()
    }


_KILLED = """
import os, signal, sys
from sqlalchemy import event
from models.database import make_engine
from models.schema import migrate
engine = make_engine(os.environ["URL"])
seen = [int(os.environ["AFTER"])]
def die(*_):
    seen[0] -= 1
    if seen[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(engine, "after_cursor_execute", die)
migrate(engine)
"""


@pytest.mark.parametrize("after", [20, 45, 70])
def test_a_migration_that_is_killed_changes_nothing(
    engine: Engine, empty_database_url: str, after: int
) -> None:
    """It is one transaction from the first statement to the last: the next try begins anew."""
    upgraded(empty_database_url, "0002")
    before = filled(engine)
    rows = read_back(engine)
    environment = {**os.environ, "URL": empty_database_url, "AFTER": str(after)}
    done = subprocess.run(
        [sys.executable, "-c", _KILLED],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert present_revision(engine) == "0002"
    assert read_back(engine) == rows
    assert migrate(engine) == wanted_revision()
    assert {name for name, found in read_back(engine).items() if found} >= set(before)
