"""Behind PgBouncer in transaction mode everything works: nothing outlasts its transaction."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from config.keys import new_key
from models import beat_lease, claims
from models.alert import Delivery
from models.database import Database
from models.schema import migrate
from tests.support.bouncers import Bouncer
from tests.support.cli import Cli
from tests.support.databases import PostgresServer
from tests.support.inbox import Inbox
from tests.support.town import Town
from wispro.sandbox.server import SandboxServer

pytestmark = pytest.mark.skipif(
    not shutil.which("pgbouncer"), reason="pgbouncer is not installed (apt install pgbouncer)"
)


@pytest.fixture
def bouncer(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the test an empty database behind a bouncer that has two connections to it."""
    direct = postgres.fresh(migrated=False)
    folder = tmp_path_factory.mktemp("bouncer")
    for one in (folder, *folder.parents[:3]):  # the bouncer's user must get there
        if str(one).startswith("/tmp/"):
            one.chmod(one.stat().st_mode | 0o011)
    with Bouncer(folder / "own", direct) as running:
        yield running.url
    postgres.drop(direct)


def test_the_bouncer_does_change_connections(bouncer: str) -> None:
    """What is prepared on one is not there on the other: the test can fail."""
    with (
        psycopg.connect(bouncer, prepare_threshold=0) as one,
        psycopg.connect(bouncer, prepare_threshold=0) as two,
    ):
        with pytest.raises(psycopg.errors.Error, match="prepared statement"):
            _ask_in_turns(one, two)
        for connection in (one, two):
            connection.close()


def _ask_in_turns(*several: psycopg.Connection) -> None:
    for _ in range(20):
        for connection in several:
            connection.execute("SELECT %s::int", [1])
            connection.commit()


def test_a_whole_round_and_many_who_claim_at_once(
    bouncer: str, home: Path, sandbox: SandboxServer, inbox: Inbox
) -> None:
    """Migrate, pair, look, plan, send; eight threads claim every delivery once; one beat ticks."""
    url = bouncer.replace("postgresql://", "postgresql+psycopg://")
    database = Database(url)
    migrate(database.engine)
    cli = Cli(home, DATABASE_URL=url, SECRET_KEY=new_key())
    with Town(cli, sandbox, inbox) as town:
        town.add_isp()
        people = [town.customer(f"Vecino{n} P", email=f"v{n}@x.example") for n in range(20)]
        town.settled(*people)
        for one in people:
            town.bill(one)
        town.go_round()
        assert town.kinds() == ["issued"] * 20

        town.wait(days=9)
        town.sync()
        due = len(town.lines("planned"))
        assert due == 20
        taken: list[int] = []

        def claim() -> None:
            for _ in range(due):
                with database.write() as session:
                    until = town.now + timedelta(minutes=6)
                    got = claims.claim(
                        session, town.isp_id, limit=3, now=town.now, lease_until=until
                    )
                taken.extend(delivery for delivery, _ in got)

        threads = [threading.Thread(target=claim) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == len(set(taken)) == due
        with database.read() as session:
            states = session.scalars(select(Delivery.state).where(Delivery.id.in_(taken)))
            assert set(states) == {"sending"}
        with database.write() as session:
            length = timedelta(seconds=15)
            assert beat_lease.take(session, token="a", host="h", pid=1, length=length)
            assert not beat_lease.take(session, token="b", host="h", pid=2, length=length)
    database.close()
