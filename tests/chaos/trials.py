"""The trials at full size, each with its bounds; what each found, as a plain dictionary."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos import chats, clocks, flushing, hosts, network, storm, victims
from tests.chaos.chats import Chats
from tests.chaos.hastening import finish, unended
from tests.chaos.judging import judge, not_at_once, overtaken
from tests.chaos.sink import Sink
from tests.chaos.stage import Stage
from tests.support.databases import migrated_sqlite, running_postgres
from tests.support.processes import wait_until

#: Seconds. A trial that is not over by then has failed.
LONGEST = 1200.0
Found = dict[str, Any]
#: What the mail server of the trial `down` lets through.
_PER_MINUTE = "600/minute"


def kills(folder: Path, url: str, *, seed: int, quick: bool) -> Found:
    """This function will kill -9 processes of a daemon at up to 200 random moments."""
    number, blows = (200, 20) if quick else (2_000, 200)
    rng = random.Random(seed)
    with Sink(random.Random(seed + 1)) as sink, Stage(folder, url, number, rng, sink) as stage:
        with stage.start("daemon", "up") as daemon:
            stage.at_work(daemon)
            drawn = victims.draw(rng, blows)
            killed = storm.rage(stage, daemon, drawn, apart=0.5, seconds=LONGEST * 2 / 3)
            finish(stage, daemon, seconds=LONGEST / 3)
        found = asdict(judge(stage.owed, stage.stands(), sink.copies()))
    return {**found, "blows": victims.tally(killed)}


def flushes(folder: Path, url: str, *, seed: int, quick: bool) -> Found:
    """This function will empty and restart the broker ten times; nothing may go twice at all."""
    number, blows = (200, 3) if quick else (2_000, 10)
    rng = random.Random(seed)
    # A server that takes its time: ten blows find something under way on a fast machine, too.
    sink = Sink(random.Random(seed + 1), hesitate=0.6)
    with sink, Stage(folder, url, number, rng, sink) as stage:
        with stage.start("daemon", "up") as daemon:
            stage.at_work(daemon)
            done = flushing.flush_and_restart(
                stage, daemon, "daemon", blows, apart=1.0, seconds=LONGEST / 2
            )
            finish(stage, daemon, seconds=LONGEST / 2)
        stands = stage.stands()
        found = asdict(judge(stage.owed, stands, sink.copies()))
    found["faults"] = (*found["faults"], *not_at_once(stands))
    return {**found, "blows": {"FLUSHALL and restart": done}}


def two_clocks(folder: Path, url: str, *, seed: int, quick: bool) -> Found:
    """This function will run two daemons 90 s apart; the server is late with one of a hundred."""
    number = 100 if quick else 1_000
    rng = random.Random(seed)
    sink = Sink(random.Random(seed + 1), slow_share=0.01, slow=5.0 if quick else 20.0)
    with sink, Stage(folder, url, number, rng, sink) as stage:
        shares = clocks.side_by_side(stage, seconds=LONGEST)
        stands = stage.stands()
        found = asdict(judge(stage.owed, stands, sink.copies()))
    found["faults"] = (*found["faults"], *not_at_once(stands), *overtaken(stands))
    if not all(shares):
        found["faults"] = (*found["faults"], f"the two did not work side by side: {shares}")
    return {**found, "blows": {"sent by the right clock": shares[0], "by the other": shares[1]}}


def bot(folder: Path, url: str, *, seed: int, quick: bool) -> Found:
    """This function will send over one bot as fast as it may, while Telegram has its whims."""
    number, whims = (300, 1) if quick else (3_000, 6)
    rng = random.Random(seed)
    seen = Chats(random.Random(seed + 1), whims=whims, every=200)
    with seen, Stage(folder, url, number, rng, seen) as stage:
        with stage.start("daemon", "up") as daemon:
            stage.at_work(daemon)
            wait_until(partial(_is_done, stage), seconds=LONGEST, what="everything is sent")
            assert daemon.process.poll() is None, daemon.text[-6000:]
        found = asdict(chats.judge(stage.owed, stage.stands(), seen))
    return {**found, "blows": {"Telegram says 429 by itself": whims}}


def down(folder: Path, url: str, *, seed: int, quick: bool) -> Found:
    """This function will let the mail server be away while a bot sends, and come back after it."""
    number = 200 if quick else 2_000
    rng = random.Random(seed)
    sink, seen = Sink(random.Random(seed + 1), hesitate=0.02), Chats(rng, whims=0, every=1)
    sink.down, sink.limits = True, _PER_MINUTE
    with sink, seen, Stage(folder, url, number, rng, seen, (sink,)) as stage:
        with stage.start("daemon", "up") as daemon:
            half = number // 2
            wait_until(lambda: len(seen.taken) >= half, seconds=LONGEST / 2, what="the bot is done")
            assert not sink.taken
            sink.down = False
            wait_until(partial(_is_done, stage), seconds=LONGEST / 2, what="the mail is sent")
            assert daemon.process.poll() is None, daemon.text[-6000:]
        stands = stage.stands()
        by_bot = [one for one in stage.owed if one.delivery_id % 2 == 0]
        of_bot = {one.delivery_id for one in by_bot}
        bot = chats.judge(by_bot, [one for one in stands if one.delivery_id in of_bot], seen)
        by_mail = [one for one in stage.owed if one.delivery_id not in of_bot]
        found = asdict(
            judge(by_mail, [one for one in stands if one.delivery_id not in of_bot], sink.copies())
        )
        busiest = stage.busiest_minute("email")
    faults = (*found["faults"], *bot.faults)
    if busiest > int(_PER_MINUTE.partition("/")[0]):
        faults = (*faults, f"{busiest} e-mails in one minute, of {_PER_MINUTE}")
    note = (
        f"meanwhile {bot.note}; afterwards {len(by_mail)} e-mails left at up to {busiest} a minute "
        f"of {_PER_MINUTE}"
    )
    blows = {"callers that the mail server turned away": sink.turned_away}
    return {**found, "faults": faults, "blows": blows, "note": note}


def cut_off(folder: Path, url: str, *, seed: int, quick: bool) -> Found:
    """This function will cut one of two worker hosts off, in mid-sweep and mid-delivery."""
    number, people = (300, 20) if quick else (2_000, 60)
    return hosts.cut_one_off(folder, url, seed=seed, number=number, people=people)


def why_not(name: str, kind: str) -> str | None:
    """This function will say why a trial cannot be run on a kind of database here, or None."""
    if name != "hosts":
        return None
    return "several hosts need PostgreSQL" if kind == "sqlite" else network.why_not()


def _is_done(stage: Stage[Any]) -> bool:
    return unended(stage) == 0


TRIALS: Mapping[str, Callable[..., Found]] = {
    "kills": kills, "flushes": flushes, "clocks": two_clocks, "bot": bot,
    "down": down, "hosts": cut_off,
}  # fmt: skip


def run(name: str, kind: str, folder: Path, *, seed: int, quick: bool) -> Found:
    """This function will run one trial on a fresh database.

    Args:
        name: of the trial.
        kind: "sqlite" or "postgresql".
        folder: empty.
        seed: of everything that is drawn.
        quick: a tenth of it.
    """
    began = time.monotonic()
    with _fresh(kind, folder) as url:
        found = TRIALS[name](folder, url, seed=seed, quick=quick)
    taken = round(time.monotonic() - began)
    return {"trial": name, "kind": kind, "seed": seed, "seconds": taken, **found}


@contextmanager
def _fresh(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{migrated_sqlite(folder / 'alerta.db')}"
        return
    with running_postgres() as server:
        yield server.fresh()
