"""What accounts owe: all that is open, and the old debts.

These were overdue already when an account was looked at for the first time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from models.account import Account, Channel
from models.alert import Alert
from models.invoice import Invoice

_payable = func.coalesce(Invoice.balance, Invoice.amount)


@dataclass(frozen=True, slots=True)
class OldDebt:
    """The old debts of one paired account."""

    account_id: int
    baseline_at: datetime
    invoices: int
    total: Decimal
    oldest_due_date: date
    reachable: bool


def open_invoices(session: Session, account_ids: Collection[int]) -> Sequence[Invoice]:
    """Return what is open of accounts, as we know it; of each the oldest due date first."""
    return session.scalars(
        select(Invoice)
        .where(
            Invoice.account_id.in_(account_ids),
            Invoice.state == "pending",
            Invoice.vanished_at.is_(None),
        )
        .order_by(Invoice.first_due_date.asc().nulls_last(), Invoice.id)
    ).all()


def _old(before: date) -> list[ColumnElement[bool]]:
    return [
        Invoice.baseline.is_(True),
        Invoice.state == "pending",
        Invoice.vanished_at.is_(None),
        Invoice.first_due_date < before,
        _payable > Decimal(0),
    ]


def old_debts(session: Session, isp_id: int, *, before: date) -> list[OldDebt]:
    """Return the paired accounts with old debts due before a date, the oldest debt first."""
    enabled = (
        select(Channel.id)
        .where(Channel.account_id == Account.id, Channel.disabled_at.is_(None))
        .exists()
    )
    oldest = func.min(Invoice.first_due_date)
    rows = session.execute(
        select(Account.id, Account.baseline_at, func.count(), func.sum(_payable), oldest, enabled)
        .join(Invoice, Invoice.account_id == Account.id)
        .where(
            Account.isp_id == isp_id,
            Account.paired_at.is_not(None),
            Account.unpaired_at.is_(None),
            Account.baseline_at.is_not(None),
            *_old(before),
        )
        .group_by(Account.id)
        .order_by(oldest, Account.id)
    )
    return [
        OldDebt(account_id, baseline_at, count, total, due, bool(reachable))
        for account_id, baseline_at, count, total, due, reachable in rows
        if baseline_at is not None and due is not None
    ]


def invoices_of_old_debts(session: Session, account_id: int, *, before: date) -> Sequence[Invoice]:
    """Return the invoices behind an account's old debts, the oldest due date first."""
    return session.scalars(
        select(Invoice)
        .where(Invoice.account_id == account_id, *_old(before))
        .order_by(Invoice.first_due_date, Invoice.id)
    ).all()


def alerts_by_date(session: Session, isp_id: int, *, subject: str) -> set[tuple[int, date]]:
    """Return (account, anchor date) of every alert of an ISP about this subject."""
    rows = session.execute(
        select(Alert.account_id, Alert.anchor_date).where(
            Alert.isp_id == isp_id, Alert.subject == subject
        )
    )
    return {(account_id, day) for account_id, day in rows}
