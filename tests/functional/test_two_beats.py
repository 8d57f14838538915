"""Two hosts with a beat each: one ticks, the other takes over when it goes without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import beat_lease
from models.beat_lease import BeatLease
from models.database import Database
from tests.support.brokers import OwnValkey
from tests.support.cli import Cli
from tests.support.processes import Running, wait_until
from worker.beat import ASK_EVERY, LEASE

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


def test_the_other_takes_over(cli: Cli, database: Database, tmp_path: Path) -> None:
    """Nobody does anything for it; people see who ticks and who stands by."""

    def ticking() -> BeatLease | None:
        with database.read() as session:
            return beat_lease.read(session)

    def beat(name: str) -> Running:
        return cli.start("beat", log=f"{name}.log", TICK="1")

    with OwnValkey(tmp_path / "broker") as broker:
        cli.settings["REDIS_URL"] = broker.url
        with beat("one") as one:
            wait_until(ticking, seconds=60, what="the first ticks")
            first = ticking()
            assert first is not None
            with beat("two") as two:
                wait_until(lambda: "beat.stands_by" in two.text, seconds=60, what="it stands by")
                said = {f["what"]: f for f in cli.here("doctor", "--json").json}
                assert said["beat"]["level"] == "ok"
                assert "stood by" in said["beat"]["found"]
                for process in (*one.descendants(), one.process):
                    process.kill()
                within = LEASE.total_seconds() + 2 * ASK_EVERY + 5  # five for a busy machine
                wait_until(lambda: "beat.ticks" in two.text, seconds=within, what="it takes over")
                now = ticking()
                assert now is not None
                assert now.token != first.token
                assert now.since > first.seen_at
