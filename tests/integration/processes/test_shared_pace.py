"""All processes share one pace, in Valkey; without Valkey, each goes on by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest
from pydantic import SecretStr
from redis import Redis
from structlog.testing import capture_logs

from billing.ports import WisproAccess
from billing.values import ClientField
from config.settings import Settings
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT, wait_until
from tests.support.town import TOKEN
from wispro.sandbox.server import SandboxServer
from worker import broker, buckets
from worker.broker import socket_path
from worker.buckets import Buckets
from worker.house import House
from worker.pace import Rate, SharedPacer
from worker.valkey import EmbeddedValkey

PLENTY = Rate(1000, 1)
#: What a process does: wait for the signal to begin, then note the instant of each request.
CALLER = """
import json, sys, time
from pathlib import Path
from config.settings import Settings
from worker.buckets import Buckets
from worker.pace import SharedPacer
shared = Buckets(Settings(home=Path(sys.argv[1])))
pacer = SharedPacer(7, 20.0, shared.take, children=2)
print("ready", flush=True)
sys.stdin.readline()
passed, end = [], time.time() + 4
while time.time() < end:
    pacer()
    passed.append(time.time())
print(json.dumps(passed))
"""


@pytest.fixture
def now() -> list[float]:
    """Hold the seconds of the clock by which a lost broker is asked again."""
    return [0.0]


@pytest.fixture
def shared(valkey: EmbeddedValkey, home: Path, now: list[float]) -> Iterator[Buckets]:
    """Reach the buckets in it."""
    opened = Buckets(Settings(home=home), clock=lambda: now[0])
    assert opened.take(7, PLENTY) is True
    yield opened
    opened.close()


def admin(home: Path) -> Redis:
    """Return a client that looks into the server."""
    return Redis(unix_socket_path=str(socket_path(home)))


def freeze(valkey: EmbeddedValkey, _client: Redis) -> None:
    """Stop the server where it stands: it accepts connections and never answers."""
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGSTOP)


def thaw(valkey: EmbeddedValkey, _client: Redis) -> None:
    """Let it go on."""
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGCONT)


def kill(valkey: EmbeddedValkey, _client: Redis) -> None:
    """End the server without a word."""
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    wait_until(lambda: not valkey.answers(), seconds=30, what="Valkey is dead")


def revive(valkey: EmbeddedValkey, _client: Redis) -> None:
    """Start it again, as the supervisor does."""
    valkey.start()


def fill(_valkey: EmbeddedValkey, client: Redis) -> None:
    """Leave it no memory."""
    client.config_set("maxmemory", "1")


def empty(_valkey: EmbeddedValkey, client: Redis) -> None:
    """Give it its memory back."""
    client.config_set("maxmemory", "0")


def demote(_valkey: EmbeddedValkey, client: Redis) -> None:
    """Make it a replica that takes no writes."""
    client.replicaof("127.0.0.1", "1")


def promote(_valkey: EmbeddedValkey, client: Redis) -> None:
    """Make it a primary again."""
    client.replicaof("NO", "ONE")


def taken_later(shared: Buckets, now: list[float]) -> bool | None:
    """Ask when a lost broker may be asked again."""
    now[0] += buckets.ASK_AGAIN_AFTER
    return shared.take(7, PLENTY)


Act = Callable[[EmbeddedValkey, Redis], None]


def test_two_processes_share_one_bucket(valkey: EmbeddedValkey, home: Path) -> None:
    """At 20 a second two processes make 20 together, not 40, and none of them starves."""
    del valkey
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, str(home)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for caller in callers:
            assert caller.stdout is not None
            assert caller.stdout.readline() == "ready\n"
        passed = []
        for caller in callers:
            assert caller.stdin is not None
            caller.stdin.write("go\n")
            caller.stdin.flush()
        for caller in callers:
            out, _ = caller.communicate(timeout=60)
            passed.append(json.loads(out))
    finally:
        for caller in callers:
            caller.kill()
            caller.communicate()
    everything = sorted(passed[0] + passed[1])
    # in any two seconds 40 at most, and 80 if they did not share
    most = max(sum(begin <= at < begin + 2 for at in everything) for begin in everything)
    assert most <= 50
    assert len(everything) >= 30
    assert min(len(one) for one in passed) >= len(everything) / 4


@pytest.mark.parametrize(
    ("lose", "mend"),
    [(kill, revive), (freeze, thaw), (fill, empty), (demote, promote)],
    ids=["killed", "frozen", "full", "read-only"],
)
def test_a_lost_broker_never_stops_a_request(
    valkey: EmbeddedValkey, shared: Buckets, home: Path, now: list[float], lose: Act, mend: Act
) -> None:
    """Requests go on at their own pace at once, and share again later: one event for each."""
    pacer = SharedPacer(7, 1000.0, shared.take)
    with admin(home) as client, capture_logs() as logs:
        lose(valkey, client)
        began = time.monotonic()
        for _ in range(20):
            pacer()
        took = time.monotonic() - began
        assert shared.take(7, PLENTY) is None

        mend(valkey, client)
        assert shared.take(7, PLENTY) is None  # it is not asked again so soon
        wait_until(lambda: taken_later(shared, now), seconds=30, what="it is shared again")
        pacer()
    assert took < 10 * buckets.TIMEOUT  # twenty, if each had asked
    events = [entry["event"] for entry in logs if entry["event"].startswith("pace.")]
    assert events == ["pace.alone", "pace.shared"]


def test_a_broker_that_is_lost_is_asked_again_seldom(
    valkey: EmbeddedValkey, shared: Buckets, home: Path, now: list[float]
) -> None:
    """A frozen broker costs its timeout once in five seconds, not with each request."""
    with admin(home) as client:
        freeze(valkey, client)
        try:
            assert shared.take(7, PLENTY) is None
            now[0] = buckets.ASK_AGAIN_AFTER - 0.01
            began = time.monotonic()
            for _ in range(20):
                assert shared.take(7, PLENTY) is None
            assert time.monotonic() - began < 10 * buckets.TIMEOUT
            now[0] = buckets.ASK_AGAIN_AFTER
            began = time.monotonic()
            assert shared.take(7, PLENTY) is None
            assert time.monotonic() - began >= buckets.TIMEOUT
        finally:
            thaw(valkey, client)


def test_a_flushed_broker_forgets_the_bucket_and_nothing_else(shared: Buckets, home: Path) -> None:
    """Without its data and its scripts, the next request takes a token as before."""
    once = Rate(1, 100)
    assert [shared.take(8, once), shared.take(8, once)] == [True, False]
    with admin(home) as client, capture_logs() as logs:
        client.flushall()
        client.script_flush()
        assert [shared.take(8, once), shared.take(8, once)] == [True, False]
    assert logs == []


def test_a_connection_that_was_closed_while_it_idled_is_no_loss(
    shared: Buckets, home: Path
) -> None:
    """A firewall or a restart ends idle connections: the next question opens another."""
    with admin(home) as client, capture_logs() as logs:
        client.client_kill_filter(_type="normal", skipme=True)
        assert shared.take(7, PLENTY) is True
    assert logs == []


def test_threads_that_begin_together_share_one_connection(
    home: Path, valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lanes of a batch ask at once, in a process that has not asked before: none is cut off."""
    del valkey
    monkeypatch.setattr(broker, "broker_client", made := Mock(wraps=broker.broker_client))
    for _ in range(40):
        fresh, gate = Buckets(Settings(home=home)), threading.Barrier(8)

        def ask(fresh: Buckets = fresh, gate: threading.Barrier = gate) -> bool | None:
            gate.wait()
            return fresh.take(7, Rate(100_000, 1))

        made.reset_mock()
        with ThreadPoolExecutor(8) as lanes:
            answers = [lane.result() for lane in [lanes.submit(ask) for _ in range(8)]]
        fresh.close()
        assert answers == [True] * 8
        assert made.call_count == 1


