"""Fixtures that every room of the tests may use; see tests/support."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from config.keys import new_key
from config.settings import PREFIX
from models.database import Database
from tests.support.cli import Cli
from tests.support.databases import KINDS, PostgresServer, migrated_sqlite, running_postgres
from tests.support.haste import make_haste, stop_collecting_what_stays
from tests.support.inbox import Inbox
from tests.support.telegram import TelegramServer
from tests.support.town import TOKEN, Town
from wispro.sandbox.ledger import Switches, argentine_now
from wispro.sandbox.server import SandboxServer

# A busy machine draws and tries slowly; that says nothing about what is tried.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _in_haste(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spare each test what an earlier one did already."""
    with pytest.MonkeyPatch.context() as patch:
        make_haste(patch, tmp_path_factory.mktemp("haste"))
        yield


def pytest_collection_finish() -> None:
    """Spare the garbage collector what is there until the end."""
    stop_collecting_what_stays()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for the whole session."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate an SQLite file once; tests get copies."""
    return migrated_sqlite(tmp_path_factory.mktemp("template") / "alerta.db")


@pytest.fixture(scope="module")
def shared_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the tests of a module one SQLite file with our tables."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('shared'))}"


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Name the database of this test: each in turn, unless a test says which."""
    return str(request.param)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give the test an `ALERTA_HOME`."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def database_url(
    database_kind: str, home: Path, request: pytest.FixtureRequest, sqlite_template: Path
) -> Iterator[str]:
    """Give the test a fresh database with our tables, on SQLite and on PostgreSQL in turn."""
    if database_kind == "sqlite":
        shutil.copyfile(sqlite_template, home / "alerta.db")
        yield f"sqlite:///{home / 'alerta.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.fresh()
    yield url
    server.drop(url)


@pytest.fixture
def empty_database_url(
    database_kind: str, home: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Give the test a fresh database without any table."""
    if database_kind == "sqlite":
        yield f"sqlite:///{home / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.fresh(migrated=False)
    yield url
    server.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open the fresh database."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def _sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer(token=TOKEN, interatos=False) as server:
        yield server


@pytest.fixture
def sandbox(_sandbox_server: SandboxServer) -> SandboxServer:
    """Give the test an empty stand-in of Wispro, running, without faults."""
    _sandbox_server.faults.clear()
    _sandbox_server.state.clear()
    _sandbox_server.state.token = TOKEN
    _sandbox_server.state.switches = Switches()
    _sandbox_server.state.clock = argentine_now
    return _sandbox_server


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Give the test an SMTP server that keeps what it gets."""
    with Inbox() as running:
        yield running


@pytest.fixture
def telegram(cli: Cli) -> Iterator[TelegramServer]:
    """Give the test a stand-in of Telegram, to which the commands and towns of this test speak."""
    with TelegramServer() as running:
        cli.settings["TELEGRAM_API"] = running.url
        yield running


@pytest.fixture
def cli(home: Path, database_kind: str, database_url: str) -> Cli:
    """Run `alerta` on the fresh database: the embedded default, or PostgreSQL with its own key."""
    if database_kind == "sqlite":
        return Cli(home)
    return Cli(home, DATABASE_URL=database_url, SECRET_KEY=new_key())


@pytest.fixture
def make_town(cli: Cli, sandbox: SandboxServer, inbox: Inbox) -> Iterator[Callable[..., Town]]:
    """Build towns; arguments as for `Town`."""
    towns: list[Town] = []

    def build(**how: object) -> Town:
        towns.append(Town(cli, sandbox, inbox, **how))  # type: ignore[arg-type]
        return towns[-1]

    yield build
    for town in towns:
        town.__exit__()


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """Give the test a town with an ISP, at noon of a Tuesday."""
    built = make_town()
    built.add_isp()
    return built
