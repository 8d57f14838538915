"""One sync of an ISP at a time: a lease on its row, taken, renewed and given by guarded update."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from models.database import Database
from models.isp import Isp

#: Asked before each page is written, so it is built once.
_ISP = Isp.__table__
_HELD = (
    select(_ISP.c.id)
    .where(_ISP.c.id == bindparam("isp"), _ISP.c.sync_lease_token == bindparam("mine"))
    .with_for_update(read=True)
)


class SyncLease:
    """The right to sync one ISP; whoever lost it notices at the next `renew`.

    Args:
        database: rows.
        isp_id: which ISP.
        length: how long it holds without being renewed.
    """

    def __init__(self, database: Database, isp_id: int, length: timedelta) -> None:
        self._database = database
        self._isp_id = isp_id
        self._length = length
        self._token = str(uuid.uuid4())
        self._until: datetime | None = None

    def take(self, *, now: datetime) -> bool:
        """Take it if nobody holds it; False = somebody does."""
        free = or_(Isp.sync_lease_until.is_(None), Isp.sync_lease_until <= now)
        return self._write(free, until=now + self._length, turn_at=now)

    def renew(self, *, now: datetime) -> bool:
        """Hold it longer; False = it was lost, so nothing more may be written under it."""
        return self._write(Isp.sync_lease_token == self._token, until=now + self._length)

    def renew_in_time(self, *, now: datetime) -> bool:
        """Hold it longer if a quarter of it has passed; cheap to call before each step."""
        if self._until is not None and self._until - now > self._length * 0.75:
            return True
        return self.renew(now=now)

    def extend_in(self, session: Session, *, now: datetime) -> None:
        """Hold it longer if a quarter has passed, inside a transaction that is open already."""
        if self._until is not None and self._until - now > self._length * 0.75:
            return
        until = now + self._length
        if self._set(session, Isp.sync_lease_token == self._token, until=until):
            self._until = until

    def holds(self, session: Session) -> bool:
        """Whether it is still ours, asked inside the transaction that writes under it.

        Nobody can take it over until that transaction ends.
        """
        mine = {"isp": self._isp_id, "mine": self._token}
        return session.connection().execute(_HELD, mine).first() is not None

    def give(self, *, turn_at: datetime | None = None) -> None:
        """Give it back, if it is still ours; `turn_at` is when this turn counts."""
        self._write(Isp.sync_lease_token == self._token, until=None, turn_at=turn_at)

    def _write(
        self, condition: object, *, until: datetime | None, turn_at: datetime | None = None
    ) -> bool:
        with self._database.write() as session:
            changed = self._set(session, condition, until=until, turn_at=turn_at)
        self._until = until if changed else None
        return changed

    def _set(
        self,
        session: Session,
        condition: object,
        *,
        until: datetime | None,
        turn_at: datetime | None = None,
    ) -> bool:
        taken = {} if turn_at is None else {"sync_turn_at": turn_at}
        changed = session.scalars(
            update(Isp)
            .where(Isp.id == self._isp_id, condition)  # type: ignore[arg-type]
            .values(
                sync_lease_token=self._token if until else None, sync_lease_until=until, **taken
            )
            .returning(Isp.id)
            .execution_options(synchronize_session=False)
        ).first()
        return changed is not None
