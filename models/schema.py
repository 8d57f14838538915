"""Bring a database to the current schema, or say that it is not there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def migrate(engine: Engine) -> str:
    """This function will run every migration that is missing and return the revision reached."""
    command.upgrade(_config(engine), "head")
    return wanted_revision(engine)


def wanted_revision(engine: Engine) -> str:
    """Return the newest revision that this code knows."""
    head = ScriptDirectory.from_config(_config(engine)).get_current_head()
    assert head is not None
    return head


def present_revision(engine: Engine) -> str | None:
    """Return the revision of the database, or None where it was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
