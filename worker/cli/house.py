"""The house of one command: opened ready to work, closed at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import load_settings
from worker import logs
from worker.cli.audited import on_record
from worker.house import House


@contextmanager
def open_house(*, migrated: bool = True) -> Iterator[House]:
    """Yield the use-cases of this process.

    Args:
        migrated: refuse a database that lacks our tables.

    Raises:
        SettingsError: with everything that is wrong in the environment.
        NotReadyError: if the database was not migrated.
    """
    settings = load_settings()
    logs.configure(settings)
    # By hand, the answer is what the command prints; the daemon's event lines would bury it.
    logging.getLogger().setLevel(logging.WARNING)
    house = House(settings)
    with on_record(house) as begin:
        if migrated:
            house.require_schema()
            begin()
        yield house
