"""Two statements that a long read repeats for every page, past SQLAlchemy's work for each row.

A first import writes every invoice of an ISP, and a sweep looks every one of them up. The types of
the columns still convert each value that is written (exact money, aware instants); what is left out
is the compiling of parameters row by row, which took more than half of the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from sqlalchemy import Dialect, Table
from sqlalchemy.orm import DeclarativeBase, Session

from models.database import Database

Convert = Callable[[Any], Any]


class KnownInvoice(msgspec.Struct, frozen=True, array_like=True):
    """What tells whether our copy of an invoice is still what Wispro writes."""

    wispro_id: str
    id: int
    state: str
    fingerprint: int | None
    unsettled: bool


def known_invoices(
    database: Database, isp_id: int, wispro_ids: Sequence[str]
) -> dict[str, KnownInvoice]:
    """This function will find our copies of the invoices of one page.

    Args:
        database: rows.
        isp_id: whose.
        wispro_ids: of the page.

    Returns:
        By id; `unsettled` = it was missing from a read, or has vanished.
    """
    engine = database.reading
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            text = connection.exec_driver_sql(_KNOWN_SQLITE, (isp_id, json.dumps(wispro_ids)))
            found = _KNOWN_ROWS.decode(text.scalar_one())
        else:
            rows = connection.exec_driver_sql(_KNOWN, (isp_id, list(wispro_ids)))
            found = [KnownInvoice(*row) for row in rows.all()]
    return {one.wispro_id: one for one in found}


_KNOWN = (
    "SELECT wispro_id, id, state, fingerprint, missing_reads > 0 OR vanished_at IS NOT NULL "
    "FROM invoice WHERE isp_id = %s AND wispro_id = ANY (%s)"
)
#: As one value: sqlite3 gives the interpreter lock away for every row that it steps to, and the
#: thread that reads ahead takes it each time.
_KNOWN_SQLITE = (
    "SELECT json_group_array(json_array(wispro_id, id, state, fingerprint, "
    "json(iif(missing_reads > 0 OR vanished_at IS NOT NULL, 'true', 'false')))) "
    "FROM invoice WHERE isp_id = ? AND wispro_id IN (SELECT value FROM json_each(?))"
)
_KNOWN_ROWS = msgspec.json.Decoder(list[KnownInvoice])


def insert_new(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> int:
    """This function will insert those of many rows that are not there yet.

    Args:
        session: an open unit of work.
        model: whose table.
        rows: every one with the same columns.

    Returns:
        How many were new.
    """
    if not rows:
        return 0
    connection = session.connection()
    names = tuple(rows[0])
    statement, converters = _prepared(cast("Table", model.__table__), names, connection.dialect)
    columns = [
        _converted([row[name] for row in rows], convert)
        for name, convert in zip(names, converters, strict=True)
    ]
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))
    else:
        found = connection.exec_driver_sql(statement, tuple(columns))
    return max(found.rowcount, 0)


def _converted(values: list[Any], convert: Convert | None) -> list[Any]:
    """Convert one column; a value that is the same object as the one above it, only once."""
    if convert is None:
        return values
    last: Any = None
    written: Any = convert(None)
    converted = []
    for value in values:
        if value is not last:
            last, written = value, convert(value)
        converted.append(written)
    return converted


@lru_cache(maxsize=8)
def _prepared(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, list[Convert | None]]:
    quote = dialect.identifier_preparer.quote
    into = f"{dialect.identifier_preparer.format_table(table)} ({', '.join(map(quote, names))})"
    if dialect.name == "sqlite":
        rows = f"VALUES ({', '.join('?' * len(names))})"
    else:  # one array for each column: a page is one message, not a hundred
        kinds = [table.c[name].type.compile(dialect) for name in names]
        arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        rows = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - types of our own columns
    text = f"INSERT INTO {into} {rows} ON CONFLICT DO NOTHING"  # names of our own
    return text, [
        table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names
    ]
