"""Kill -9 at random moments while messages leave."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.chaos.hastening import hasten, is_stuck, unended
from tests.chaos.sink import Sink
from tests.chaos.stage import Stage
from tests.chaos.victims import Kind, kill_one
from tests.support.processes import Running

#: Seconds without a message after which it is asked whether everything waits for a lease.
_SILENCE = 2.0


def rage(
    stage: Stage[Sink],
    daemon: Running,
    kinds: Sequence[Kind],
    *,
    apart: float,
    seconds: float,
    hurry: bool = True,
) -> Counter[Kind]:
    """This function will kill one process after another, each at a random moment of a send.

    It waits for a message to arrive and then up to `apart` seconds, so that blows fall while
    something is under way. It ends when all blows are dealt, when nothing is left to send, or when
    the time is over.

    Args:
        stage: with messages that leave.
        daemon: whose processes die.
        kinds: whom to kill, in this order; where none of a kind lives, the blow is not dealt.
        apart: seconds at most from a message to the blow.
        seconds: at most.
        hurry: end leases and pauses when nothing else moves; otherwise end then.
    """
    deadline = time.monotonic() + seconds
    killed: Counter[Kind] = Counter()
    for kind in kinds:
        while not stage.sink.grows(len(stage.sink.taken), seconds=_SILENCE):
            assert daemon.process.poll() is None, daemon.text[-6000:]
            if time.monotonic() > deadline or not unended(stage):
                return killed
            if is_stuck(stage, now=datetime.now(UTC)):
                if not hurry:
                    return killed
                hasten(stage)
        time.sleep(stage.rng.uniform(0, apart))
        if kill_one(daemon, kind, stage.rng):
            killed[kind] += 1
    return killed
