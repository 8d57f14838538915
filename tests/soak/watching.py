"""What a daemon weighs and what waits, looked at every few seconds from outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import psutil
from sqlalchemy import func, select

from models.alert import Delivery
from models.isp import Isp
from tasks import queues
from tests.support.processes import Running
from worker.broker import broker_client
from worker.house import House

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: MiB by kind of process (the largest of a kind), hints in the broker, late rows.

    `late` is how many seconds ago the oldest planned delivery was due.
    """

    at: datetime
    mib: dict[str, float]
    hints: int
    due: int
    late: float
    looked: int


def look(daemon: Running, house: House) -> Sample:
    """This function will look at a daemon once."""
    weights: dict[str, list[float]] = defaultdict(list)
    for one in daemon.descendants():
        with suppress(psutil.NoSuchProcess):
            weights[_kind(one)].append(one.memory_info().rss / _MIB)
    now = datetime.now(UTC)
    client = broker_client(house.settings, timeout=5)
    try:
        hints = sum(int(client.llen(f"alerta:{name}")) for name in queues.QUEUES)
    finally:
        client.close()
    with house.database.read() as session:
        due, oldest = session.execute(
            select(func.count(), func.min(Delivery.not_before)).where(
                Delivery.state == "planned", Delivery.not_before <= now
            )
        ).one()
        looked = session.scalar(select(func.count()).where(Isp.synced_at.is_not(None))) or 0
    late = (now - oldest).total_seconds() if oldest else 0.0
    return Sample(
        now, {kind: max(some) for kind, some in weights.items()}, hints, due, late, looked
    )


def _kind(process: psutil.Process) -> str:
    line = process.cmdline()
    if "--queues" in line:
        parent = process.parent()
        queue = line[line.index("--queues") + 1]
        is_child = parent is not None and "--queues" in parent.cmdline()
        return f"{queue} {'child' if is_child else 'parent'}"
    if "beat" in line:
        return "beat"
    return "valkey" if "valkey" in " ".join(line) else "other"


def growth(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """This function will compare the second and the last fifth of a run: medians of MiB."""
    fifth = max(1, len(samples) // 5)
    early, last = samples[fifth : 2 * fifth], samples[-fifth:]
    kinds = set.intersection(*({*one.mib} for one in (*early, *last)))
    return {
        kind: (median(s.mib[kind] for s in early), median(s.mib[kind] for s in last))
        for kind in sorted(kinds)
    }
