"""What keeps the daemon from working is one line that says what to do, before it starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from config.keys import new_key
from config.settings import Settings
from models.database import make_engine
from tests.support.brokers import OwnValkey
from tests.support.cli import Cli, Ran
from tests.support.databases import PostgresServer
from tests.support.disks import fill, make_read_only, small_disk
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT
from tests.support.refusing import RefusingServer
from worker.starting import only_daemon

pytestmark = on_sqlite

DAEMONS = [("up",), ("worker",), ("beat",)]


def refused(ran: Ran, *parts: str, code: int = 1) -> None:
    """Insist on one line that holds these parts, and no secret."""
    assert (ran.code, ran.stderr.count("\n")) == (code, 1), ran.text
    assert ran.stderr.startswith("error: ")
    for part in parts:
        assert part in ran.stderr, ran.stderr
    assert "hunter2" not in ran.text


@pytest.mark.parametrize("words", [*DAEMONS, ("isp", "list"), ("migrate",)])
def test_a_database_that_is_not_there(cli: Cli, words: tuple[str, ...]) -> None:
    """Nobody listens at its address."""
    url = "postgresql://alerta:hunter2@127.0.0.1:1/alerta"
    ran = cli.here(*words, DATABASE_URL=url, SECRET_KEY=new_key())
    refused(ran, "connection", "check the host and port in ALERTA_DATABASE_URL")


def test_a_database_that_refuses_the_password(cli: Cli) -> None:
    """It is said to be the password, without showing it."""
    with RefusingServer("28P01", 'password authentication failed for user "alerta"') as server:
        url = f"postgresql://alerta:hunter2@127.0.0.1:{server.port}/alerta"
        ran = cli.here("worker", DATABASE_URL=url, SECRET_KEY=new_key())
    refused(ran, "check user and password in ALERTA_DATABASE_URL")


def test_a_database_of_another_name(cli: Cli, postgres: PostgresServer) -> None:
    """The server is there, the database is not."""
    url = postgres.fresh(migrated=False)
    wrong = url.replace("/alerta_", "/nobodys_", 1)
    ran = cli.here("worker", DATABASE_URL=wrong, SECRET_KEY=new_key())
    refused(ran, "does not exist", "create it")


@pytest.mark.parametrize("words", [*DAEMONS, ("isp", "list"), ("migrate",), ("status",)])
def test_a_database_that_counts_bytes_for_letters(
    cli: Cli, postgres: PostgresServer, words: tuple[str, ...]
) -> None:
    """As a cluster makes them that was itself made without a locale."""
    url = postgres.fresh(migrated=False)
    name = url.split("?")[0].rpartition("/")[2]
    bytewise = f"{name}_bytewise"
    postgres.execute(
        f"CREATE DATABASE \"{bytewise}\" ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
        "TEMPLATE template0"
    )
    try:
        wrong = url.replace(f"/{name}", f"/{bytewise}", 1)
        ran = cli.here(*words, DATABASE_URL=wrong, SECRET_KEY=new_key())
    finally:
        postgres.execute(f'DROP DATABASE "{bytewise}" WITH (FORCE)')
    refused(ran, "SQL_ASCII", "ENCODING 'UTF8'")


def test_an_option_of_the_address_that_nobody_knows(cli: Cli) -> None:
    """`sslmod=` for `sslmode=` is not ignored."""
    url = "postgresql://alerta:hunter2@127.0.0.1:1/alerta?sslmod=require"
    refused(cli.here("worker", DATABASE_URL=url, SECRET_KEY=new_key()), "an option", "unknown")


@pytest.mark.parametrize(
    ("revision", "says"), [("0009", "run: alerta migrate"), ("9999", "newer than this program")]
)
@pytest.mark.parametrize("words", [("worker",), ("beat",), ("up", "--role", "beat")])
def test_a_schema_of_another_time(
    cli: Cli, database_url: str, words: tuple[str, ...], revision: str, says: str
) -> None:
    """An old one is to be migrated, which `up` does where the file is our own; a new one is not."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()
    if words[0] == "up" and revision == "0009":
        return  # it migrates
    refused(cli.here(*words), says)


@pytest.mark.parametrize("words", DAEMONS)
def test_a_broker_that_refuses_the_login(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    """It is said to be the login, at once, without showing it."""
    with OwnValkey(tmp_path / "broker", "--requirepass", "swordfish") as broker:
        ran = cli.here(*words, REDIS_URL=f"redis://:hunter2@127.0.0.1:{broker.port}/0")
    refused(ran, "check user and password in ALERTA_REDIS_URL")


def test_a_broker_that_throws_messages_away(cli: Cli, tmp_path: Path) -> None:
    """One that evicts whatever it likes loses messages silently."""
    with OwnValkey(tmp_path / "broker", "--maxmemory-policy", "allkeys-lru") as broker:
        ran = cli.here("worker", REDIS_URL=f"redis://127.0.0.1:{broker.port}/0")
    refused(ran, "allkeys-lru", "set maxmemory-policy noeviction")


@pytest.mark.parametrize("words", DAEMONS)
def test_a_full_disk(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    """There is no room for the database, the key, or anything."""
    with small_disk(tmp_path / "disk", kilobytes=512) as disk:
        fill(disk)
        refused(Cli(disk / "home").here(*words), "the disk is full: make room")


def test_a_disk_that_is_nearly_full(cli: Cli, tmp_path: Path) -> None:
    """A daemon that would stop within minutes does not start."""
    with small_disk(tmp_path / "disk", kilobytes=4096) as disk:
        refused(Cli(disk / "home").here("up"), "MB free; make room")


@pytest.mark.parametrize("words", [*DAEMONS, ("isp", "list")])
def test_a_home_that_is_read_only(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Neither root nor anybody else can write to it."""
    with small_disk(tmp_path / "disk", kilobytes=512) as disk:
        make_read_only(disk)
        ran = Cli(disk / "home").here(*words)
    code = 2 if words[0] == "isp" else 1
    refused(ran, "ALERTA_HOME", "ead-only", code=code)


def test_a_second_daemon_on_one_file(cli: Cli) -> None:
    """Who does the same part of the work is refused; the lock goes with its holder."""
    holds = (
        "import sys, time; from config.settings import load_settings;"
        "from worker.starting import only_daemon\n"
        "with only_daemon(load_settings(), ['deliver']): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds], cwd=ROOT, env=cli.environment(), stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        try:
            refused(cli.here("up"), "another daemon works for", "(deliver)", "stop that one")
            refused(cli.here("worker", "--queue", "deliver"), "another daemon works for")
        finally:
            other.kill()
    with only_daemon(Settings(home=cli.home), ["deliver", "beat"]):
        pass


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give the test a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="alerta-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["SECRET_KEY", "REDIS_URL", "DATABASE_URL"])
def test_a_secret_that_others_can_read(cli: Cli, open_folder: Path, name: str) -> None:
    """The file is named, and how to close it."""
    path = open_folder / "secret"
    path.write_text(new_key())
    path.chmod(0o644)
    ran = cli.here("worker", **{f"{name}_FILE": str(path)})
    assert ran.code == 2
    assert f"ALERTA_{name}_FILE: others can read {path}; run: chmod 600 {path}" in ran.stderr
    path.chmod(0o640)
    assert "others can read" not in cli.here("isp", "list", **{f"{name}_FILE": str(path)}).stderr


def test_an_unknown_setting(cli: Cli) -> None:
    """A slip of the pen is not ignored."""
    refused(cli.here("up", CONCURENCY="4"), "ALERTA_CONCURENCY: no such setting", code=2)