@pytest.mark.parametrize(
    "url",
    ["redis://:hunter2@127.0.0.1:1/0", "sentinel://:hunter2@127.0.0.1:1/0?master=alerta"],
)
def test_a_broker_that_was_never_there_is_no_error(url: str, home: Path) -> None:
    """Nobody listens, or the address is of a kind we cannot ask; its password stays out of logs."""
    never = Buckets(Settings(home=home, redis_url=SecretStr(url)))
    with capture_logs() as logs:
        assert never.take(7, PLENTY) is None
        assert never.take(7, PLENTY) is None
    never.close()
    assert [entry["event"] for entry in logs] == ["pace.alone"]
    assert "hunter2" not in str(logs)


def test_the_bucket_of_an_isp_is_one_key_without_a_secret(shared: Buckets, home: Path) -> None:
    """The key names the ISP by its number, and is gone by itself after its window."""
    assert shared.take(12, Rate(5, 2)) is True
    with admin(home) as client:
        assert sorted(client.keys("*")) == [b"alerta:pace:12", b"alerta:pace:7"]
        assert 0 < client.pttl("alerta:pace:12") <= 2000


@on_sqlite
def test_one_process_has_one_pace_per_isp_and_rate(cli: Cli) -> None:
    """Every client of an ISP is paced by the same, until its rate is changed."""
    house = House(Settings(home=cli.home))
    assert house._pacer(1, 2.0) is house._pacer(1, 2.0)
    assert house._pacer(1, 2.0) is not house._pacer(2, 2.0)
    assert house._pacer(1, 2.0) is not house._pacer(1, 3.0)
    house.close()


@on_sqlite
def test_a_command_by_hand_takes_from_the_bucket_of_the_daemon(
    valkey: EmbeddedValkey, cli: Cli, sandbox: SandboxServer
) -> None:
    """Two houses on one home, a command's and a child's, take from the same bucket."""
    del valkey
    settings = Settings(home=cli.home)
    access = WisproAccess(
        isp_id=41, base_url=sandbox.base_url, token=TOKEN, requests_per_second=1000.0
    )
    houses = [House(settings), House(settings, children=5)]
    try:
        for house in houses:
            house.wispro(access).find_clients(ClientField.PUBLIC_ID, "1")
            house.wispro(access).find_clients(ClientField.PUBLIC_ID, "1")
        with admin(cli.home) as client:
            assert client.llen("alerta:pace:41") == 4
    finally:
        for house in houses:
            house.close()
