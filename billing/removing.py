"""Remove an ISP with all that hangs on it, in short transactions that others pass between.

Tables are found by their foreign keys, so that one that comes later is removed, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Table, delete, func, select, tuple_
from sqlalchemy.orm import Session

from billing.isps import SetupError, find_isp
from billing.switching import Switching
from models.account import Account
from models.alert import Delivery
from models.audit import AuditEntry
from models.bot import Bot, BotQuestion
from models.database import Database
from models.isp import Isp, Transport
from models.tables import Base

log = structlog.get_logger()

#: As it stands on record.
OWN_COMMAND = "isp remove"

#: Of one transaction. An account takes its invoices and all that was sent about them along.
_ACCOUNTS, _ROWS = 20, 500


@dataclass(frozen=True, slots=True)
class Contents:
    """How many rows of each table an ISP has, and how many customers get alerts."""

    rows: dict[str, int]
    paired: int


class Removing:
    """The use-case.

    Args:
        database: rows.
        bot_of: says which Telegram bot a sealed sending account is; None = it cannot be told.
    """

    def __init__(self, database: Database, bot_of: Callable[[str], int | None]) -> None:
        self._database = database
        self._bot_of = bot_of

    def contents(self, slug: str) -> Contents:
        """This function will count what an ISP has.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp_id = find_isp(session, slug).id
            rows = {
                table.name: session.scalar(
                    select(func.count()).select_from(table).where(table.c.isp_id == isp_id)
                )
                or 0
                for table in _of_isps()
            }
            paired = session.scalar(
                select(func.count())
                .select_from(Account)
                .where(
                    Account.isp_id == isp_id,
                    Account.paired_at.is_not(None),
                    Account.unpaired_at.is_(None),
                )
            )
        return Contents({name: count for name, count in rows.items() if count}, paired or 0)

    def remove(
        self,
        slug: str,
        *,
        author: str,
        now: datetime,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """This function will switch an ISP off and remove it.

        Breaking off half-way leaves the rest, switched off; the next call goes on.

        Args:
            slug: the ISP.
            author: who says so.
            now: the present.
            progress: told how many accounts are gone.

        Returns:
            How many accounts were removed.

        Raises:
            SetupError: if the ISP is unknown, or a provider is being given a message right now.
        """
        off = Switching(self._database).disable(slug, author=author, reason="removed", now=now)
        if off.under_way:
            raise SetupError(
                f"{off.under_way} messages of {slug} are being sent right now; "
                "it is disabled, try again in a minute"
            )
        with self._database.read() as session:
            isp_id = find_isp(session, slug).id
        self._remove_bots(isp_id)
        removed = 0
        while gone := self._remove_accounts(isp_id):
            removed += gone
            progress(removed)
        for table in _of_isps():
            theirs = table.c.isp_id == isp_id
            if table is AuditEntry.__table__:  # who removed it stays on record
                theirs &= table.c.command != OWN_COMMAND
            while self._remove_some(table, theirs) == _ROWS:
                pass
        with self._database.write() as session:
            session.execute(delete(Isp).where(Isp.id == isp_id))
        log.info("isp.removed", isp=slug, accounts=removed)
        return removed

    def _remove_bots(self, isp_id: int) -> None:
        """Remove the bots that no other ISP sends by, with what people wrote to them."""
        with self._database.read() as session:
            rows = session.execute(
                select(Transport.isp_id, Transport.url_sealed).where(Transport.scheme == "telegram")
            ).all()
        bots = {True: set[int](), False: set[int]()}
        for row in rows:
            if (bot := self._bot_of(row.url_sealed)) is not None:
                bots[row.isp_id == isp_id].add(bot)
        for bot in bots[True] - bots[False]:
            while self._remove_some(BotQuestion.__table__, BotQuestion.bot_id == bot) == _ROWS:
                pass
            self._remove_some(Bot.__table__, Bot.bot_id == bot)

    def _remove_accounts(self, isp_id: int) -> int:
        """Remove some accounts; the database takes along what hangs on them."""
        with self._database.write() as session:
            ids = session.scalars(
                select(Account.id)
                .where(Account.isp_id == isp_id)
                .limit(_ACCOUNTS)
                .with_for_update()
            ).all()
            # First what was sent: on PostgreSQL a row is gone only once, whatever leads to it.
            _delete(session, delete(Delivery).where(Delivery.account_id.in_(ids)))
            _delete(session, delete(Account).where(Account.id.in_(ids)))
        return len(ids)

    def _remove_some(self, table: Any, wanted: ColumnElement[bool]) -> int:
        key = tuple_(*table.primary_key.columns)
        some = select(*table.primary_key.columns).where(wanted).limit(_ROWS)
        with self._database.write() as session:
            found = session.execute(some).all()
            if found:
                _delete(session, delete(table).where(key.in_([tuple(row) for row in found])))
        return len(found)


def _delete(session: Session, statement: Any) -> None:
    session.execute(statement.execution_options(synchronize_session=False))


def _of_isps() -> list[Table]:
    """Return the tables whose rows belong to an ISP, those first on which nothing else hangs."""
    tables = [table for table in Base.metadata.sorted_tables if "isp_id" in table.c]
    return tables[::-1]
