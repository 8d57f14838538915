"""Statements that are repeated for thousands of rows, past SQLAlchemy's work for each row.

A first import writes every invoice of an ISP, a sweep looks every one of them up, and the planner
writes what is owed of all that is due. The types of the columns still convert each value that is
written (exact money, aware instants); what is left out is the compiling of parameters row by row,
which took more than half of the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import msgspec
from sqlalchemy import (
    JSON,
    ColumnElement,
    Dialect,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects.postgresql import ARRAY
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
        wispro_ids: of the page; none has a comma.

    Returns:
        By id; `unsettled` = it was missing from a read, or has vanished.
    """
    engine = database.glancing
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            text = connection.exec_driver_sql(_KNOWN_SQLITE, (isp_id, json.dumps(wispro_ids)))
        else:
            text = connection.exec_driver_sql(_KNOWN, (isp_id, ",".join(wispro_ids)))
        found = _KNOWN_ROWS.decode(text.scalar_one())
    return {one.wispro_id: one for one in found}


#: The ids as one text, of which the driver reads no single place; the rows as one value: sqlite3
#: gives the interpreter lock away for every row that it steps to, and the thread that reads ahead
#: takes it each time.
_KNOWN = (
    "SELECT coalesce(json_agg(json_build_array(wispro_id, id, state, fingerprint, "
    "missing_reads > 0 OR vanished_at IS NOT NULL)), '[]')::text "
    "FROM invoice WHERE isp_id = %s AND wispro_id = ANY (string_to_array(%s, ','))"
)
_KNOWN_SQLITE = (
    "SELECT json_group_array(json_array(wispro_id, id, state, fingerprint, "
    "json(iif(missing_reads > 0 OR vanished_at IS NOT NULL, 'true', 'false')))) "
    "FROM invoice WHERE isp_id = ? AND wispro_id IN (SELECT value FROM json_each(?))"
)
_KNOWN_ROWS = msgspec.json.Decoder(list[KnownInvoice])


