"""Who lives, by the marks that were left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from worker.pulse import WORKER_DEAD_AFTER, age_of, beat_late_after, judge
from worker.signs import BeatSign, Child, WorkerSign, resident_bytes, stamp

NOW = 1_773_000_000.0


def worker(name: str = "sync@one", *, ago: float = 0.0) -> tuple[bytes, bytes]:
    """A worker's mark."""
    children = [Child(pid=8, bytes=1_000), Child(pid=9, bytes=None)]
    sign = WorkerSign(
        name=name, host="one", pid=7, queues=["sync"], children=children, at=NOW - ago
    )
    return f"worker {name}".encode(), msgspec.json.encode(sign)


def beat(host: str, *, ago: float) -> tuple[bytes, bytes]:
    """A mark of beat."""
    sign = BeatSign(host=host, pid=5, at=NOW - ago)
    return f"beat {host}".encode(), msgspec.json.encode(sign)


def seen(*marks: tuple[bytes, bytes]):
    """What the marks say."""
    return judge(dict(marks), now=NOW, late_after=60.0)


def test_a_message_says_how_long_it_has_waited():
    """By the instant that was put on it; a message without one says nothing."""
    headers: dict[str, object] = {}
    stamp(headers)
    put_at = headers["put_at"]
    assert isinstance(put_at, float)
    message = msgspec.json.encode({"body": "", "headers": headers})
    assert age_of(message, now=put_at + 12.5) == 12.5
    assert age_of(message, now=put_at - 5) == 0.0
    assert age_of(None, now=NOW) is None


@pytest.mark.parametrize(
    "message", [b"", b"[]", b"{}", b'{"headers": {}}', b'{"headers": {"put_at": "soon"}}', b"\xff"]
)
def test_a_message_of_another_make_has_no_age(message):
    """Whatever lies in the queue, it is counted and not choked on."""
    assert age_of(message, now=NOW) is None


@pytest.mark.parametrize(("ago", "alive"), [(0, True), (30, True), (30.1, False), (3600, False)])
def test_a_worker_that_is_silent_for_half_a_minute_is_dead(ago, alive):
    """It is still shown, with how long it has been silent."""
    assert WORKER_DEAD_AFTER == 30.0
    (found,) = seen(worker(ago=ago)).workers
    assert (found.alive, found.seen_seconds, found.children) == (alive, ago, 2)
    assert found.children_bytes == [1_000]


def test_a_queue_lives_while_one_of_its_workers_does():
    """Two hosts: one of them is gone."""
    found = seen(worker("sync@one", ago=100), worker("sync@two"))
    assert [one.name for one in found.alive_on("sync")] == ["sync@two"]
    assert found.alive_on("deliver") == []


def test_of_two_beats_the_one_that_ticked_last_counts():
    """The other one waits for its turn."""
    found = seen(beat("one", ago=500), beat("two", ago=60)).beat
    assert found is not None
    assert (found.host, found.age_seconds, found.alive) == ("two", 60.0, True)
    late = seen(beat("one", ago=60.5)).beat
    assert late is not None
    assert not late.alive


def test_marks_that_nobody_can_read_are_left_out():
    """A mark of another version, or of somebody else, ends nothing."""
    found = seen((b"worker x", b"{}"), (b"beat y", b"nonsense"), (b"else", b"1"), worker())
    assert (len(found.workers), found.beat) == (1, None)


@pytest.mark.parametrize(("tick", "late"), [(1, 5.0), (5, 20.0), (15, 60.0), (600, 60.0)])
def test_beat_is_late_after_four_ticks(tick, late):
    """Beat puts something every 15 s at least, however seldom it plans."""
    settings = Settings(home=Path("var"), tick=timedelta(seconds=tick))
    assert beat_late_after(settings) == late


def test_memory_of_a_process_is_known_while_it_lives():
    """The memory of this very process, and of one that cannot be."""
    import os

    mine = resident_bytes(os.getpid())
    assert mine is not None
    assert 10_000_000 < mine < 10_000_000_000
    assert resident_bytes(2**22 + 1) is None
