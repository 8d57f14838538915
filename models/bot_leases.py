"""One poller of a bot at a time: a lease on its row, taken, renewed and given by guarded update."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models.bot import Bot
from models.database import Database


class BotLease:
    """The right to listen for one bot and to answer; whoever lost it notices at the next write.

    Args:
        database: rows.
        bot_id: which bot.
        length: how long it holds without being renewed.
    """

    def __init__(self, database: Database, bot_id: int, length: timedelta) -> None:
        self._database = database
        self.bot_id = bot_id
        self._length = length
        self._token = str(uuid.uuid4())
        self._until: datetime | None = None

    def take(self, *, now: datetime) -> bool:
        """Take it if nobody holds it; False = somebody does."""
        free = or_(Bot.lease_until.is_(None), Bot.lease_until <= now)
        return self._write(free, until=now + self._length)

    def renew_in_time(self, *, now: datetime) -> bool:
        """Hold it longer if a quarter of it has passed; False = it was lost."""
        if self._until is not None and self._until - now > self._length * 0.75:
            return True
        return self._write(Bot.lease_token == self._token, until=now + self._length)

    def holds(self, session: Session) -> bool:
        """Whether it is still ours, asked inside the transaction that writes under it.

        Nobody can take it over until that transaction ends.
        """
        query = select(Bot.bot_id).where(Bot.bot_id == self.bot_id, Bot.lease_token == self._token)
        return session.scalars(query.with_for_update()).first() is not None

    def give(self) -> None:
        """Give it back, if it is still ours."""
        self._write(Bot.lease_token == self._token, until=None)

    def _write(self, condition: object, *, until: datetime | None) -> bool:
        with self._database.write() as session:
            changed = session.scalars(
                update(Bot)
                .where(Bot.bot_id == self.bot_id, condition)  # type: ignore[arg-type]
                .values(lease_token=self._token if until else None, lease_until=until)
                .returning(Bot.bot_id)
                .execution_options(synchronize_session=False)
            ).first()
        self._until = until if changed is not None else None
        return changed is not None
