"""What is owed to people: alerts, their deliveries on each channel, and every attempt."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account, Channel
from models.base import Base
from models.invoice import Invoice


class Alert(Base):
    """One thing owed to one account.

    The constraint is the promise of `product.md`, section 2: one alert per account, subject
    (`invoice:…`), kind, anchor date and step, however often it is planned.
    """

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("account_id", "subject", "kind", "anchor_date", "step"),
        Index(None, "invoice_id"),
        Index(None, "isp_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    anchor: Mapped[str] = mapped_column(String(12))
    anchor_date: Mapped[date]
    step: Mapped[str] = mapped_column(String(40))
    due_at: Mapped[datetime]
    useful_until: Mapped[datetime | None]
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime]

    account: Mapped[Account] = relationship()
    invoice: Mapped[Invoice | None] = relationship()


class Delivery(Base):
    """One alert on one channel, claimed by a guarded update before it is sent.

    `attempts` is also the fencing token: whoever settles names the attempt it made. `not_before` is
    when it may go next; `planned_at` when it was first meant to go. `route` is the scheme of its
    channel: what leaves over one sending account of an ISP is claimed together.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("alert_id", "channel_id"),
        Index(None, "state", "isp_id", "route", "not_before"),
        # Holds all that the counts of a day ask for; what waits is not in it.
        Index(
            None,
            *("settled_at", "isp_id", "state", "reason", "route"),
            sqlite_where=text("settled_at IS NOT NULL"),
            postgresql_where=text("settled_at IS NOT NULL"),
        ),
        Index(None, "account_id"),
        Index(None, "carried_by"),
        Index(None, "channel_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"))
    route: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(24))
    detail: Mapped[str | None] = mapped_column(String(500))
    message_id: Mapped[str] = mapped_column(String(120))
    planned_at: Mapped[datetime]
    not_before: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    carried_by: Mapped[int | None] = mapped_column(ForeignKey("delivery.id", ondelete="SET NULL"))

    alert: Mapped[Alert] = relationship()
    channel: Mapped[Channel] = relationship()


class Attempt(Base):
    """One try of a delivery, written before the provider is called.

    `evidence` is what shows afterwards that it was rightly sent: the hash of the text, and how the
    contact hours and the caps stood. `provider` is the keyed hash of the sending account that was
    called, whose limits it counts for; None where it went along in another one's message.
    `segments` is what an SMS costs, and `charged_to` the ISP whose budget pays it; None for every
    other medium.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("delivery_id", "number"),
        Index(None, "provider", "started_at"),
        # Holds all that a budget asks for, and nothing of the other media.
        Index(
            None,
            *("charged_to", "started_at", "fate", "segments"),
            sqlite_where=text("charged_to IS NOT NULL"),
            postgresql_where=text("charged_to IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id", ondelete="CASCADE"))
    number: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    fate: Mapped[str | None] = mapped_column(String(12))
    detail: Mapped[str | None] = mapped_column(String(500))
    provider: Mapped[str | None] = mapped_column(String(32))
    evidence: Mapped[dict[str, str] | None] = mapped_column(JSON)
    segments: Mapped[int | None]
    charged_to: Mapped[int | None]


class Provider(Base):
    """A sending account that asked for a pause, or is counted: one row for all workers and ISPs.

    `key` is the keyed hash of what identifies the account at its provider (a bot's token, an SMTP
    login), so that two ISPs that share one share its pauses and limits. `failures` counts in a row.
    Whoever counts what left over it locks this row first. `trouble_since` is when the failures
    began; `told_since` is the one of these that operators were told of, until they are told that it
    is over.
    """

    __tablename__ = "provider"

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    paused_until: Mapped[datetime | None]
    paused_why: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(default=0)
    trouble_since: Mapped[datetime | None]
    told_since: Mapped[datetime | None]


class Budget(Base):
    """The most that an ISP spends on one medium in a calendar month of its zone, in segments.

    Whoever counts what was spent locks this row first.
    """

    __tablename__ = "budget"

    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"), primary_key=True)
    medium: Mapped[str] = mapped_column(String(8), primary_key=True)
    segments: Mapped[int]
