"""Six minutes of a lease and ten of a pause, over at once: rows are updated, nobody waits."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update

from billing.ending import LEASE
from models.alert import Delivery
from tests.chaos.stage import Stage
from tests.support.processes import Running

#: A claim that is older, while nothing moves and nobody speaks to the mail server, is a dead one's:
#: between journal and connection there are milliseconds.
_DEAD_AFTER = timedelta(seconds=10)
_OPEN = ("planned", "sending")


def unended(stage: Stage[Any]) -> int:
    """Return how many deliveries have no end yet."""
    with stage.house.database.read() as session:
        query = select(func.count()).select_from(Delivery).where(Delivery.state.in_(_OPEN))
        return session.scalar(query) or 0


def is_stuck(stage: Stage[Any], *, now: datetime) -> bool:
    """Whether nothing will go on before a lease or a pause is over."""
    moving = or_(
        (Delivery.state == "planned") & (Delivery.not_before <= now),
        (Delivery.state == "sending") & (Delivery.lease_until > now + LEASE - _DEAD_AFTER),
    )
    with stage.house.database.read() as session:
        return not session.scalar(select(func.count()).where(moving)) and not stage.sink.busy


def hasten(stage: Stage[Any]) -> None:
    """End every lease and every pause; the sweep of the product resolves what broke off."""
    now = datetime.now(UTC)
    with stage.house.database.write() as session:
        session.execute(update(Delivery).where(Delivery.state == "sending").values(lease_until=now))
    stage.house.delivering.sweep(now=now)
    with stage.house.database.write() as session:
        waits = (Delivery.state == "planned") & (Delivery.not_before > now)
        session.execute(update(Delivery).where(waits).values(not_before=now))


def finish(stage: Stage[Any], daemon: Running, *, seconds: float) -> None:
    """Let the daemon bring every delivery to its end.

    Raises:
        TimeoutError: if it does not in time.
    """
    deadline = time.monotonic() + seconds
    while left := unended(stage):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{left} deliveries without an end\n{daemon.text[-6000:]}")
        if is_stuck(stage, now=datetime.now(UTC)):
            hasten(stage)
        time.sleep(0.5)
