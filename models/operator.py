"""Who is told at an ISP when its worker needs a person, and each thing that they were told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base
from models.isp import Isp


class OperatorChannel(Base):
    """One destination of an ISP's operator; as a customer's, sealed and found by its keyed hash."""

    __tablename__ = "operator_channel"
    __table_args__ = (UniqueConstraint("isp_id", "destination_digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    scheme: Mapped[str] = mapped_column(String(32))
    medium: Mapped[str] = mapped_column(String(8))
    destination_sealed: Mapped[str] = mapped_column(Text)
    destination_digest: Mapped[str] = mapped_column(String(64))
    needs_transport: Mapped[bool]
    label: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]

    isp: Mapped[Isp] = relationship()


class OperatorNotice(Base):
    """One thing that the operator is told on one channel, once per kind and subject ("run:12").

    `attempts` is the fencing token of the claim. `begun_at` is set before the provider is called
    and taken back by the next claim: a claim that expires with it may have been delivered. `tries`
    counts the calls.
    """

    __tablename__ = "operator_notice"
    __table_args__ = (
        UniqueConstraint("isp_id", "channel_id", "kind", "subject"),
        Index(None, "state", "not_before"),
        Index(None, "channel_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("operator_channel.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(100))
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(24))
    detail: Mapped[str | None] = mapped_column(String(500))
    message_id: Mapped[str] = mapped_column(String(120))
    not_before: Mapped[datetime]
    useful_until: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    begun_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

    channel: Mapped[OperatorChannel] = relationship()
