"""Databases of earlier releases: taken back from today's, revision by revision."""

from __future__ import annotations

from alembic import command

from models.database import make_engine
from models.schema import _config


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
