"""What waits to be done, and since when: asked by the doctor, never by what does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.alert import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Deliveries whose time has come, and those that somebody claimed and never ended."""

    due: int
    oldest: datetime | None
    left_behind: int


def waiting(session: Session, *, now: datetime, grace: timedelta) -> Waiting:
    """Return what waits.

    Args:
        session: to read from.
        now: the present.
        grace: how long an expired claim may stand until the next sweep ends it.
    """
    due = session.execute(
        select(func.count(), func.min(Delivery.not_before)).where(
            Delivery.state == "planned", Delivery.not_before <= now
        )
    ).one()
    left = session.scalar(
        select(func.count()).where(Delivery.state == "sending", Delivery.lease_until < now - grace)
    )
    return Waiting(due=due[0], oldest=due[1], left_behind=left or 0)
