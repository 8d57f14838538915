"""Where a task finds the use-cases: laid out once in each worker child, by `worker/`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class Desk:
    """The use-cases that tasks call, and the clock that they read."""

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
