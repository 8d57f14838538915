"""The pulse of an installation: what waits in the broker, which workers live, whether beat ticks.

Read in one round trip, with short time limits: who asks wants to know it now, above all when
something hangs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings
from tasks import queues
from worker import signs, tallies
from worker.broker import GLOBAL_PREFIX
from worker.schedule import LISTEN_TICK

#: A worker marks every 5 s; six marks that are missing are no accident.
WORKER_DEAD_AFTER = 30.0
#: Ticks of beat that may be missing, and the least that this comes to.
_TICKS = 4
_AT_LEAST = 5.0
#: Marks of who is gone for good are dropped.
_FORGET_AFTER = timedelta(days=1).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerQueue:
    """One queue of the broker; `oldest_seconds` is how long its oldest message has waited."""

    queue: str
    waiting: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPulse:
    """One worker, as it last said of itself."""

    name: str
    host: str
    pid: int
    queues: list[str]
    children: int
    children_bytes: list[int]
    seen_seconds: float
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatPulse:
    """When beat last put a message, wherever it runs."""

    host: str
    last_tick: datetime
    age_seconds: float
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What the broker says; where it does not answer, `why`.

    `under_way` is how many messages were taken by a worker and not acknowledged yet.
    """

    answers: bool
    why: str | None = None
    queues: list[BrokerQueue] = field(default_factory=list)
    under_way: int = 0
    workers: list[WorkerPulse] = field(default_factory=list)
    beat: BeatPulse | None = None

    def alive_on(self, queue: str) -> list[WorkerPulse]:
        """Return the living workers of a queue."""
        return [one for one in self.workers if one.alive and queue in one.queues]


def beat_late_after(settings: Settings) -> float:
    """This function will say after how many seconds without a tick beat counts as dead."""
    return max(_TICKS * min(settings.tick.total_seconds(), LISTEN_TICK), _AT_LEAST)


def feel(
    client: Redis, settings: Settings, *, now: datetime
) -> tuple[Pulse, Mapping[tallies.Tally, float]]:
    """This function will ask the broker, once; return its pulse and what was tallied.

    Args:
        client: of the broker, with short time limits.
        settings: say how often beat ticks.
        now: the present, by which the marks are judged.
    """
    try:
        pipe = client.pipeline(transaction=False)
        for name in queues.QUEUES:
            pipe.llen(GLOBAL_PREFIX + name)
            pipe.lindex(GLOBAL_PREFIX + name, -1)
        pipe.hlen(GLOBAL_PREFIX + "unacked")
        pipe.hgetall(signs.KEY)
        pipe.hgetall(tallies.KEY)
        *counted, under_way, marks, tallied = pipe.execute()
    except (RedisError, OSError, ValueError) as error:  # ValueError: an address nobody reads
        return Pulse(answers=False, why=f"does not answer ({type(error).__name__})"), {}
    seconds = now.timestamp()
    waiting = [
        BrokerQueue(
            queue=name,
            waiting=counted[2 * place],
            oldest_seconds=age_of(counted[2 * place + 1], now=seconds),
        )
        for place, name in enumerate(queues.QUEUES)
    ]
    pulse = judge(marks, now=seconds, late_after=beat_late_after(settings))
    gone = [name for name, at in _ages(marks, now=seconds).items() if at > _FORGET_AFTER]
    if gone:
        _drop(client, gone)
    return (
        Pulse(
            answers=True,
            queues=waiting,
            under_way=under_way,
            workers=pulse.workers,
            beat=pulse.beat,
        ),
        tallies.read(tallied),
    )


def age_of(message: bytes | None, *, now: float) -> float | None:
    """This function will say how many seconds a message has waited; None = it does not say."""
    if message is None:
        return None
    try:
        put_at = msgspec.json.decode(message)["headers"][signs.PUT_AT]
        return round(max(now - float(put_at), 0.0), 3)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def judge(marks: Mapping[bytes, bytes], *, now: float, late_after: float) -> Pulse:
    """This function will say who lives, by the marks that they left. Pure.

    Args:
        marks: of the broker's hash; what nobody can read is left out.
        now: seconds since 1970.
        late_after: seconds without a tick after which beat counts as dead.
    """
    workers: list[WorkerPulse] = []
    beats: list[signs.BeatSign] = []
    for name, raw in sorted(marks.items()):
        try:
            if name.startswith(b"worker "):
                workers.append(_worker(msgspec.json.decode(raw, type=signs.WorkerSign), now=now))
            elif name.startswith(b"beat "):
                beats.append(msgspec.json.decode(raw, type=signs.BeatSign))
        except msgspec.DecodeError:
            continue
    last = max(beats, key=lambda one: one.at, default=None)
    return Pulse(
        answers=True,
        workers=[one for one in workers if one.seen_seconds <= _FORGET_AFTER],
        beat=None if last is None else _beat(last, now=now, late_after=late_after),
    )


def _worker(sign: signs.WorkerSign, *, now: float) -> WorkerPulse:
    seen = round(max(now - sign.at, 0.0), 3)
    return WorkerPulse(
        name=sign.name,
        host=sign.host,
        pid=sign.pid,
        queues=sign.queues,
        children=len(sign.children),
        children_bytes=[child.bytes for child in sign.children if child.bytes is not None],
        seen_seconds=seen,
        alive=seen <= WORKER_DEAD_AFTER,
    )


def _beat(sign: signs.BeatSign, *, now: float, late_after: float) -> BeatPulse:
    age = round(max(now - sign.at, 0.0), 3)
    return BeatPulse(
        host=sign.host,
        last_tick=datetime.fromtimestamp(sign.at, UTC),
        age_seconds=age,
        alive=age <= late_after,
    )


def _ages(marks: Mapping[bytes, bytes], *, now: float) -> dict[bytes, float]:
    ages: dict[bytes, float] = {}
    for name, raw in marks.items():
        try:
            ages[name] = now - float(msgspec.json.decode(raw)["at"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            ages[name] = 0.0
    return ages


def _drop(client: Redis, names: Sequence[Any]) -> None:
    try:
        client.hdel(signs.KEY, *names)
    except (RedisError, OSError):
        return
