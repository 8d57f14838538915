"""What no row says is counted by all processes together, in the broker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.settings import Settings
from worker.broker import broker_client
from worker.house import utc_now
from worker.pulse import feel
from worker.signs import Signs
from worker.tallies import Tallies, Tally
from worker.valkey import EmbeddedValkey


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of a home with an embedded broker."""
    return Settings(home=home)


@pytest.fixture
def counted(settings: Settings) -> Callable[[], dict[Tally, float]]:
    """What whoever watches finds."""

    def read() -> dict[Tally, float]:
        with broker_client(settings, timeout=2) as client:
            return dict(feel(client, settings, now=utc_now())[1])

    return read


def test_two_who_count_add_up(
    settings: Settings, valkey: EmbeddedValkey, counted: Callable[[], dict[Tally, float]]
) -> None:
    """Threads and processes side by side lose nothing."""
    assert valkey.answers()
    one, other = Tallies(settings), Tallies(settings)

    def count(place: int) -> None:
        (one if place % 2 else other).add("wispro_requests", "1", "ok")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(400)))
    one.add("lease_expiries", "uncertain", number=3)
    one.add("lease_expiries", "given_back", number=0)
    one.close()
    other.close()
    assert counted() == {
        Tally("wispro_requests", ("1", "ok")): 400,
        Tally("lease_expiries", ("uncertain",)): 3,
    }


def test_while_the_broker_is_away_counts_are_kept(
    settings: Settings, home: Path, counted: Callable[[], dict[Tally, float]]
) -> None:
    """They are handed over when it is back, and asking for it now and then costs no time."""
    now = [0.0]
    tallies = Tallies(settings, clock=lambda: now[0])
    for _ in range(50):
        tallies.add("wispro_requests", "1", "timeout")
    server = EmbeddedValkey(home)
    server.start()
    try:
        tallies.add("wispro_requests", "1", "timeout")
        assert counted() == {}
        now[0] += 60
        tallies.hand_over()
        assert counted() == {Tally("wispro_requests", ("1", "timeout")): 51}
    finally:
        tallies.close()
        server.stop()


def test_marks_are_seen_by_whoever_watches(settings: Settings, valkey: EmbeddedValkey) -> None:
    """A worker is there until it leaves; a mark is written every five seconds, not each time."""
    assert valkey.answers()
    now = [utc_now().timestamp()]
    signs = Signs(settings, clock=lambda: now[0])
    signs.worker("sync@one", ["sync"], [1])
    now[0] += 1
    signs.worker("sync@one", ["sync"], [1, 2])
    with broker_client(settings, timeout=2) as client:
        pulse, _ = feel(client, settings, now=utc_now())
        assert [(one.name, one.children, one.alive) for one in pulse.workers] == [
            ("sync@one", 1, True)
        ]
        assert [one.name for one in pulse.alive_on("sync")] == ["sync@one"]
        now[0] += 5
        signs.worker("sync@one", ["sync"], [1, 2])
        assert feel(client, settings, now=utc_now())[0].workers[0].children == 2
        client.hset("alerta:alive", "worker gone", '{"at": 1}')
        signs.leave("sync@one")
        assert feel(client, settings, now=utc_now())[0].workers == []
        assert client.hgetall("alerta:alive") == {}
