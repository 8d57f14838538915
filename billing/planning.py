"""Find the invoices whose next step has come due, and plan it. Cost follows what is due."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from billing.owing import Rules, Tally, take_due_steps
from billing.terms import UnreadablePolicyError, rules_of
from models.account import Account
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp

log = structlog.get_logger()

#: Rows of one transaction: short enough that no writer waits long on SQLite.
BATCH = 200


class Planning:
    """The use-case: `tick` is harmless however often it runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tick(self, *, now: datetime, isp_id: int | None = None) -> Tally:
        """This function will plan every step whose time has come.

        An ISP whose policy cannot be read is left alone, with an error in the log; the others do
        not wait behind it.

        Args:
            now: the present.
            isp_id: leave other ISPs alone.

        Returns:
            How many alerts and deliveries were planned.
        """
        tally = Tally()
        unreadable: set[int] = set()
        while True:
            planned, seen = self._batch(unreadable, now=now, isp_id=isp_id)
            tally += planned
            if seen < BATCH:
                break
        if tally.alerts:
            log.info("plan.finished", alerts=tally.alerts, deliveries=tally.deliveries)
        return tally

    def _batch(
        self, unreadable: set[int], *, now: datetime, isp_id: int | None
    ) -> tuple[Tally, int]:
        """Plan one batch, and note the ISPs whose policy cannot be read."""
        tally = Tally()
        rules: dict[int, Rules] = {}
        with self._database.write() as session:
            query = (
                select(Invoice)
                .join(Invoice.account)
                .join(Account.isp)
                .options(contains_eager(Invoice.account).contains_eager(Account.isp))
                .where(Invoice.plan_at <= now, Isp.enabled, Isp.id.not_in(unreadable))
                .order_by(Invoice.plan_at, Invoice.id)
                .with_for_update(of=Invoice, skip_locked=True)
            )
            if isp_id is not None:
                query = query.where(Invoice.isp_id == isp_id)
            first = session.scalars(query.limit(BATCH)).all()
            # Whatever is due to one customer is planned at once, so that it can go in one message.
            accounts = {invoice.account_id for invoice in first}
            rest = query.where(Invoice.account_id.in_(accounts)) if first else query.limit(0)
            ids = {invoice.id for invoice in first}
            more = [one for one in session.scalars(rest).all() if one.id not in ids]
            for invoice in [*first, *more]:
                account = invoice.account
                if not account.paired:
                    invoice.plan_at = None
                    continue
                if account.isp_id in unreadable:
                    continue
                if account.isp_id not in rules:
                    try:
                        rules[account.isp_id] = rules_of(account.isp)
                    except UnreadablePolicyError as error:
                        log.error("plan.policy_unreadable", detail=str(error))  # noqa: TRY400
                        unreadable.add(account.isp_id)
                        continue
                tally += take_due_steps(session, invoice, rules[account.isp_id], now=now)
        return tally, len(first)
