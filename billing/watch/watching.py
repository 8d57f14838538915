"""Look at what nobody asked about: what closed, what rests, what cannot be read, what is spent.

And what does not happen at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from billing.isps import SetupError
from billing.ports import VaultPort
from billing.terms import rules_of
from billing.watch.accounts import tell_of_accounts
from billing.watch.budgets import tell_of_budgets
from billing.watch.closings import isps_with_closings, tell_of_closings
from billing.watch.secrets import tell_of_secrets, unreadable_secrets
from billing.watch.silence import tell_of_silence
from billing.watch.ticks import Ticks, Work, ticking
from models.database import Database
from models.isp import Isp

log = structlog.get_logger()


class Watching:
    """The use-case.

    Args:
        database: rows.
        vault: tries whether what is sealed still opens.
        every: how long an ISP rests between two looks, by the settings.
    """

    def __init__(
        self, database: Database, vault: VaultPort, *, every: timedelta = timedelta(minutes=30)
    ) -> None:
        self._database = database
        self._vault = vault
        self._every = every
        self._ticks = Ticks(database)

    def run(self, *, now: datetime) -> int:
        """This function will write what operators are to be told; `Telling` sends it.

        Returns:
            How many notices are new.
        """
        self._ticks.note(Work.WATCH, now=now)
        with self._database.read() as session:
            unreadable = unreadable_secrets(session, self._vault)
            closed = isps_with_closings(session, now=now)
            watched_since = ticking(session)[Work.WATCH].since
        new = 0
        if unreadable:
            with self._database.write() as session:
                new += tell_of_secrets(session, unreadable, now=now)
        with self._database.write() as session:
            new += tell_of_accounts(session, now=now)
        with self._database.write() as session:
            new += tell_of_budgets(session, now=now)
        with self._database.write() as session:
            new += tell_of_silence(session, now=now, every=self._every, watched_since=watched_since)
        for isp_id in sorted(closed):
            new += self._closings(isp_id, now=now)
        return new

    def _closings(self, isp_id: int, *, now: datetime) -> int:
        with self._database.write() as session:
            isp = session.scalars(select(Isp).where(Isp.id == isp_id)).one()
            try:
                calendar = rules_of(isp).calendar
            except SetupError:
                return 0  # its policy cannot be read, which the doctor says; told once it can
            return tell_of_closings(session, isp, calendar, now=now)
