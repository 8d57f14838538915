"""The daemon: `alerta up` works by itself, stops cleanly, survives blows, leaves no process."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psutil
import pytest
from redis import Redis
from sqlalchemy import select, update

from models.isp import Isp
from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.processes import Running, wait_until
from tests.support.town import Town
from worker.broker import socket_path

pytestmark = on_sqlite

STARTS_WITHIN = 120


@pytest.fixture
def pressed(make_town: Callable[..., Town], cli: Cli) -> Town:
    """Build a town whose daemon looks every second, with one paired customer."""
    cli.settings |= {"SYNC_EVERY": "1", "TICK": "1", "CONCURRENCY": "1"}
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    town.settled(town.customer())
    return town


@pytest.fixture
def daemon(pressed: Town, cli: Cli) -> Iterator[Running]:
    """Run `alerta up`, already at work."""
    with cli.start("up") as running:
        at_work(pressed, running)
        yield running


def at_work(town: Town, daemon: Running) -> None:
    """Return once the daemon has looked at Wispro by its schedule."""
    before = town.state.served.total()
    wait_until(
        lambda: town.state.served.total() > before or daemon.process.poll() is not None,
        seconds=STARTS_WITHIN,
        what="the daemon looks at Wispro",
    )
    assert daemon.process.poll() is None, daemon.text
    daemon.descendants()


def gone(daemon: Running, *, seconds: float) -> None:
    """Insist that nothing the daemon ever started is still there."""
    wait_until(lambda: not daemon.orphans(), seconds=seconds, what=f"{daemon.orphans()} end")


def arrives(town: Town, daemon: Running, number: int) -> None:
    """Return once so many messages arrived and are known to have.

    A look that was killed half-way holds the ISP's lease for six minutes, by design. Nobody waits
    that long here: a lease that did not change hands for five seconds is a dead one's, and ends.
    """
    holder, since = None, time.monotonic()
    deadline = since + 180
    while len(town.letters) < number or len(town.lines("sent")) < number:
        assert time.monotonic() < deadline, (
            f"{len(town.letters)} of {number} messages came\n"
            f"{[(line.kind, line.state, line.reason) for line in town.lines()]}\n"
            f"{daemon.text[-6000:]}"
        )
        with town.house.database.read() as session:
            present = session.scalars(select(Isp.sync_lease_token)).one()
        if present is None or present != holder:
            holder, since = present, time.monotonic()
        elif time.monotonic() - since > 5:
            with town.house.database.write() as session:
                ended = update(Isp).where(Isp.sync_lease_token == holder)
                session.execute(ended.values(sync_lease_until=datetime.now(UTC)))
        time.sleep(0.1)


def test_it_looks_sends_and_stops_cleanly(pressed: Town, daemon: Running, inbox: Inbox) -> None:
    """By schedule it sends what is new; SIGTERM, even during a send, loses nothing and ends it."""
    inbox.hesitate = 2
    pressed.bill(pressed.state.clients[0])
    assert inbox.received.wait(60)
    names = [" ".join(one.cmdline()) for one in daemon.descendants()]
    assert sum("valkey" in name for name in names) == 1
    assert sum("beat" in name for name in names) == 1

    daemon.signal(signal.SIGTERM)

    assert daemon.ends(seconds=25) == 0, daemon.text
    gone(daemon, seconds=1)
    assert "Traceback" not in daemon.text
    assert not socket_path(pressed.cli.home).exists()
    assert pressed.kinds() == ["issued"]
    assert [(line.state, line.attempts) for line in pressed.lines()] == [("sent", 1)]


def test_killed_it_leaves_no_orphan(pressed: Town, daemon: Running) -> None:
    """After kill -9 of the supervisor the kernel tells its children, and they end by themselves."""
    assert len(daemon.descendants()) >= 6
    daemon.signal(signal.SIGKILL)
    daemon.process.wait()
    gone(daemon, seconds=30)
    before = pressed.state.served.total()
    time.sleep(2)
    assert pressed.state.served.total() == before, "somebody still looks at Wispro"


def test_whatever_is_killed_comes_back_and_each_alert_arrives_once(
    pressed: Town, daemon: Running
) -> None:
    """A pool child, two workers and Valkey killed, Valkey emptied: each alert still goes once."""
    ana = pressed.state.clients[0]
    deliverer = daemon.child("--queues", "deliver")
    wait_until(deliverer.children, seconds=STARTS_WITHIN, what="the deliverer has a pool")
    pool = deliverer.children()
    for one in pool:
        one.kill()
    pressed.bill(ana)
    arrives(pressed, daemon, 1)

    daemon.descendants()
    syncer = daemon.child("--queues", "sync")
    orphans = [*deliverer.children(), *syncer.children()]
    for one in (syncer, deliverer):
        one.kill()
    psutil.wait_procs(orphans, timeout=25)
    assert not [one for one in orphans if one.is_running()], "pool children outlived their parent"
    pressed.bill(ana)
    arrives(pressed, daemon, 2)
    assert daemon.child("--queues", "sync").pid != syncer.pid

    workers = {daemon.child("--queues", name).pid for name in ("sync", "deliver", "support")}
    valkey = daemon.child("valkey")
    valkey.kill()
    valkey.wait(timeout=30)
    pressed.bill(ana)
    arrives(pressed, daemon, 3)
    assert daemon.child("valkey").pid != valkey.pid
    assert workers == {
        daemon.child("--queues", name).pid for name in ("sync", "deliver", "support")
    }, "a worker's main process did not survive"

    with Redis(unix_socket_path=str(socket_path(pressed.cli.home))) as broker:
        broker.flushall()
    pressed.bill(ana)
    arrives(pressed, daemon, 4)

    daemon.signal(signal.SIGINT)
    assert daemon.ends(seconds=30) == 0
    gone(daemon, seconds=1)
    assert pressed.kinds() == ["issued"] * 4
    assert {line.state for line in pressed.lines()} == {"sent"}
