"""The broker emptied and restarted while messages leave."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.chaos.hastening import unended
from tests.chaos.sink import Sink
from tests.chaos.stage import Stage
from tests.chaos.victims import Kind, find, kill_one
from tests.support.processes import Running, wait_until
from worker.broker import answers, socket_path

#: Seconds between two blows, beyond what is drawn. At each a child is told to stop, and needs about
#: one to write down what it knows; told twice, it dies at once. That is the storm's business.
_APART = 3.0
#: Seconds that a new Valkey may take on a loaded machine.
_BACK_WITHIN = 60


def flush_and_restart(
    stage: Stage[Sink], daemon: Running, name: str, times: int, *, apart: float, seconds: float
) -> int:
    """This function will empty a daemon's Valkey and kill it, again and again while messages leave.

    Args:
        stage: with messages that leave.
        daemon: on its embedded Valkey.
        name: under which the stage started it.
        times: at most.
        apart: seconds at most from a message to the next blow.
        seconds: at most; there is no further blow once they are over, or nothing is left to send.

    Returns:
        How often it was done.
    """
    deadline = time.monotonic() + seconds
    socket = socket_path(stage.folder / name)
    for done in range(times):
        while not stage.sink.grows(len(stage.sink.taken), seconds=1):
            if time.monotonic() > deadline or not unended(stage):
                return done
        time.sleep((_APART if done else 0) + stage.rng.uniform(0, apart))
        empty(stage, name)
        before = {one.pid for one in find(daemon, Kind.VALKEY)}
        assert kill_one(daemon, Kind.VALKEY, stage.rng), daemon.text[-6000:]
        wait_until(
            partial(_is_back, daemon, before, socket), seconds=_BACK_WITHIN, what="Valkey is back"
        )
    return times


def _is_back(daemon: Running, before: set[int], socket: Path) -> bool:
    return bool({one.pid for one in find(daemon, Kind.VALKEY)} - before) and answers(socket)


def empty(stage: Stage[Sink], name: str) -> bool:
    """FLUSHALL; False = the broker is away just now."""
    with Redis(unix_socket_path=str(socket_path(stage.folder / name))) as broker:
        try:
            broker.flushall()
        except (RedisError, OSError):
            return False
    return True
