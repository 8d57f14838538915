"""Why nobody asks a customer for money for a while: a hold by staff, or a promise to pay."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import Base
from models.invoice import Invoice


class Hold(Base):
    """A hold or a promise on one invoice, or (without one) on all invoices of an account.

    It is in force from `created_at` through the last instant of `until`, a date on the ISP's wall,
    unless it is released before. Rows are kept: they say who stopped a reminder, and why.
    """

    __tablename__ = "hold"
    __table_args__ = (
        Index(None, "account_id", "released_at"),
        Index(
            "ix_hold_in_force",
            *("isp_id", "until"),
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        Index(None, "invoice_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200))
    author: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    until: Mapped[date]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None] = mapped_column(String(100))

    account: Mapped[Account] = relationship()
    invoice: Mapped[Invoice | None] = relationship()
