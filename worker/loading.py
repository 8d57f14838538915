"""Load what a process shares with those that it forks: what is in memory before is there once."""

from __future__ import annotations

import gc
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from sqlalchemy.orm import configure_mappers

#: The rooms whose every module some task or command needs.
ROOMS = ("billing", "config", "models", "notifications", "wispro")
_LEFT_OUT = ("models.migrations", "wispro.sandbox")
#: What a house loads when it is first needed, beside the rooms.
_LATE = (
    "worker.buckets",
    "worker.house",
    "worker.pace",
    "worker.shelf",
    "worker.tallies",
    "worker.turns",
)


def load_rooms() -> None:
    """This function will load every module that is needed by and by, and let copies share it.

    Nothing is connected. The collector leaves alone what is there by then: to look at an object is
    to write on its page, which would no longer be shared (the advice of Python's own `gc.freeze`).
    """
    for name in (*_LATE, *_modules()):
        import_module(name)
    configure_mappers()
    gc.collect()
    gc.freeze()


def _modules() -> Iterator[str]:
    for room in ROOMS:
        package = import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not found.name.startswith(_LEFT_OUT):
                yield found.name
