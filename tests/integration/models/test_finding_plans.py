"""No question of `alerta find` reads a table from end to end, however many customers there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from billing.searching import Searching
from config.keys import Vault, new_key
from models.database import Database
from models.tables import Base
from notifications.destinations import parse_short
from tests.integration.models.rows import add_account, add_channel, add_invoice, add_isp
from wispro.login import login_token

#: Of ISPs there are few.
_TABLES = {*Base.metadata.tables, "account_word_1", "account_word_2"} - {"isp"}
ASKED = (
    "nunez", "mar go", "m g j r", "public:793", "793", "A-0001-793", "K0793", "30.111.222",
    "ana@correo.example", "a…@correo.example", "zutano 4", "c1000000-0000-4000-8000-000000000000",
    "https://portal.example/portal_api/auth/abcdefghijklmnopqrstuv",
)  # fmt: skip


@pytest.fixture
def peopled(database: Database) -> Database:
    """Fill a database with somebody at each of three ISPs."""
    with database.write() as session:
        for number in range(3):
            isp = add_isp(session, slug=f"isp{number}")
            account = add_account(session, isp, client_id=f"c-{number}", public_id=793 + number)
            add_channel(session, account)
            add_invoice(session, account, number="A-0001-793", number_end="793")
    return database


@contextmanager
def overheard(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """Keep the statements that are run meanwhile."""
    connection = session.connection()
    heard: list[tuple[str, Any]] = []

    def keep(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        heard.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    try:
        yield heard
    finally:
        event.remove(connection, "before_cursor_execute", keep)


def read_whole(session: Session, statement: str, parameters: Any) -> set[str]:
    """Return the tables that a statement would read from end to end."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        lines = [row[3] for row in rows]
        # All of an ISP's rows are as bad as all.
        long = [line for line in lines if line.startswith("SCAN") or line.endswith("(isp_id=?)")]
        return {line.split()[1] for line in long} & _TABLES
    # Of a few rows it reads all, unless it is told not to where there is another way.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    lines = [row[0] for row in rows]
    return {line.split(" on ")[1].split()[0] for line in lines if "Seq Scan on" in line} & _TABLES


@pytest.mark.parametrize("said", ASKED)
def test_every_question_goes_by_an_index(peopled: Database, said: str) -> None:
    """Whatever is asked, by all ISPs at once."""
    searching = Searching(Vault([new_key()]), login_token, parse_short)
    with peopled.read() as session:
        with overheard(session) as heard:
            searching.find(session, said)
        assert len(heard) > 1
        for statement, parameters in heard:
            found = read_whole(session, statement, parameters)
            assert not found, statement
