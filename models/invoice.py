"""Our last known copy of each invoice, and what every diff found."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import Base


class Invoice(Base):
    """One invoice of one account.

    `confirmed_at` is when the request that last told us about this very invoice began: an answer to
    an older request never overwrites it. `steps_until` is the instant up to which policy steps were
    decided; `plan_at` is when the next one comes due, or None where none is left. `missing_reads`
    counts complete reads that lacked it while its own GET said 404. `was_pending` = we saw it
    pending at least once. `number_end` is the last group of digits of `number` without the zeros in
    front: what a customer reads out. `fingerprint` is of the record as Wispro last wrote it: an
    equal one needs no reading; None where our copy came from elsewhere.
    """

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("isp_id", "wispro_id"),
        Index(None, "account_id", "state"),
        Index(None, "state", "isp_id"),
        Index(None, "plan_at"),
        Index(None, "isp_id", "number_end"),
        # So few that what is open can be counted without a look at each invoice.
        Index(
            "ix_invoice_vanished",
            *("state", "isp_id"),
            sqlite_where=text("vanished_at IS NOT NULL"),
            postgresql_where=text("vanished_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    wispro_id: Mapped[str] = mapped_column(String(64))
    contract_id: Mapped[str | None] = mapped_column(String(64))
    number: Mapped[str | None] = mapped_column(String(64))
    number_end: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    raw_state: Mapped[str] = mapped_column(String(40))
    amount: Mapped[Decimal]
    balance: Mapped[Decimal | None]
    issued_date: Mapped[date | None]
    first_due_date: Mapped[date | None]
    second_due_date: Mapped[date | None]
    period_from: Mapped[date | None]
    period_to: Mapped[date | None]
    concept: Mapped[str | None] = mapped_column(Text)
    pay_url: Mapped[str | None] = mapped_column(Text)
    baseline: Mapped[bool]
    first_seen_at: Mapped[datetime]
    confirmed_at: Mapped[datetime]
    announced_at: Mapped[datetime | None]
    vanished_at: Mapped[datetime | None]
    missing_reads: Mapped[int] = mapped_column(default=0)
    was_pending: Mapped[bool] = mapped_column(default=False)
    fingerprint: Mapped[int | None] = mapped_column(BigInteger)
    steps_until: Mapped[datetime | None]
    plan_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship()


class InvoiceChange(Base):
    """One thing that a diff found on one invoice; its silent first sight is not recorded."""

    __tablename__ = "change"
    __table_args__ = (
        Index(None, "invoice_id", "at"),
        Index(None, "isp_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    sync_run_id: Mapped[int | None] = mapped_column(
        ForeignKey("sync_run.id", ondelete="SET NULL"), index=True
    )
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(300))
    after: Mapped[str | None] = mapped_column(String(300))
