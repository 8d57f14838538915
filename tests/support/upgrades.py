"""Databases of earlier releases: taken back from today's, revision by revision."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    insert,
    select,
)

from models import schema
from models.database import make_engine
from models.schema import _config


def revisions() -> list[str]:
    """Return every revision that there was, the oldest first."""
    files = (Path(schema.__file__).parent / "migrations" / "versions").glob("0*.py")
    return sorted(path.name.partition("_")[0] for path in files)


def downgraded(url: str, revision: str) -> None:
    """Take a database back to an earlier revision."""
    engine = make_engine(url)
    command.downgrade(_config(engine), revision)
    engine.dispose()


def upgraded(url: str, revision: str) -> None:
    """Bring a database to a revision."""
    engine = make_engine(url)
    command.upgrade(_config(engine), revision)
    engine.dispose()


def filled(engine: Engine) -> dict[str, dict[str, object]]:
    """Put one row into every table, whatever its columns are at this revision; return the rows.

    What another table is referred to by is 1, so that all of them belong together.
    """
    metadata = MetaData()
    metadata.reflect(engine)
    rows: dict[str, dict[str, object]] = {}
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            own = {key.parent.name for key in table.foreign_keys if key.column.table is table}
            values = {one.name: _value(one) for one in table.columns if one.name not in own}
            connection.execute(insert(table).values(values))
            read = connection.execute(select(table)).mappings().one()
            rows[table.name] = dict(read)
    return rows


def read_back(engine: Engine) -> dict[str, list[dict[str, object]]]:
    """Return the rows of every table."""
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


def _value(column: Column[Any]) -> object:
    """Return what fits a column; identifiers are 1."""
    kind = column.type
    if column.primary_key or column.foreign_keys:
        return "1" if isinstance(kind, String) else 1
    match kind:
        case Boolean():
            return column.name != "baseline"  # of changes, those went with revision 0003
        case Integer():
            return 1
        case Numeric():
            return Decimal(2) if not isinstance(kind, Float) else 2.0
        case DateTime():
            zone = UTC if kind.timezone else None
            return datetime(2026, 3, 10, 15, 0, tzinfo=zone)
        case Date():
            return date(2026, 3, 20)
        case JSON():
            return {} if column.name != "steps_off" else []
        case LargeBinary():
            return b"1"
    return "1"
