"""Every policy that an ISP ever had: which rules were in force when something went, or did not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class PolicyVersion(Base):
    """One policy file of an ISP as it was given; the newest one is in force."""

    __tablename__ = "policy_version"
    __table_args__ = (Index(None, "isp_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
