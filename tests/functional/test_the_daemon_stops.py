"""Told to stop in the middle of everything, the daemon leaves nothing that waits for a timeout."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import func, or_, select

from models.alert import Attempt, Delivery
from models.beat_lease import BeatLease
from models.bot import Bot
from models.isp import Isp
from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until
from tests.support.town import Town

pytestmark = on_sqlite

#: Customers; more than one batch of e-mails and more than one page of a sweep.
PEOPLE = 60
#: Platforms kill after 30 s.
STOPS_WITHIN = 29


def left_behind(town: Town) -> dict[str, int]:
    """Count what would have to wait for the end of a lease."""
    now = datetime.now(UTC)
    with town.house.database.read() as session:
        return {
            "claimed": session.scalar(select(func.count()).where(Delivery.state == "sending")) or 0,
            "unended attempts": session.scalar(
                select(func.count()).select_from(Attempt).where(Attempt.fate.is_(None))
            )
            or 0,
            "ISP leases": session.scalar(
                select(func.count()).select_from(Isp).where(Isp.sync_lease_until > now)
            )
            or 0,
            "bot leases": session.scalar(
                select(func.count()).select_from(Bot).where(Bot.lease_until > now)
            )
            or 0,
            "beat's lease": session.scalar(
                select(func.count())
                .select_from(BeatLease)
                .where(or_(BeatLease.until > now, BeatLease.seen_at > now))
            )
            or 0,
        }


def test_in_the_middle_of_a_delivery_run_and_of_a_sweep(
    make_town: Callable[..., Town], cli: Cli, inbox: Inbox
) -> None:
    """SIGTERM while e-mails are under way and pages are read: all is given back."""
    cli.settings |= {"SYNC_EVERY": "1", "TICK": "1", "CONCURRENCY": "1"}
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    people = [town.customer(f"Vecino{n} Prueba", email=f"v{n}@x.example") for n in range(PEOPLE)]
    town.settled(*people)
    for one in people:
        town.bill(one)
    town.sync()
    assert len(town.lines("planned")) == PEOPLE
    town.break_wispro("timeout", delay=0.7)  # each page takes its time
    inbox.hesitate = 1.0

    with cli.start("up") as daemon:
        assert inbox.received.wait(120), daemon.text[-20000:]
        wait_until(lambda: left_behind(town)["claimed"] > 4, seconds=60, what="a batch is claimed")
        wait_until(lambda: left_behind(town)["ISP leases"], seconds=60, what="a sweep is under way")
        daemon.descendants()
        daemon.signal(signal.SIGTERM)
        assert daemon.ends(seconds=STOPS_WITHIN) == 0, daemon.text[-20000:]
        assert "Traceback" not in daemon.text, daemon.text[-20000:]
        assert "supervisor.killed" not in daemon.text, daemon.text[-20000:]

    assert left_behind(town) == dict.fromkeys(left_behind(town), 0)
    sent = {line.state: line for line in town.lines()}
    assert set(sent) <= {"sent", "planned"}
    inbox.hesitate = 0
    town.mend_wispro()
    town.now = datetime.now(UTC)
    town.deliver()
    assert sorted(letter.recipient for letter in town.letters) == sorted(
        str(one.email) for one in people
    )
