"""Two daemons on one database, two beats, two brokers, their clocks apart."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from tasks import queues
from tests.chaos.hastening import finish
from tests.chaos.sink import Sink
from tests.chaos.stage import STARTS_WITHIN, Stage
from tests.support.processes import Running, wait_until

#: Seconds. A machine whose clock is so wrong has lost its NTP for months.
APART = 90.0


def side_by_side(stage: Stage[Sink], *, apart: float = APART, seconds: float) -> list[int]:
    """This function will let two daemons send what is due, one with a clock that is ahead.

    Args:
        stage: with deliveries that are due.
        apart: seconds.
        seconds: within which everything must have its end.

    Returns:
        How many messages each of them sent.
    """
    stage.hold(apart + 10 * STARTS_WITHIN)
    with ExitStack() as both:
        daemons = [
            both.enter_context(stage.start("right", "up")),
            both.enter_context(stage.start("ahead", "up", shift=apart)),
        ]
        for one in daemons:
            wait_until(partial(_is_ready, one), seconds=STARTS_WITHIN, what="its workers are ready")
        stage.release()
        finish(stage, daemons[0], seconds=seconds)
        return [one.text.count("state=sent") for one in daemons]


def _is_ready(daemon: Running) -> bool:
    assert daemon.process.poll() is None, daemon.text[-6000:]
    return daemon.text.count(" ready.") >= len(queues.QUEUES)
