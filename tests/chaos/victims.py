"""The processes of a daemon by what they do, so that blows can be dealt out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum

import psutil

from tasks import queues
from tests.support.processes import Running


class Kind(StrEnum):
    """Who is killed."""

    SENDER = "child that sends"
    OTHER_CHILD = "other worker child"
    PARENT = "worker parent"
    BEAT = "beat"
    VALKEY = "Valkey"


#: How blows are dealt out. A parent or beat that dies often is restarted ever later, up to half a
#: minute, so those get few; children come back at once.
WEIGHTS: Mapping[Kind, int] = {
    Kind.SENDER: 70, Kind.OTHER_CHILD: 8, Kind.PARENT: 8, Kind.BEAT: 4, Kind.VALKEY: 10,
}  # fmt: skip


def find(daemon: Running, kind: Kind) -> list[psutil.Process]:
    """Return those of a daemon's processes that live; only descendants of what we started."""
    match kind:
        case Kind.SENDER:
            return _pool(daemon, queues.DELIVER)
        case Kind.OTHER_CHILD:
            return [*_pool(daemon, queues.SYNC), *_pool(daemon, queues.SUPPORT)]
        case Kind.PARENT:
            return [one for name in queues.QUEUES for one in _children(daemon, f"--queues {name}")]
        case Kind.BEAT:
            return _children(daemon, "worker.beat:LeasedScheduler")
        case Kind.VALKEY:
            return _children(daemon, "unixsocket")


def kill_one(daemon: Running, kind: Kind, rng: random.Random) -> bool:
    """Kill -9 one of a kind; False = none lives just now."""
    found = find(daemon, kind)
    if not found:
        return False
    with suppress(psutil.NoSuchProcess):
        rng.choice(sorted(found, key=lambda one: one.pid)).kill()  # compares start times first
        return True
    return False


def draw(rng: random.Random, number: int) -> list[Kind]:
    """Return so many kinds by their weights, each of them at least once if there is room."""
    first = list(Kind)[:number]
    rest = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=number - len(first))
    drawn = [*first, *rest]
    rng.shuffle(drawn)
    return drawn


def tally(kinds: Counter[Kind]) -> dict[str, int]:
    """Return how many of each kind were killed, in the order of `Kind`."""
    return {kind.value: kinds[kind] for kind in Kind if kinds[kind]}


def _children(daemon: Running, words: str) -> list[psutil.Process]:
    daemon.descendants()  # remembered, so that none is left behind at the end
    found = []
    with suppress(psutil.NoSuchProcess):
        for one in psutil.Process(daemon.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if words in " ".join(one.cmdline()):
                    found.append(one)
    return found


def _pool(daemon: Running, queue: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for parent in _children(daemon, f"--queues {queue}"):
        with suppress(psutil.NoSuchProcess):
            found += parent.children()
    return found
