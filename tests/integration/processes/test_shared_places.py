"""Places at a provider, in a real Valkey: two processes together never use more than there are."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from redis import Redis

from config.settings import Settings
from worker.broker import socket_path
from worker.passages import KEY_PREFIX
from worker.turns import Turns
from worker.valkey import EmbeddedValkey

GAP, PLACES = 0.05, 20


def send(turns: Turns, counted: list[float], number: int, seed: int) -> None:
    """Send messages that are counted at some moment of their way."""
    rng = random.Random(seed)  # noqa: S311 - jitter
    for _ in range(number):
        with turns.passing("bot", GAP):
            time.sleep(rng.uniform(0, 0.1))
            counted.append(time.monotonic())
            time.sleep(rng.uniform(0, 0.1))


def busiest(counted: list[float]) -> int:
    """Return how many were counted in the busiest second."""
    return max(sum(first <= at < first + 1 for at in counted) for first in counted)


def test_no_second_counts_more_than_there_are_places(valkey: EmbeddedValkey, home: Path) -> None:
    """Twelve lanes of two workers with more to send than may pass."""
    workers = [Turns(Settings(home=home), children=2) for _ in range(2)]
    counted: list[float] = []
    lanes = [
        threading.Thread(target=send, args=(workers[place % 2], counted, 6, place))
        for place in range(12)
    ]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    for one in workers:
        one.close()

    assert len(counted) == 72
    assert busiest(counted) <= PLACES


def test_without_the_broker_each_has_its_share(valkey: EmbeddedValkey, home: Path) -> None:
    """A worker that is alone keeps to half of the places, and forgets what is over."""
    valkey.stop()
    turns = Turns(Settings(home=home), children=2)
    counted: list[float] = []
    lanes = [threading.Thread(target=send, args=(turns, counted, 3, place)) for place in range(12)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    turns.close()

    assert len(counted) == 36
    assert busiest(counted) <= PLACES // 2


def test_a_place_whose_holder_died_is_free_again(valkey: EmbeddedValkey, home: Path) -> None:
    """It is kept with an end; the whole key goes with the last of them."""
    turns = Turns(Settings(home=home))
    with turns.passing("bot", GAP), Redis(unix_socket_path=str(socket_path(home))) as broker:
        ends = [at for _, at in broker.zrange(f"{KEY_PREFIX}bot", 0, -1, withscores=True)]
        assert [0 < at / 1e6 - time.time() < 61 for at in ends] == [True]
        assert 0 < int(broker.pttl(f"{KEY_PREFIX}bot")) <= 61_000
    turns.close()
