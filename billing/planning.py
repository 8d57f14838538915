"""Find the invoices whose next step has come due, and plan it. Cost follows what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import structlog
from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from billing.due_steps import Asked, take_all_due_steps
from billing.owing import Rules, Tally
from billing.terms import UnreadablePolicyError, rules_of
from billing.values import InvoiceFacts, InvoiceState
from models.account import Account, Contract
from models.bulk import among
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp

log = structlog.get_logger()

#: Rows of one transaction: short enough that no writer waits long on SQLite.
BATCH = 500


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
        due = Invoice.plan_at <= now
        with self._database.write() as session:
            first = (
                select(Invoice.account_id)
                .join(Isp, Isp.id == Invoice.isp_id)
                .where(due, Isp.enabled, Isp.id.not_in(unreadable))
                .order_by(Invoice.plan_at, Invoice.id)
                .limit(BATCH)
                .with_for_update(of=Invoice, skip_locked=True)
            )
            if isp_id is not None:
                first = first.where(Invoice.isp_id == isp_id)
            account_ids = session.scalars(first).all()
            if not account_ids:
                return Tally(), 0
            # Whatever is due to one customer is planned at once, so that it can go in one message.
            query = _READ.where(due, among(session, Invoice.account_id, set(account_ids)))
            locking = query.with_for_update(of=Invoice, skip_locked=True)
            rows = sorted(_Row._make(row) for row in session.execute(locking))
            gone = [row.id for row in rows if not row.paired]
            if gone:
                session.execute(
                    update(Invoice).where(among(session, Invoice.id, gone)).values(plan_at=None)
                )
            rows = [row for row in rows if row.paired]
            rules = _rules(session, {row.isp_id for row in rows}, unreadable)
            several = [row.asked(rules[row.isp_id]) for row in rows if row.isp_id in rules]
            return take_all_due_steps(session, several, now=now), len(account_ids)


def _rules(session: Session, isp_ids: set[int], unreadable: set[int]) -> dict[int, Rules]:
    """Return the rules of each ISP, and note those whose policy cannot be read."""
    found: dict[int, Rules] = {}
    for isp in session.scalars(select(Isp).where(Isp.id.in_(isp_ids))):
        try:
            found[isp.id] = rules_of(isp)
        except UnreadablePolicyError as error:
            log.error("plan.policy_unreadable", detail=str(error))  # noqa: TRY400
            unreadable.add(isp.id)
    return found


@dataclass(frozen=True, slots=True)
class _Account:
    """A customer, as the planner sees it."""

    id: int
    isp_id: int
    contact_hours: str | None
    steps_off: Sequence[str]


class _Row(NamedTuple):
    """What the planner reads of an invoice and its account, in the order in which they came due."""

    plan_at: datetime
    id: int
    wispro_id: str
    state: str
    amount: Decimal
    balance: Decimal | None
    issued_date: date | None
    first_due_date: date | None
    second_due_date: date | None
    first_seen_at: datetime
    baseline: bool
    vanished: bool
    steps_until: datetime | None
    account_id: int
    isp_id: int
    contact_hours: str | None
    steps_off: Sequence[str]
    paired: bool
    alerted_on: date | None

    def asked(self, rules: Rules) -> Asked:
        return Asked(
            id=self.id,
            account=_Account(self.account_id, self.isp_id, self.contact_hours, self.steps_off),
            facts=InvoiceFacts(
                wispro_id=self.wispro_id,
                state=InvoiceState(self.state),
                raw_state=self.state,
                amount=self.amount,
                balance=self.balance,
                issued_date=self.issued_date,
                first_due_date=self.first_due_date,
                second_due_date=self.second_due_date,
            ),
            rules=rules,
            first_seen_at=self.first_seen_at,
            baseline=self.baseline,
            vanished=self.vanished,
            steps_until=self.steps_until,
            alerted_on=self.alerted_on,
        )


_READ = (
    select(
        Invoice.plan_at,
        Invoice.id,
        Invoice.wispro_id,
        Invoice.state,
        Invoice.amount,
        Invoice.balance,
        Invoice.issued_date,
        Invoice.first_due_date,
        Invoice.second_due_date,
        Invoice.first_seen_at,
        Invoice.baseline,
        Invoice.vanished_at.is_not(None),
        Invoice.steps_until,
        Account.id,
        Account.isp_id,
        Account.contact_hours,
        Account.steps_off,
        and_(Account.paired_at.is_not(None), Account.unpaired_at.is_(None)),
        Contract.alerted_on,
    )
    .join(Account, Account.id == Invoice.account_id)
    .join(Isp, Isp.id == Account.isp_id)
    .outerjoin(
        Contract,
        and_(Contract.isp_id == Invoice.isp_id, Contract.contract_id == Invoice.contract_id),
    )
)
