"""A code by which a customer pairs themselves: made by staff, used once, from anywhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import Base


class PairCode(Base):
    """One code for one account. Only its keyed hash is kept: nobody reads a code off this table.

    It pairs once, before `expires_at`; `used_by` is the keyed hash of the destination that it
    paired. Whoever withdraws it sets `expires_at` to the present.
    """

    __tablename__ = "pair_code"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index(None, "account_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None] = mapped_column(String(64))

    account: Mapped[Account] = relationship()
