"""Bring a database to the current schema, or say that it is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"


class UnfitDatabaseError(SQLAlchemyError):
    """A database that answers and yet cannot be ours; the text says what to do."""


def _config(engine: Engine) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see migrate

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def migrate(engine: Engine) -> str:
    """This function will run every migration that is missing and return the revision reached."""
    from alembic import command  # noqa: PLC0415 - 0.2 s that only this call needs

    command.upgrade(_config(engine), "head")
    return wanted_revision()


def wanted_revision() -> str:
    """Return the newest revision that this code knows: the largest number in front of a file."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("0*.py"))


def present_revision(engine: Engine) -> str | None:
    """Return the revision of the database, or None where it was never migrated.

    Raises:
        UnfitDatabaseError: if it cannot keep every text as it is.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            _check_encoding(str(connection.exec_driver_sql("SHOW server_encoding").scalar_one()))
        if not inspect(connection).has_table("alembic_version"):
            return None
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _check_encoding(encoding: str) -> None:
    """Refuse a database in which a name with an accent is longer than it is, or none at all.

    A cluster that was made without a locale has SQL_ASCII, which counts bytes for letters.
    """
    if encoding != "UTF8":
        raise UnfitDatabaseError(
            f"it keeps texts as {encoding}, not as UTF8; make it anew: "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
