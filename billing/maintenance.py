"""Keep house: close what broke off, drop what nobody will read, seal under the newest key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, exists, select, update

from billing.closing import reopen
from billing.ports import SecretError, VaultPort
from billing.sealed import opens
from billing.values import Reason, SyncOutcome
from models.account import Account, Channel
from models.bot import BotQuestion
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp, Transport
from models.operator import OperatorChannel, OperatorNotice
from models.pair_code import PairCode
from models.sync_run import SetAsideRecord, SyncRun
from models.vigil import Heartbeat

log = structlog.get_logger()

#: A run that is this old without an end has no process any more (a hard limit is 150 s; by hand,
#: a whole ISP may take hours).
RUN_IS_DEAD_AFTER = timedelta(hours=12)
#: Runs are for looking back at a complaint; three months is what a customer remembers.
KEEP_RUNS = timedelta(days=90)
#: What people wrote to a bot is kept for as long as somebody may complain about an answer.
KEEP_QUESTIONS = timedelta(days=7)
_SEALED: tuple[tuple[type[Any], str], ...] = (
    (Isp, "token_sealed"),
    (Transport, "url_sealed"),
    (Account, "national_id_sealed"),
    (Channel, "destination_sealed"),
    (OperatorChannel, "destination_sealed"),
    (BotQuestion, "chat_sealed"),
    (Heartbeat, "url_sealed"),
)
_BATCH = 500


class Maintenance:
    """The use-case."""

    def __init__(self, database: Database, vault: VaultPort) -> None:
        self._database = database
        self._vault = vault

    def tidy(self, *, now: datetime) -> None:
        """This function will close runs whose process died and drop runs that nobody will read.

        Alerts, deliveries and attempts are evidence, and none is dropped: whatever will drop them
        asks `billing.proof.keep_until` first.
        """
        with self._database.write() as session:
            session.execute(
                update(SyncRun)
                .where(SyncRun.outcome.is_(None), SyncRun.started_at < now - RUN_IS_DEAD_AFTER)
                .values(outcome=SyncOutcome.FAILED.value, reason="interrupted", finished_at=now)
            )
            old = select(SyncRun.id).where(SyncRun.started_at < now - KEEP_RUNS)
            session.execute(delete(SetAsideRecord).where(SetAsideRecord.sync_run_id.in_(old)))
            session.execute(delete(SyncRun).where(SyncRun.started_at < now - KEEP_RUNS))
            session.execute(delete(BotQuestion).where(BotQuestion.asked_at < now - KEEP_QUESTIONS))
            session.execute(delete(PairCode).where(PairCode.expires_at < now - KEEP_RUNS))
            # Who was invited and never came is nobody whom we have to know.
            session.execute(
                delete(Account).where(
                    Account.paired_at.is_(None),
                    ~exists().where(PairCode.account_id == Account.id),
                    ~exists().where(Invoice.account_id == Account.id),
                )
            )
            session.execute(
                delete(OperatorNotice).where(OperatorNotice.created_at < now - KEEP_RUNS)
            )

    def reseal(self) -> int:
        """This function will seal again, under the first key, whatever an older key sealed.

        Returns:
            How many values were sealed again. Values that no key opens are left and logged.
        """
        self.reopen()
        return sum(self._reseal_column(table, column) for table, column in _SEALED)

    def reopen(self) -> int:
        """This function will open channels again that closed because no key opened their address.

        A key that was missing from the ring for a day must not silence anybody for good.

        Returns:
            How many work again; customers who left meanwhile, or came back, are not among them, nor
            what staff took away.
        """
        done = 0
        with self._database.write() as session:
            rows = session.scalars(
                select(Channel)
                .join(Account, Account.id == Channel.account_id)
                .where(
                    Channel.disabled_at.is_not(None),
                    Channel.removed_at.is_(None),
                    Channel.disabled_reason == Reason.UNREADABLE_SECRET.value,
                    Account.unpaired_at.is_(None),
                    Account.paired_at <= Channel.disabled_at,
                )
            )
            for row in rows:
                if opens(self._vault, row.destination_sealed):
                    reopen(row)
                    done += 1
        if done:
            log.info("reopen.finished", done=done)
        return done

    def _reseal_column(self, table: type[Any], column: str) -> int:
        done, last_id, unreadable = 0, 0, 0
        while True:
            with self._database.write() as session:
                rows = session.scalars(
                    select(table).where(table.id > last_id).order_by(table.id).limit(_BATCH)
                ).all()
                for row in rows:
                    last_id = row.id
                    sealed = getattr(row, column)
                    if sealed is None or self._vault.is_current(sealed):
                        continue
                    try:
                        setattr(row, column, self._vault.seal(self._vault.open(sealed)))
                        done += 1
                    except SecretError:
                        unreadable += 1
            if len(rows) < _BATCH:
                break
        if done or unreadable:
            log.info("reseal.finished", table=table.__tablename__, done=done, unreadable=unreadable)
        return done
