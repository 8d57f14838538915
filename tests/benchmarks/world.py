"""What a measurement stands on: Wispro's stand-in, databases, and the processes to measure.

Everything that is measured runs as a process of its own and prints one line of JSON, so that its
memory is its own and nothing is warmed up by what ran before.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
from pydantic import SecretStr
from sqlalchemy import func, select

from config.keys import new_key
from config.settings import PREFIX, Settings
from models.database import Database
from models.invoice import Invoice
from tests.benchmarks.population import Population, settle_in
from tests.support.databases import PostgresServer, migrated_sqlite, running_postgres
from tests.support.house import ImpatientHouse
from tests.support.processes import ROOT, Running, wait_until

TOKEN = "b7d0c6a1-wispro-token-of-the-benchmarks"
#: Nothing that is measured takes longer, a million invoices on a slow machine included.
LONGEST_SECONDS = 3600.0


class Failed(Exception):  # noqa: N818 - it says what became of a measurement
    """A measured process gave no result; the text is the end of what it printed."""


class Wispro:
    """The stand-in, in its own process, with one made-up ISP; a context manager.

    Args:
        folder: where its log goes.
        size: of the ISP.
    """

    def __init__(self, folder: Path, size: Population) -> None:
        self.size = size
        port = _free_port()
        self.base_url = f"http://127.0.0.1:{port}/api/v1"
        self._control = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/sandbox",
            timeout=LONGEST_SECONDS,
            trust_env=False,
        )
        self._running = Running(
            [sys.executable, "-m", "worker", "sandbox", "--port", str(port), "--token", TOKEN],
            environment=environment(),
            log=folder / f"sandbox-{port}.log",
        )

    def __enter__(self) -> Self:
        try:
            wait_until(self._answers, seconds=30, what="the stand-in answers")
            made_up = {"clients": self.size.accounts, "invoices": self.size.invoices}
            self._ask("reset", {**made_up, "interatos": False})
            self._ask("crowd", {"open": self.size.open_invoices})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._running.__exit__()

    def happen(self) -> int:
        """Have customers pay and the ISP void and issue; return how many invoices changed."""
        done = self._ask("crowd", self.size.changes)
        return sum(len(ids) for ids in done.values())

    def served(self) -> dict[str, int]:
        """Return how many requests it served, by path."""
        state: dict[str, Any] = self._control.get("state").json()
        return dict(state["requests"])

    def bare(self) -> dict[str, Any]:
        """Download its whole list of invoices by httpx alone."""
        return measured([sys.executable, "-m", "tests.benchmarks.bare", self.base_url, TOKEN])

    def _answers(self) -> bool:
        try:
            return self._control.get("state").is_success
        except httpx.HTTPError:
            return False

    def _ask(self, path: str, given: object) -> dict[str, Any]:
        answer = self._control.post(path, json=given)
        answer.raise_for_status()
        asked: dict[str, Any] = answer.json()
        return asked


@dataclass(frozen=True, slots=True)
class Home:
    """One daemon's settings and database, its ISP's customers paired and not looked at yet."""

    kind: str
    environment: Mapping[str, str]
    database_url: str

    def look(self, how: str) -> dict[str, Any]:
        """Look at the whole ISP: "full" or "steady"; a look that is not all right is none."""
        taken = measured([sys.executable, "-m", "tests.benchmarks.ours", how], self.environment)
        if taken["outcome"] != "ok":
            raise Failed(f"the look ended {taken['outcome']}: {taken['reason']} {taken['detail']}")
        return taken

    def stored(self) -> int:
        """Count our copies of invoices."""
        database = Database(self.database_url)
        with database.read() as session:
            found = session.scalars(select(func.count()).select_from(Invoice)).one()
        database.close()
        return found


class Databases:
    """Makes homes on SQLite and PostgreSQL.

    Args:
        folder: for homes and SQLite files; PostgreSQL keeps its own.
        postgres: a running server, or None where only SQLite is measured.
    """

    def __init__(self, folder: Path, postgres: PostgresServer | None) -> None:
        self._folder = folder
        self.postgres = postgres
        self._numbers = count(1)
        self._template = migrated_sqlite(folder / "template.db")

    @property
    def kinds(self) -> tuple[str, ...]:
        """What there is."""
        return ("sqlite",) if self.postgres is None else ("sqlite", "postgresql")

    def fresh(self, kind: str) -> str:
        """Return the URL of an empty database with our tables; `drop` it."""
        if kind == "sqlite":
            copy = self._folder / f"fresh-{next(self._numbers)}.db"
            shutil.copyfile(self._template, copy)
            return f"sqlite:///{copy}"
        assert self.postgres is not None
        return self.postgres.fresh()

    def drop(self, url: str) -> None:
        """Remove a fresh database."""
        if self.postgres is not None and not url.startswith("sqlite"):
            self.postgres.drop(url)
            return
        for left in self._folder.glob(Path(url).name + "*"):
            left.unlink()

    @contextmanager
    def home(self, kind: str, wispro: Wispro) -> Iterator[Home]:
        """Give a fresh home whose customers are paired; it is removed afterwards."""
        folder = self._folder / f"home-{next(self._numbers)}"
        folder.mkdir(mode=0o700)
        if kind == "sqlite":
            shutil.copyfile(self._template, folder / "alerta.db")
            url = f"sqlite:///{folder / 'alerta.db'}"
        else:
            assert self.postgres is not None
            url = self.postgres.fresh()
        key = new_key()
        settings = Settings(home=folder, database_url=SecretStr(url), secret_key=SecretStr(key))
        house = ImpatientHouse(settings)
        settle_in(house, wispro.size, base_url=wispro.base_url, token=TOKEN)
        house.close()
        given = {"HOME": str(folder), "DATABASE_URL": url, "SECRET_KEY": key}
        try:
            yield Home(kind, {f"{PREFIX}{name}": value for name, value in given.items()}, url)
        finally:
            shutil.rmtree(folder)
            if kind != "sqlite" and self.postgres is not None:
                self.postgres.drop(url)


@contextmanager
def databases(folder: Path, *, postgresql: bool = True) -> Iterator[Databases]:
    """Give databases of both kinds, or of SQLite only."""
    if not postgresql:
        yield Databases(folder, None)
        return
    with running_postgres() as server:
        yield Databases(folder, server)


def measured(command: list[str], given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a process to its end and return the JSON of its last line.

    Raises:
        Failed: if it fails, takes too long or prints something else.
    """
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(given),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[1:]} took more than {LONGEST_SECONDS:g} s") from None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise Failed(f"{command[1:]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    taken: dict[str, Any] = msgspec.json.decode(lines[-1])
    return taken


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """This function will return the environment of a process of ours, with these settings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**plain, "PYTHONPATH": str(ROOT), **(given or {})}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
