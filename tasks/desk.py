"""Where a task finds the use-cases: laid out once in each worker child, by `worker/`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing.delivery.delivering import Delivering
from billing.listening import Listening
from billing.maintenance import Maintenance
from billing.notices import Telling
from billing.planning import Planning
from billing.sync import Sync
from billing.watch.heartbeats import Heartbeats
from billing.watch.mornings import Mornings
from billing.watch.ticks import Ticks
from billing.watch.watching import Watching


class Counting(Protocol):
    """Counts what no row says, for whoever watches the installation."""

    def __call__(self, name: str, *labels: str, number: int = 1) -> None:
        """Add to one count."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """The use-cases that tasks call, the clock that they read, and what counts for them."""

    sync: Sync
    planning: Planning
    delivering: Delivering
    maintenance: Maintenance
    watching: Watching
    telling: Telling
    listening: Listening
    ticks: Ticks
    heartbeats: Heartbeats
    mornings: Mornings
    clock: Callable[[], datetime]
    count: Counting


_laid: list[Desk] = []


def lay(desk: Desk) -> None:
    """Lay the desk of this process."""
    _laid[:] = [desk]


def desk() -> Desk:
    """Return the desk of this process.

    Raises:
        RuntimeError: in a process that is no worker child.
    """
    if not _laid:
        raise RuntimeError("no desk was laid in this process; tasks run in worker children")
    return _laid[0]
