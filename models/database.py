"""The two databases behind one face: SQLite (WAL) and PostgreSQL (psycopg 3).

SQLite: autocommit driver with explicit BEGIN IMMEDIATE for writers, since a deferred transaction
that reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT however long the busy timeout,
and the driver's own mode claims twice. PostgreSQL: a small pool per process; a connection that
idled is pinged before use.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

#: A writer of ours holds the lock for milliseconds; 10 s tells a stuck one from a busy one.
SQLITE_BUSY_SECONDS = 10
#: Seconds: shorter than what a batch leaves to others, long enough to cost nothing.
_ASK_AGAIN = 0.003
#: Seconds: a connection that idled no longer is taken to be there still. Asking it is a way there
#: and back, as long as the statement that follows.
_IDLED = 1.0
_READ_ONLY = "alerta_read_only"
_LEFT_AT = "alerta_left_at"
Insert = sqlite.Insert | postgresql.Insert


class Database:
    """Sessions for writing units of work and for reading.

    Args:
        url: SQLAlchemy URL, `sqlite:///…` or `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._write = sessionmaker(self.engine, expire_on_commit=False)
        self.reading = self.engine.execution_options(**{_READ_ONLY: True})
        self._read = sessionmaker(self.reading, expire_on_commit=False)
        #: For a statement that stands alone: on PostgreSQL without BEGIN and ROLLBACK around it.
        self.glancing = (
            self.reading
            if self.engine.dialect.name == "sqlite"
            else self.reading.execution_options(isolation_level="AUTOCOMMIT")
        )

    def write(self) -> AbstractContextManager[Session]:
        """One unit of work: commits at the end of the block, rolls back on an exception."""
        return self._write.begin()

    def read(self) -> AbstractContextManager[Session]:
        """One consistent look; nothing is to be written in it."""
        return self._read.begin()

    def count_anew(self, *models: type[DeclarativeBase]) -> None:
        """Let PostgreSQL count some tables after a mass insert.

        Until its own daemon does, a minute later, it takes them for empty and reads them whole for
        each page of a list: an import of 10 000 invoices took four times as long. SQLite does not
        go by counts here.
        """
        if self.engine.dialect.name == "sqlite":
            return
        preparer = self.engine.dialect.identifier_preparer
        with self.write() as session:
            for model in models:
                name = preparer.format_table(cast("Table", model.__table__))
                session.connection().exec_driver_sql(f"ANALYZE {name}")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """Return an engine with the settings that our guarded updates rely on."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_engine(
            url, connect_args={"timeout": SQLITE_BUSY_SECONDS}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "invalidate", _let_go_of_sqlite)
        return engine
    engine = create_engine(
        url,
        connect_args=_postgresql_defaults(parsed),
        pool_size=2,
        max_overflow=3,
        pool_recycle=1800,
        hide_parameters=True,
    )
    event.listen(engine, "checkin", _note_when)
    event.listen(engine, "checkout", partial(_ping_if_idle, engine.dialect))
    return engine


def _note_when(connection: Any, record: Any) -> None:
    del connection
    record.info[_LEFT_AT] = time.monotonic()


def _ping_if_idle(dialect: Any, connection: Any, record: Any, proxy: Any) -> None:
    """See that a connection which idled is there still; the pool opens another if it is not."""
    del proxy
    left_at = record.info.get(_LEFT_AT)
    if left_at is None or time.monotonic() - left_at < _IDLED:
        return
    try:
        dialect.do_ping(connection)
    except dialect.dbapi.Error as error:
        raise DisconnectionError from error


def _postgresql_defaults(url: URL) -> dict[str, Any]:
    """Return what libpq and psycopg are told where the URL does not say otherwise.

    A host that is cut off is noticed within half a minute: libpq itself would wait two hours for
    an answer, and without an end to connect. No statement is prepared on the server, so that a
    PgBouncer in transaction mode may give each transaction another connection; nothing else of
    ours lasts longer than its transaction either.
    """
    wanted: dict[str, Any] = {
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        "application_name": "alerta",
    }
    given = {name: value for name, value in wanted.items() if name not in url.query}
    # Whatever the server or the surroundings say: without it, SQL_ASCII gives bytes for texts.
    return {**given, "client_encoding": "utf8", "prepare_threshold": None}


def _prepare_sqlite(connection: Any, record: Any) -> None:
    del record
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an alert that was recorded survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    try:
        # Past SQLAlchemy's work for a statement, which took longer than the statement.
        with closing(connection.connection.cursor()) as cursor:
            if read_only:
                cursor.execute(begin)
            else:
                _wait_for_turn(cursor, begin)
    except sqlite3.Error as error:
        raise OperationalError(begin, None, error, hide_parameters=True) from error


def _wait_for_turn(cursor: Any, begin: str) -> None:
    """Take the one lock on writing, asking every few milliseconds while somebody has it.

    SQLite's own waiting asks ten times a second. Who writes batch after batch leaves gaps that are
    shorter than that, and would be met by chance only.

    Raises:
        sqlite3.OperationalError: if it is still taken after `SQLITE_BUSY_SECONDS`.
    """
    deadline: float | None = None
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                cursor.execute(begin)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                now = time.monotonic()
                deadline = deadline or now + SQLITE_BUSY_SECONDS
                if now >= deadline:
                    raise
            else:
                return
            time.sleep(_ASK_AGAIN)
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {1000 * SQLITE_BUSY_SECONDS}")


def _let_go_of_sqlite(connection: Any, record: Any, exception: BaseException | None) -> None:
    """End the transaction of a connection that is given up, since closing it may not.

    A signal in the middle of a statement leaves a cursor in the frames of its traceback, and SQLite
    closes nothing while there is one: the lock on the database would stay, for whoever handles the
    signal and for everybody else.
    """
    del record, exception
    with suppress(sqlite3.Error):
        connection.rollback()


def inserts(dialect: str) -> Callable[[Any], Insert]:
    """Return the `insert` of a dialect, the only one that knows ON CONFLICT."""
    return sqlite.insert if dialect == "sqlite" else postgresql.insert


def insert_for(session: Session, table: Any) -> Insert:
    """Return an insert into a table that knows ON CONFLICT."""
    return inserts(session.get_bind().dialect.name)(table)
