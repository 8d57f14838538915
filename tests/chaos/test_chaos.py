"""The short form of `make chaos`: nothing lost, nothing doubled, whatever dies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing.ending import LEASE, ONCE_MORE_AFTER
from tests.chaos.chats import Chats
from tests.chaos.flushing import empty
from tests.chaos.hastening import unended
from tests.chaos.judging import Stand, judge, not_at_once, overtaken
from tests.chaos.owing import Owed
from tests.chaos.sink import Sink, Taken
from tests.chaos.stage import STARTS_WITHIN, Stage
from tests.chaos.storm import rage
from tests.chaos.victims import Kind
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until

SEED = 20_260_310
ONE = Owed(1, "c1@clientes.example", "m-1")
MINE = Taken("c1@clientes.example", "m-1")


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Run a mail server that hesitates."""
    with Sink(random.Random(SEED), hesitate=0.4) as running:
        yield running


def on_stage(tmp_path: Path, database_url: str, sink: Sink, number: int) -> Stage[Sink]:
    """Make deliveries that are due."""
    return Stage(tmp_path, database_url, number, random.Random(SEED), sink)


@on_sqlite
def test_whatever_is_killed_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, database_url: str, sink: Sink
) -> None:
    """Each kind of process killed in mid-send, the broker emptied, at last the daemon itself."""
    number = 90
    with on_stage(tmp_path, database_url, sink, number) as stage:
        # One child claims at most fifty: so few are left behind by each that dies.
        with stage.start("daemon", "up", concurrency=1) as daemon:
            stage.at_work(daemon)
            first = [Kind.SENDER, Kind.BEAT, Kind.OTHER_CHILD, Kind.VALKEY]
            killed = rage(stage, daemon, first, apart=0.1, seconds=20, hurry=False)
            empty(stage, "daemon")
            killed += rage(stage, daemon, [Kind.SENDER], apart=0.1, seconds=5, hurry=False)
        assert killed[Kind.SENDER], f"no sender, only {killed}"
        broke_off = sum(None in one.fates for one in stage.stands())
        sink.hesitate = 0
        let_time_pass(stage)
        found = judge(stage.owed, stage.stands(), sink.copies())

    assert found.faults == ()
    assert broke_off > 0, "nothing broke off; this test proved nothing"
    assert (found.sent, found.uncertain) == (number, 0)


def let_time_pass(stage: Stage[Sink]) -> None:
    """Deliver once every lease of the dead is over, and once every pause is."""
    house = stage.house
    now = datetime.now(UTC) + LEASE
    house.delivering.sweep(now=now)
    for later in (now, now + ONCE_MORE_AFTER):
        house.delivering.run_all(clock=lambda later=later: later, progress=lambda _: None)  # type: ignore[misc]
    assert not unended(stage)


@on_sqlite
def test_a_bot_is_never_asked_for_more_than_it_may(tmp_path: Path, database_url: str) -> None:
    """A daemon with ninety messages for one bot, which once says 429 by itself: each goes once."""
    seen = Chats(random.Random(SEED), whims=1, every=40)
    with seen, Stage(tmp_path, database_url, 90, random.Random(SEED), seen) as stage:
        with stage.start("daemon", "up") as daemon:
            wait_until(lambda: not unended(stage), seconds=STARTS_WITHIN, what="all is sent")
            assert daemon.process.poll() is None, daemon.text[-6000:]
        stands = stage.stands()

    # How much of the rate is used, a busy machine does not tell: `make chaos` does.
    assert seen.bot.violations == 0
    assert {(one.state, one.delivered) for one in stands} == {("sent", 1)}
    assert sorted(str(one.chat_id) for one in seen.taken) == sorted(
        one.recipient for one in stage.owed
    )
    assert seen.bot.rested > 0


def test_clocks_that_differ_send_nothing_twice(
    tmp_path: Path, database_url: str, sink: Sink
) -> None:
    """Two deliverers on one database, one 90 s ahead: each message goes once, at the first try."""
    with on_stage(tmp_path, database_url, sink, 100) as stage, ExitStack() as both:
        right = both.enter_context(stage.start("right", "deliver"))
        ahead = both.enter_context(stage.start("ahead", "deliver", shift=90))
        while right.process.poll() is None or ahead.process.poll() is None:
            stage.house.delivering.sweep(now=datetime.now(UTC) + timedelta(seconds=90))
            sink.grows(len(sink.taken), seconds=0.2)
        assert (right.process.returncode, ahead.process.returncode) == (0, 0), right.text
        stands = stage.stands()

        assert judge(stage.owed, stands, sink.copies()).faults == ()
        assert not_at_once(stands) == []
        assert overtaken(stands) == []


@pytest.mark.parametrize(
    ("state", "fates", "arrived"),
    [
        ("sent", ("delivered",), 1),
        ("sent", (None, "delivered"), 1),
        ("sent", (None, "delivered"), 2),
        ("sent", ("failed", "uncertain", "delivered"), 2),
        ("uncertain", (None, None), 0),
        ("uncertain", (None, "uncertain"), 2),
    ],
)
def test_the_judge_lets_pass(state: str, fates: tuple[str | None, ...], arrived: int) -> None:
    """What the product promises passes."""
    found = judge([ONE], [Stand(1, state, None, fates)], Counter({MINE: arrived}))
    assert found.faults == ()


@pytest.mark.parametrize(
    ("state", "fates", "arrived"),
    [
        ("sent", ("delivered",), 0),
        ("sent", ("delivered",), 2),
        ("sent", (None, "delivered"), 3),
        ("sent", ("delivered", "delivered"), 2),
        ("sent", (None, None, "delivered"), 2),
        ("sent", (), 1),
        ("uncertain", (None,), 1),
        ("uncertain", ("delivered", None), 1),
        ("planned", (None,), 1),
        ("sending", (), 0),
        ("failed", ("failed",), 0),
    ],
)
def test_the_judge_refuses(state: str, fates: tuple[str | None, ...], arrived: int) -> None:
    """Losing, doubling, giving up and leaving half-way are faults."""
    found = judge([ONE], [Stand(1, state, None, fates)], Counter({MINE: arrived}))
    assert found.faults != ()


def test_the_judge_knows_strangers() -> None:
    """A message under another Message-ID than the delivery's is a fault."""
    stand = Stand(1, "sent", None, ("delivered",))
    assert judge([ONE], [stand], Counter({MINE: 1, Taken(ONE.recipient, "m-2"): 1})).faults != ()
