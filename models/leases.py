"""One sync of an ISP at a time: a lease on its row, taken, renewed and given by guarded update."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, update

from models.database import Database
from models.isp import Isp


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

    def take(self, *, now: datetime) -> bool:
        """Take it if nobody holds it; False = somebody does."""
        free = or_(Isp.sync_lease_until.is_(None), Isp.sync_lease_until <= now)
        return self._write(free, until=now + self._length)

    def renew(self, *, now: datetime) -> bool:
        """Hold it longer; False = it was lost, so nothing more may be written under it."""
        return self._write(Isp.sync_lease_token == self._token, until=now + self._length)

    def give(self) -> None:
        """Give it back, if it is still ours."""
        self._write(Isp.sync_lease_token == self._token, until=None)

    def _write(self, condition: object, *, until: datetime | None) -> bool:
        with self._database.write() as session:
            changed = session.scalars(
                update(Isp)
                .where(Isp.id == self._isp_id, condition)  # type: ignore[arg-type]
                .values(sync_lease_token=self._token if until else None, sync_lease_until=until)
                .returning(Isp.id)
                .execution_options(synchronize_session=False)
            ).first()
        return changed is not None
