"""What makes the tests quick and takes nothing away from what they prove."""

from __future__ import annotations

import gc
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
import typer.main
from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from models import database

_PEM_END = "-----END CERTIFICATE-----\n"
#: More statements than the whole product has.
_STATEMENTS: LRUCache[Any, Any] = LRUCache(5_000)


def make_haste(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Spare each test what an earlier one did already.

    Args:
        patch: of the session.
        folder: for files.
    """
    _open_quickly(patch)
    _trust_one_certificate(patch, folder)
    patch.setattr(typer.main, "get_command", cache(typer.main.get_command))


def stop_collecting_what_stays() -> None:
    """Spare the garbage collector all modules and all tests: they are there until the end."""
    gc.collect()
    gc.freeze()


def _open_quickly(patch: pytest.MonkeyPatch) -> None:
    """Let statements be compiled once for each kind of database instead of once in each test.

    Every test opens engines of its own; SQLAlchemy keeps what it compiled by engine and dialect.
    And let SQLite not wait for the disk: what a test wrote need not survive a power cut.
    """
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
    make_engine = database.make_engine

    def make(url: str) -> Engine:
        engine = make_engine(url)
        engine.update_execution_options(compiled_cache=_STATEMENTS)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _wait_for_no_disk)
        return engine

    patch.setattr(database, "make_engine", make)


def _wait_for_no_disk(connection: Any, record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _trust_one_certificate(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the certificates of the world not read for every letter: nobody here talks to it."""
    first, end, _ = certifi.contents().partition(_PEM_END)
    path = folder / "certificate.pem"
    path.write_text(first + end)
    patch.setenv("SSL_CERT_FILE", str(path))
    patch.setenv("SSL_CERT_DIR", str(folder))
