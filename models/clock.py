"""The clock of the database: one for all hosts, however wrong their own are."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session


def database_now(session: Session) -> datetime:
    """Return the present by the database's clock, not that of this transaction's beginning.

    SQLite has none of its own: it is the clock of this host, on which everybody is.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        asked = "SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"
        return datetime.fromisoformat(connection.exec_driver_sql(asked).scalar_one() + "000+00:00")
    found: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return found.astimezone(UTC)
