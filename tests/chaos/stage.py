"""One database, one sink, and any number of daemons on them."""

from __future__ import annotations

import os
import random
import sys
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, Self, TypeVar

from pydantic import SecretStr
from sqlalchemy import select, update

from config.keys import new_key
from config.settings import PREFIX, Settings
from models.alert import Attempt, Delivery
from tests.chaos.judging import Stand
from tests.chaos.owing import Owed, Post, owe
from tests.support.processes import ROOT, Running, wait_until
from worker.house import House

STARTS_WITHIN = 120


P = TypeVar("P", bound=Post)


@dataclass
class Stage(Generic[P]):
    """What one trial plays on; a context manager.

    Args:
        folder: empty; everything is kept here.
        database_url: with our tables, and nothing else in it.
        number: how many deliveries are due.
        rng: of this trial.
        sink: where they arrive.
        others: where the next ones do, in turns.
    """

    folder: Path
    database_url: str
    number: int
    rng: random.Random
    sink: P
    others: tuple[Post, ...] = ()
    house: House = field(init=False)
    owed: list[Owed] = field(init=False)

    def __post_init__(self) -> None:
        self._key = new_key()
        self.house = House(
            Settings(
                home=self.folder / "here",
                database_url=SecretStr(self.database_url),
                secret_key=SecretStr(self._key),
            )
        )
        now = datetime.now(UTC)
        self.owed = owe(
            self.house, self.number, posts=(self.sink, *self.others), rng=self.rng, now=now
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.house.close()

    def start(self, name: str, *words: str, shift: float = 0.0, concurrency: int = 2) -> Running:
        """Start `alerta` in a home of its own; `shift` = by how many seconds its clock is wrong."""
        home = self.folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        program = ["tests.chaos.shifted", str(shift)] if shift else ["worker"]
        return Running(
            [sys.executable, "-m", *program, *words],
            environment=self._environment(home, concurrency),
            log=home / "process.log",
        )

    def at_work(self, daemon: Running) -> None:
        """Return once messages arrive.

        Raises:
            TimeoutError: if none does in time.
            AssertionError: if the daemon ended instead.
        """
        wait_until(
            lambda: self.sink.taken or daemon.process.poll() is not None,
            seconds=STARTS_WITHIN,
            what="the daemon sends",
        )
        assert daemon.process.poll() is None, daemon.text[-6000:]
        daemon.descendants()

    def hold(self, seconds: float) -> None:
        """Let nothing that is due leave for so long."""
        self._due_at(datetime.now(UTC) + timedelta(seconds=seconds))

    def release(self) -> None:
        """Let what was held leave now, whosever clock is asked."""
        self._due_at(datetime.now(UTC))

    def _due_at(self, at: datetime) -> None:
        with self.house.database.write() as session:
            waits = update(Delivery).where(Delivery.state == "planned")
            session.execute(waits.values(not_before=at))

    def stands(self) -> list[Stand]:
        """Return how every delivery stands, with its attempts."""
        with self.house.database.read() as session:
            fates: defaultdict[int, list[str | None]] = defaultdict(list)
            for row in session.execute(
                select(Attempt.delivery_id, Attempt.fate).order_by(Attempt.number)
            ):
                fates[row.delivery_id].append(row.fate)
            rows = session.execute(
                select(Delivery.id, Delivery.state, Delivery.reason, Delivery.attempts)
            )
            return [
                Stand(row.id, row.state, row.reason, tuple(fates[row.id]), row.attempts)
                for row in rows
            ]

    def busiest_minute(self, route: str) -> int:
        """Return how many messages of a route were begun and arrived in the busiest minute."""
        with self.house.database.read() as session:
            begun = session.scalars(
                select(Attempt.started_at)
                .join(Delivery, Delivery.id == Attempt.delivery_id)
                .where(Delivery.route == route, Attempt.fate == "delivered")
                .order_by(Attempt.started_at)
            ).all()
        minute = timedelta(minutes=1)
        return max(bisect_left(begun, at + minute) - place for place, at in enumerate(begun))

    def _environment(self, home: Path, concurrency: int) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "TMPDIR", "TZ"}}
        ours = {
            "HOME": str(home), "DATABASE_URL": self.database_url, "SECRET_KEY": self._key,
            "TICK": "1", "SYNC_EVERY": "86400", "CONCURRENCY": str(concurrency),
            **self.sink.settings,
        }  # fmt: skip
        for other in self.others:
            ours |= other.settings
        prefixed = {f"{PREFIX}{name}": value for name, value in ours.items()}
        return {**kept, **prefixed, "PYTHONPATH": str(ROOT), "HOME": str(home), "COLUMNS": "250"}
