"""One beat ticks at a time: a lease on one row, by the clock of the database.

Any number of beats may run; those that find the lease taken stand by and ask again. Beat only
ticks, so even two that tick side by side are harmless: this keeps hints few, and says who ticks.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, case, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.clock import database_now
from models.database import insert_for

_ONLY = "beat"
#: A lease that ends later than this was written while the database's clock was wrong.
_LONGEST = timedelta(minutes=10)


class BeatLease(Base):
    """Who ticks, and who stood by last.

    `token` is that of the process that ticks, `since` when it began to, `seen_at` when it last did,
    `until` when another one may take over. All instants are the database's.
    """

    __tablename__ = "beat_lease"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    token: Mapped[str] = mapped_column(String(36))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
    until: Mapped[datetime]
    standby_host: Mapped[str | None] = mapped_column(String(255))
    standby_seen_at: Mapped[datetime | None]


def take(session: Session, *, token: str, host: str, pid: int, length: timedelta) -> bool:
    """Take the lease, or hold it longer; False = another one ticks, and it knows of us.

    Args:
        session: to write in.
        token: of this process.
        host: its machine.
        pid: its number there.
        length: how long it holds without being held longer.
    """
    now = database_now(session)
    ours = {"token": token, "host": host[:255], "pid": pid, "seen_at": now, "until": now + length}
    fresh = insert_for(session, BeatLease).values(name=_ONLY, since=now, **ours)
    if session.scalars(fresh.on_conflict_do_nothing().returning(BeatLease.name)).first():
        return True
    free = or_(BeatLease.until <= now, BeatLease.until > now + _LONGEST)
    since = case((BeatLease.token == token, BeatLease.since), else_=now)
    taken = session.scalars(
        update(BeatLease)
        .where(BeatLease.name == _ONLY, or_(BeatLease.token == token, free))
        .values(since=since, **ours)
        .returning(BeatLease.name)
        .execution_options(synchronize_session=False)
    ).first()
    if taken:
        return True
    session.execute(
        update(BeatLease)
        .where(BeatLease.name == _ONLY)
        .values(standby_host=host[:255], standby_seen_at=now)
        .execution_options(synchronize_session=False)
    )
    return False


def give(session: Session, *, token: str) -> None:
    """Let the next one take over at once, if it is still ours."""
    session.execute(
        update(BeatLease)
        .where(BeatLease.name == _ONLY, BeatLease.token == token)
        .values(until=database_now(session))
        .execution_options(synchronize_session=False)
    )


def read(session: Session) -> BeatLease | None:
    """Return who ticks, or ticked last; None = nobody ever did."""
    return session.scalars(select(BeatLease)).first()
