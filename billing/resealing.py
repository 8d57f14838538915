"""What is sealed, under which key, and how it comes under the newest one.

Every column whose name ends in `_sealed` is. They are read in pages without a lock, and written
only where something is to be done, each row on the condition that it still holds what was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

import structlog
from sqlalchemy import Column, bindparam, select, update
from sqlalchemy.orm import Session

from billing.ports import SecretError, VaultPort
from models.database import Database
from models.tables import Base

log = structlog.get_logger()

#: Rows of a page: some hundred kilobytes; those of one short transaction.
_PAGE, _BATCH = 5000, 500
#: Of a value that no key of the ring opens, where a count asks for a key's name.
NO_KEY = "none"


def sealed_columns() -> list[Column[Any]]:
    """This function will name every column that holds sealed values."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    ]


def count_sealed(database: Database, vault: VaultPort) -> dict[str, Counter[str]]:
    """This function will count the sealed values of each table under each key.

    Returns:
        By the name of the key, `NO_KEY` among them; each by the name of the table.
    """
    counted: dict[str, Counter[str]] = {}
    for column in sealed_columns():
        for page in _pages(database, column):
            for _, sealed in page:
                name = vault.key_of(sealed) or NO_KEY
                counted.setdefault(name, Counter())[column.table.name] += 1
    return counted


def reseal(database: Database, vault: VaultPort) -> int:
    """This function will seal again, under the first key, whatever an older key sealed.

    Returns:
        How many values were sealed again. Values that no key opens are left and logged.
    """
    return sum(_reseal_column(database, vault, column) for column in sealed_columns())


def _reseal_column(database: Database, vault: VaultPort, column: Column[Any]) -> int:
    done = unreadable = 0
    for page in _pages(database, column):
        fresh = []
        for row_id, sealed in page:
            if vault.is_current(sealed):
                continue
            try:
                opened = vault.open(sealed)
            except SecretError:
                unreadable += 1
                continue
            fresh.append({"row": row_id, "former": sealed, "sealed": vault.seal(opened)})
        for start in range(0, len(fresh), _BATCH):
            some = fresh[start : start + _BATCH]
            with database.write() as session:
                _write(session, column, some)
            done += len(some)
    if done or unreadable:
        table = column.table.name
        log.info("reseal.finished", table=table, done=done, unreadable=unreadable)
    return done


def _write(session: Session, column: Column[Any], rows: Sequence[dict[str, Any]]) -> None:
    table = column.table
    session.connection().execute(
        update(table)
        .where(_key(column) == bindparam("row"), column == bindparam("former"))
        .values({column: bindparam("sealed")}),
        list(rows),
    )


def _pages(database: Database, column: Column[Any]) -> Iterator[list[tuple[int, str]]]:
    key, after = _key(column), None
    while True:
        query = select(key, column).where(column.is_not(None)).order_by(key).limit(_PAGE)
        with database.read() as session:
            rows = session.execute(query if after is None else query.where(key > after)).all()
        yield [(row[0], row[1]) for row in rows]
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _key(column: Column[Any]) -> Column[int]:
    (key,) = column.table.primary_key.columns
    return cast("Column[int]", key)
