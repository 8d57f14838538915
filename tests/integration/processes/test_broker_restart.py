"""Valkey dies with a task in flight: the worker stays, and the work is done in the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from billing.ending import LEASE
from tasks.deliver import dispatch
from tasks.hints import hint
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import Running, wait_until
from tests.support.town import Town
from worker.broker import broker_url
from worker.celery_app import make_app
from worker.processes import worker_children
from worker.valkey import EmbeddedValkey

pytestmark = on_sqlite


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """Build a town in the present, with one reminder to send."""
    built = make_town(now=datetime.now(UTC))
    built.add_isp()
    ana = built.customer()
    built.settled(ana)
    built.bill(ana)
    assert built.sync().deliveries == 1
    return built


@pytest.fixture
def valkey(cli: Cli) -> Iterator[EmbeddedValkey]:
    """Run a broker."""
    server = EmbeddedValkey(cli.home)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def worker(town: Town, cli: Cli, valkey: EmbeddedValkey) -> Iterator[Running]:
    """Run one Celery worker of the daemon, without its supervisor."""
    del valkey
    (child,) = worker_children(town.settings, ["deliver"])
    log = cli.home / "worker.log"
    with Running(list(child.command), environment=cli.environment(), log=log) as running:
        wait_until(lambda: "ready" in running.text, seconds=40, what="the worker is ready")
        yield running


def kept(valkey: EmbeddedValkey) -> bool:
    """Do what the supervisor does five times a second; return whether the server answers."""
    valkey.keep()
    return valkey.answers()


def tell(town: Town) -> bool:
    """Tick, as beat would."""
    with make_app(town.settings, broker_url(town.settings)):
        return hint(dispatch)


def test_the_worker_survives_a_killed_broker_and_the_alert_goes_once(
    town: Town, worker: Running, valkey: EmbeddedValkey
) -> None:
    """With a late-ack task in flight, kill -9 of Valkey costs time, but no worker and no alert."""
    town.break_wispro("timeout", path="invoicing/invoices/", delay=3, times=1)
    assert tell(town)
    wait_until(lambda: town.lines("sending"), seconds=40, what="the task is in flight")

    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    wait_until(lambda: not valkey.answers(), seconds=30, what="Valkey is dead")
    lost = "Connection to broker lost"
    wait_until(lambda: lost in worker.text or worker.process.poll(), seconds=40, what=lost)
    wait_until(lambda: kept(valkey), seconds=30, what="Valkey is back")
    again = worker.text.count("Connected to")
    wait_until(
        lambda: worker.process.poll() is not None or worker.text.count("Connected to") > again,
        seconds=40,
        what="the worker is connected again",
    )
    time.sleep(1)
    assert worker.process.poll() is None, worker.text[-3000:]

    if town.lines("sending"):  # the first copy was cancelled: its claim runs out
        town.now = datetime.now(UTC) + LEASE
        assert town.house.delivering.sweep(now=town.now) == (1, 0)
    town.now = datetime.now(UTC)

    for _ in range(60):  # what lies in Valkey may be lost; the next tick tells again
        if town.lines("sent"):
            break
        tell(town)
        time.sleep(0.5)
    for _ in range(3):
        tell(town)
    worker.signal(signal.SIGTERM)
    assert worker.ends(seconds=20) == 0
    assert town.kinds() == ["issued"]
    assert [line.state for line in town.lines()] == ["sent"]
