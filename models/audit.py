"""What people did by hand: an entry when it began, another when it ended. Nothing is ever changed.

Neither is updated: an entry without an end broke off, and nobody knows how far it came. Retention
may delete whole entries.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base


class AuditEntry(Base):
    """One action: who began it, when, and which one it is.

    `isp_id` and `account_id` say where, as far as that was known at the beginning; they outlive
    what they name, as does the slug `isp`. `arguments` are without any secret.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "isp", "at"),
        Index(None, "isp_id", "at"),
        Index(None, "account_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(100))
    command: Mapped[str] = mapped_column(String(60))
    arguments: Mapped[dict[str, str]] = mapped_column(JSON)
    isp_id: Mapped[int | None]
    isp: Mapped[str | None] = mapped_column(String(64))
    account_id: Mapped[int | None]

    end: Mapped[AuditEnd | None] = relationship(passive_deletes=True)


class AuditEnd(Base):
    """How one action ended. `account_id` is whom it turned out to be about."""

    __tablename__ = "audit_end"
    __table_args__ = (Index(None, "account_id"),)

    entry_id: Mapped[int] = mapped_column(
        ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(10))
    detail: Mapped[str | None] = mapped_column(String(300))
    account_id: Mapped[int | None]
