"""The first look announced nothing: say what it found, and release one digest per account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import keys
from billing.isps import find_isp
from billing.owing import Owing, Rules, Tally, record_all
from billing.terms import rules_of
from models.account import Account
from models.database import Database
from models.debts import OldDebt, alerts_by_date, old_debts
from models.isp import Isp

log = structlog.get_logger()

#: Accounts of one transaction: short enough that no writer waits long on SQLite.
BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineReport:
    """What `baseline --json` prints: old debts of paired accounts that were not released yet.

    `reachable` accounts would get the digest, `unreachable` ones have no enabled channel.
    """

    isp: str
    locale: str
    currency: str
    accounts: int
    invoices: int
    total: Decimal
    oldest_due_date: date | None
    reachable: int
    unreachable: int


class Baseline:
    """The use-case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, slug: str, *, now: datetime) -> BaselineReport:
        """This function will say what the silent first looks at an ISP's accounts found.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            debts = _unreleased(session, isp, rules_of(isp), now=now)
            return BaselineReport(
                isp=isp.slug,
                locale=isp.locale,
                currency=isp.currency,
                accounts=len(debts),
                invoices=sum(debt.invoices for debt in debts),
                total=sum((debt.total for debt in debts), Decimal(0)),
                oldest_due_date=min((debt.oldest_due_date for debt in debts), default=None),
                reachable=sum(debt.reachable for debt in debts),
                unreachable=sum(not debt.reachable for debt in debts),
            )

    def release(self, slug: str, *, now: datetime, limit: int | None = None) -> Tally:
        """This function will plan one digest for each account that can get it, once for good.

        Args:
            slug: the ISP.
            now: the present.
            limit: at most so many accounts, those with the oldest debt; None = all.

        Returns:
            How many alerts and deliveries were planned.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            rules = rules_of(isp)
            debts = _unreleased(session, isp, rules, now=now)
        chosen = [debt.account_id for debt in debts if debt.reachable][:limit]
        tally = Tally()
        for start in range(0, len(chosen), BATCH):
            with self._database.write() as session:
                tally += _plan(session, chosen[start : start + BATCH], rules, now=now)
        log.info("baseline.released", isp=slug, alerts=tally.alerts, deliveries=tally.deliveries)
        return tally


def _unreleased(session: Session, isp: Isp, rules: Rules, *, now: datetime) -> list[OldDebt]:
    today = rules.calendar.today
    released = alerts_by_date(session, isp.id, subject=keys.RELEASE)
    return [
        debt
        for debt in old_debts(session, isp.id, before=today(now))
        if (debt.account_id, today(debt.baseline_at)) not in released
    ]


def _plan(session: Session, account_ids: Sequence[int], rules: Rules, *, now: datetime) -> Tally:
    accounts = session.scalars(
        select(Account).where(Account.id.in_(account_ids)).order_by(Account.id).with_for_update()
    ).all()
    owing = [
        Owing(
            account=account,
            invoice_id=None,
            key=keys.of_release(rules.calendar.today(account.baseline_at)),
            rules=rules,
            due_at=now,
        )
        for account in accounts
        if account.paired and account.baseline_at is not None  # not unpaired since we counted
    ]
    return record_all(session, owing, now=now)
