"""Bring a database to the current schema, or say that it is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"


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
    """Return the revision of the database, or None where it was never migrated."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])
