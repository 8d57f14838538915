"""Steer a database without counts: SQLite takes the index with the most columns that match.

Of a journal that grows for years, "sent, of this ISP" matches two columns and nearly every row;
"since yesterday" matches one column and few rows. PostgreSQL knows how many, and is not misled.
"""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import InstrumentedAttribute

T = TypeVar("T")


def unindexed(column: InstrumentedAttribute[T]) -> ColumnElement[T]:
    """Return a column as an expression that equals it, and for which no index is chosen."""
    return func.coalesce(column, column)
