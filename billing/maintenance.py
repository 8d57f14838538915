"""Keep house: close what broke off, drop what nobody will read, seal under the newest key."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, exists, select, update

from billing.closing import reopen
from billing.ports import VaultPort
from billing.pruning import Pruning
from billing.resealing import reseal
from billing.sealed import opens
from billing.values import Reason, SyncOutcome
from models.account import Account, Channel
from models.bot import BotQuestion
from models.database import Database
from models.invoice import Invoice
from models.pair_code import PairCode
from models.sync_run import SyncRun

log = structlog.get_logger()

#: A run that is this old without an end has no process any more (a hard limit is 150 s; by hand,
#: a whole ISP may take hours).
RUN_IS_DEAD_AFTER = timedelta(hours=12)
#: What people wrote to a bot is kept for as long as somebody may complain about an answer.
KEEP_QUESTIONS = timedelta(days=7)


class Maintenance:
    """The use-case."""

    def __init__(self, database: Database, vault: VaultPort) -> None:
        self._database = database
        self._vault = vault

    def tidy(self, *, now: datetime) -> None:
        """This function will close runs whose process died and drop what was kept long enough.

        How long what is kept of an ISP is its own setting: `billing.pruning`.
        """
        Pruning(self._database).prune(now=now)
        with self._database.write() as session:
            session.execute(
                update(SyncRun)
                .where(SyncRun.outcome.is_(None), SyncRun.started_at < now - RUN_IS_DEAD_AFTER)
                .values(outcome=SyncOutcome.FAILED.value, reason="interrupted", finished_at=now)
            )
            session.execute(delete(BotQuestion).where(BotQuestion.asked_at < now - KEEP_QUESTIONS))
            # Who was invited and never came is nobody whom we have to know.
            session.execute(
                delete(Account).where(
                    Account.paired_at.is_(None),
                    ~exists().where(PairCode.account_id == Account.id),
                    ~exists().where(Invoice.account_id == Account.id),
                )
            )

    def reseal(self) -> int:
        """This function will seal again, under the first key, whatever an older key sealed.

        Returns:
            How many values were sealed again. Values that no key opens are left and logged.
        """
        self.reopen()
        return reseal(self._database, self._vault)

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
