"""What a run found and did not lay down yet: one row for each thing that differs from our copy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Proposal(Base):
    """One thing to be laid onto our copy when its run is known to be sane.

    `kind` is "invoice" (the facts as Wispro told them), "gone" (its own GET said 404), or
    "contract" (its state). `asked_at` is when the request that told us began. `confirm` names the
    contract whose client must be asked for before the invoice may reach the account.
    """

    __tablename__ = "proposal"
    __table_args__ = (
        UniqueConstraint("sync_run_id", "kind", "subject"),
        Index(None, "isp_id"),
        Index(None, "account_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    sync_run_id: Mapped[int] = mapped_column(ForeignKey("sync_run.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    fingerprint: Mapped[int | None] = mapped_column(BigInteger)
    confirm: Mapped[str | None] = mapped_column(String(64))
