"""Connections to PostgreSQL: asked whether they are there only where they may not be."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import database as module
from models.database import Database

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)

WHO = text("SELECT pg_backend_pid()")
END = text("SELECT pg_terminate_backend(:process)")


@pytest.fixture
def pings(database: Database, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Count the pings of this database."""
    counted = Mock(wraps=database.engine.dialect.do_ping)
    monkeypatch.setattr(database.engine.dialect, "do_ping", counted)
    return counted


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """Return another process's view of the same database."""
    other = Database(database_url)
    yield other
    other.close()


def process(database: Database) -> int:
    """Return the server's process that answers."""
    with database.read() as session:
        return int(session.execute(WHO).scalar_one())


def test_what_was_just_used_is_not_asked(database: Database, pings: Mock) -> None:
    """One statement after the other costs the statements."""
    assert len({process(database) for _ in range(5)}) == 1
    assert pings.call_count == 0


def test_what_idled_is_asked_once(
    database: Database, pings: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall may have forgotten it."""
    process(database)
    monkeypatch.setattr(module, "_IDLED", 0.0)
    process(database)
    assert pings.call_count == 1


def test_what_is_gone_is_replaced_before_anybody_notices(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server was restarted while nothing was to be done."""
    before = process(database)
    with other.write() as session:
        session.execute(END, {"process": before})
    monkeypatch.setattr(module, "_IDLED", 0.0)
    assert process(database) != before


def test_what_goes_in_the_middle_costs_one_unit_of_work(
    database: Database, other: Database
) -> None:
    """As where it goes between two statements: the next unit has a connection again."""
    before = process(database)
    with other.write() as session:
        session.execute(END, {"process": before})
    with pytest.raises(OperationalError):
        process(database)
    assert process(database) != before


def test_a_glance_opens_no_transaction(database: Database) -> None:
    """One statement is one way there and back; what comes after it has a transaction again."""
    with database.glancing.connect() as connection:
        connection.execute(WHO)
        raw = connection.connection.dbapi_connection
        assert raw is not None
        assert raw.info.transaction_status is TransactionStatus.IDLE
    with database.reading.connect() as connection:
        connection.execute(WHO)
        raw = connection.connection.dbapi_connection
        assert raw is not None
        assert raw.info.transaction_status is TransactionStatus.INTRANS
