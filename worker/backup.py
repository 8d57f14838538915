"""Copy the embedded database while it is used, and put a copy back. The keys are no part of it.

A copy is one consistent look at the file, through SQLite's own backup interface, checked before it
gets its name. A note in it says when it was made and of which schema.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from billing.isps import SetupError
from billing.restoring import Restored, hold_what_may_have_gone
from models.database import Database
from models.schema import migrate, wanted_revision
from worker.broker import answers, socket_path
from worker.house import House

_NOTE = "alerta_backup"
_MAGIC = b"SQLite format 3\x00"
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file says of itself."""

    made_at: datetime
    revision: str


def file_of(house: House) -> Path:
    """Return the file of the embedded database, or of one that the operator named.

    Raises:
        SetupError: if the database is no file.
    """
    url = make_url(house.settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise SetupError(
            "this database has tools of its own: pg_dump --format=custom --file=FILE DATABASE; "
            "docs/backup.md says how"
        )
    return Path(url.database)


def back_up(house: House, to: Path, *, now: datetime) -> Backup:
    """This function will copy the database to a new file that only its owner can read.

    Writers go on meanwhile: it is read as one transaction.

    Raises:
        SetupError: if the file is there already or cannot be written, or the copy is damaged.
    """
    source = file_of(house)
    if to.exists():
        raise SetupError(f"{to} is there already; a backup is never overwritten")
    note = Backup(now.astimezone(UTC), house.require_known_schema() or "")
    try:
        with _beside(to) as temporary:
            with (
                closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
                closing(sqlite3.connect(temporary)) as copy,
            ):
                live.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                copy.execute(f"CREATE TABLE {_NOTE} (made_at TEXT, revision TEXT)")
                copy.execute(
                    f"INSERT INTO {_NOTE} VALUES (?, ?)",  # noqa: S608 - our own name
                    (note.made_at.isoformat(), note.revision),
                )
                copy.commit()
                _check(copy, to)
            _keep(temporary, to)
    except sqlite3.Error as error:
        raise SetupError(f"the copy failed: {error}") from None
    except OSError as error:
        raise SetupError(f"cannot write {to}: {error.strerror}") from None
    return note


def read_note(file: Path) -> Backup:
    """This function will say what a backup is.

    Raises:
        SetupError: if the file cannot be read, is none of ours, is damaged, or was made by a newer
            program.
    """
    try:
        with file.open("rb") as opened:
            if opened.read(len(_MAGIC)) != _MAGIC:
                raise SetupError(f"{file} is no backup made by alerta backup")
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            row = copy.execute(f"SELECT made_at, revision FROM {_NOTE}").fetchone()  # noqa: S608
            _check(copy, file)
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error.strerror}") from None
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            raise SetupError(f"{file} is no backup made by alerta backup") from None
        raise SetupError(f"{file} is damaged: {error}") from None
    note = Backup(datetime.fromisoformat(row[0]), row[1])
    if note.revision > wanted_revision():
        raise SetupError(
            f"{file} is at revision {note.revision}, newer than this program: update it first"
        )
    return note


def put_back(
    house: House, file: Path, *, now: datetime, as_is: bool
) -> tuple[Path | None, Restored | None]:
    """This function will put a backup in the place of the database, migrated.

    All is done beside it: the file that takes the place holds already what may have gone.

    Args:
        house: of this process, whose database is not open.
        file: the backup.
        now: the present.
        as_is: nothing was sent since the backup: hold nothing.

    Returns:
        Where the former database is kept, and what was held.

    Raises:
        SetupError: as `read_note`; or if a daemon runs, or a file cannot be written.
    """
    target = file_of(house)
    read_note(file)
    _refuse_running(house, target)
    held: Restored | None = None
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _beside(target) as temporary:
            with (
                closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy,
                closing(sqlite3.connect(temporary)) as fresh,
            ):
                copy.backup(fresh)
                fresh.execute(f"DROP TABLE {_NOTE}")
                fresh.commit()
            database = Database(f"sqlite:///{temporary}")
            try:
                migrate(database.engine)
                if not as_is:
                    held = hold_what_may_have_gone(database, house.vault, now=now)
                _fold(database.engine)
            finally:
                database.close()
            former = _put_aside(target, now=now)
            _keep(temporary, target)
    except sqlite3.Error as error:
        raise SetupError(f"the backup cannot be put back: {error}") from None
    except OSError as error:
        raise SetupError(f"cannot write {target}: {error.strerror}") from None
    return former, held


def hold_in_place(house: House, *, now: datetime) -> Restored:
    """This function will hold what may have gone, in a database that other tools put back.

    Raises:
        SetupError: if somebody else is connected to it.
    """
    if house.database.engine.dialect.name != "sqlite":
        with house.database.read() as session:
            others = session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            )
        if others:
            raise SetupError(f"{others} others use this database; stop the daemon first")
    else:
        _refuse_running(house, file_of(house))
    return hold_what_may_have_gone(house.database, house.vault, now=now)


def _refuse_running(house: House, target: Path) -> None:
    if house.settings.embedded_broker and answers(socket_path(house.settings.home)):
        raise SetupError(f"a daemon runs in {house.settings.home}; stop it first")
    if pids := _users_of(target):
        raise SetupError(f"process {', '.join(map(str, pids))} uses {target}; stop it first")


def _users_of(file: Path) -> list[int]:
    """Return other processes that have a file open, as far as the system tells."""
    found = []
    with suppress(OSError):
        wanted = {str(file.resolve()), f"{file.resolve()}-wal"}
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            with suppress(OSError):
                if any(os.readlink(one) in wanted for one in (process / "fd").iterdir()):  # noqa: PTH115
                    found.append(int(process.name))
    return sorted(found)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a new empty file in the folder of another; it is gone afterwards, if it is there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        for leftover in (name, f"{name}-wal", f"{name}-shm", f"{name}-journal"):
            Path(leftover).unlink(missing_ok=True)


def _keep(temporary: Path, path: Path) -> None:
    """Give a file its name once its content is on disk."""
    temporary.chmod(_OWNER_ONLY)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put_aside(target: Path, *, now: datetime) -> Path | None:
    """Keep the former database under another name, whole in one file where it can be read."""
    if not target.exists():
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as former:
        former.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%S}")
    for end in ("-wal", "-shm"):
        rest = target.with_name(target.name + end)
        if rest.exists():
            rest.rename(aside.with_name(aside.name + end))
    target.rename(aside)
    return aside


def _fold(engine: Engine) -> None:
    """Bring what is in the write-ahead log into the file."""
    with closing(engine.raw_connection()) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")


def _check(copy: sqlite3.Connection, file: Path) -> None:
    found = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise SetupError(f"{file} is damaged: {found[0]}")