def insert_all(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> None:
    """This function will insert many rows, none of which is there yet.

    PostgreSQL takes a third less time than where it has to expect that one is.

    Args:
        session: an open unit of work.
        model: whose table.
        rows: every one with the same columns.

    Raises:
        IntegrityError: if one is there.
    """
    if not rows:
        return
    connection = session.connection()
    many = _Many(model, tuple(rows[0]), connection.dialect)
    connection.exec_driver_sql(many.insert(), many.parameters(rows))


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
    many = _Many(model, tuple(rows[0]), connection.dialect)
    statement = f"{many.insert()} {_UNLESS_THERE}"
    found = connection.exec_driver_sql(statement, many.parameters(rows))
    return max(found.rowcount, 0)


def insert_new_ids(
    session: Session,
    model: type[DeclarativeBase],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
) -> list[int | None]:
    """This function will insert those of many rows that are not there yet, and say which they are.

    Args:
        session: an open unit of work.
        model: whose table.
        rows: every one with the same columns.
        key: the columns in which no two rows are the same.

    Returns:
        For each of the rows the id that it was given; None if it was there, or comes a second time.
    """
    if not rows:
        return []
    connection = session.connection()
    many = _Many(model, tuple(rows[0]), connection.dialect)
    returning = f"{_UNLESS_THERE} RETURNING id, {', '.join(key)}"
    columns = many.columns(rows)
    found: list[Any] = []
    if many.sqlite:
        values = list(zip(*columns, strict=True))
        for start in range(0, len(values), _ROWS_AT_ONCE):
            some = values[start : start + _ROWS_AT_ONCE]
            statement = f"{many.insert(len(some))} {returning}"
            found += connection.exec_driver_sql(statement, tuple(chain(*some))).all()
    else:
        statement = f"{many.insert()} {returning}"
        found += connection.exec_driver_sql(statement, (many.document(columns),)).all()
    new = {tuple(same): row_id for row_id, *same in found}
    sames = zip(*(columns[many.names.index(name)] for name in key), strict=True)
    return [new.pop(same, None) for same in sames]


_UNLESS_THERE = "ON CONFLICT DO NOTHING"
#: Of one statement on SQLite, whose older versions take 32 766 values at most.
_ROWS_AT_ONCE = 250


def update_each(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> None:
    """This function will write columns of many rows, to each its own values.

    What the session has loaded of them does not learn of it.

    Args:
        session: an open unit of work.
        model: whose table.
        rows: every one with the same columns, the last of them its `id`.
    """
    if not rows:
        return
    connection = session.connection()
    many = _Many(model, tuple(rows[0]), connection.dialect)
    connection.exec_driver_sql(many.update(), many.parameters(rows))


def ids_at_once(session: Session, query: Select[int]) -> list[int]:
    """This function will return what a query for ids finds, in no order.

    The database hands them over as one text, which takes a quarter of our time for as many rows
    (SQLite, 5 000 ids: 3 ms of CPU instead of 11).

    Args:
        session: reads.
        query: selects one column of ids; its order and its limit hold.
    """
    (column,) = query.subquery().c
    found = session.scalar(select(func.aggregate_strings(cast_to(column, Text), ",")))
    return [int(one) for one in found.split(",")] if found else []


def among(session: Session, column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of many values.

    PostgreSQL is given them as one array: of a list its driver reads every place anew.
    """
    if session.get_bind().dialect.name == "sqlite":
        return cast("ColumnElement[bool]", column.in_(values))
    array = bindparam(None, list(values), type_=ARRAY(column.type))
    return cast("ColumnElement[bool]", column == any_(array))


def checked(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition for which no index is used: rows that others find are checked by it.

    SQLite does not count its rows. It takes an index of a column that equals something for better
    than one of a column that is among many, and so looks through all that was ever sent.
    """
    return condition.is_(True)


@dataclass(frozen=True, slots=True)
class _Many:
    """Many rows of one table with the same columns, and the statements that write them.

    SQLite is given values. PostgreSQL is given one JSON document, which takes a tenth of the time
    that its driver spends on an array for each column. The names in a statement are our own.
    """

    model: type[DeclarativeBase]
    names: tuple[str, ...]
    dialect: Dialect

    @property
    def sqlite(self) -> bool:
        return self.dialect.name == "sqlite"

    def insert(self, rows: int = 1) -> str:
        """Return the statement that inserts; `rows` = at once, on SQLite."""
        into = f"INSERT INTO {self._table.name} ({', '.join(self.names)})"
        if self.sqlite:
            place = f"({', '.join('?' * len(self.names))})"
            given = f"VALUES {', '.join([place] * rows)}"
        else:
            given = f"SELECT * FROM {_given(self._table, self.names, self.dialect)}"  # noqa: S608
        return f"{into} {given}"

    def update(self) -> str:
        """Return the statement that writes the other columns of a row with an `id`."""
        *names, row_id = self.names
        assert row_id == "id"
        table = self._table.name
        if self.sqlite:
            laid = ", ".join(f"{name} = ?" for name in names)
            return f"UPDATE {table} SET {laid} WHERE id = ?"  # noqa: S608
        laid = ", ".join(f"{name} = given.{name}" for name in names)
        given = _given(self._table, self.names, self.dialect)
        return f"UPDATE {table} SET {laid} FROM {given} WHERE {table}.id = given.id"  # noqa: S608

    def columns(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Return the values of each column as they are written."""
        converters = _converters(self._table, self.names, self.dialect)
        return [
            _converted([row[name] for row in rows], convert)
            for name, convert in zip(self.names, converters, strict=True)
        ]

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return what a statement for all rows is executed with."""
        columns = self.columns(rows)
        if self.sqlite:
            return list(zip(*columns, strict=True))
        return (self.document(columns),)

    def document(self, columns: Sequence[Sequence[Any]]) -> str:
        """Return the values of all columns as PostgreSQL reads them."""
        rows = [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]
        return msgspec.json.encode(rows).decode()

    @property
    def _table(self) -> Table:
        return cast("Table", self.model.__table__)


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


@lru_cache(maxsize=16)
def _converters(table: Table, names: tuple[str, ...], dialect: Dialect) -> list[Convert | None]:
    kinds = [table.c[name].type for name in names]
    plain = dialect.name != "sqlite"  # there an object is a part of the document
    return [
        None
        if plain and isinstance(kind, JSON)
        else kind.dialect_impl(dialect).bind_processor(dialect)
        for kind in kinds
    ]


@lru_cache(maxsize=16)
def _given(table: Table, names: tuple[str, ...], dialect: Dialect) -> str:
    """Return the table that PostgreSQL reads out of a document, each value by its column's type."""
    kinds = ", ".join(f"{name} {table.c[name].type.compile(dialect)}" for name in names)
    return f"json_to_recordset(%s::json) AS given({kinds})"
