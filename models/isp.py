"""The tenant: one Wispro account, how it signs its messages and from where it sends them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base


class Isp(Base):
    """One internet provider.

    `contact_hours` is as `billing.calendar` reads it, in `timezone`. `policy` is the policy file in
    force, None = the default one. `debt_sign` says which sign of Wispro's
    `balance_amount` means that the customer owes (medium confidence in the API's notes, so a
    setting). `sync_lease_…` keep one sync at a time,
    `sync_turn_at` is when the last one counts (`billing.fairness`): the earliest goes next.

    How it is looked at: `strategy` is the plan that the last run chose; under a whole-ISP one
    `next_sync_at` is when the next is due (by account, each account has its own). `swept_at` is
    when the last complete whole-ISP look began. The circuit breaker: `failures` in a row, why
    (`trouble`), and until when scheduled runs rest (`trouble_until`).

    While it is not `enabled` nothing is looked at and nothing is sent; `disabled_…` say since when,
    by whom and why. `retention` is how long what is kept, as `billing.retention` reads it; None =
    the defaults.

    The mass-anomaly breaker: `held_run_id` is the run that waits for the operator; nothing is sent
    meanwhile. A run is held above `hold_share` percent of the open invoices, at least
    `hold_at_least` of them, or above `hold_volume` times the usual number of alerts.

    Its operator is told after `no_look_hours` without a complete look, and after `no_send_hours` in
    which alerts were due and none left; and what happened, on `digest_days` at `digest_at`.
    """

    __tablename__ = "isp"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    base_url: Mapped[str] = mapped_column(String(500))
    token_sealed: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(String(64))
    locale: Mapped[str] = mapped_column(String(16))
    currency: Mapped[str] = mapped_column(String(3))
    portal_url: Mapped[str | None] = mapped_column(String(500))
    pay_url: Mapped[str | None] = mapped_column(String(500))
    support: Mapped[str | None] = mapped_column(String(500))
    contact_hours: Mapped[str] = mapped_column(String(200))
    policy: Mapped[str | None] = mapped_column(Text)
    minimum_amount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    debt_sign: Mapped[str] = mapped_column(String(8), default="negative")
    requests_per_second: Mapped[float] = mapped_column(default=2.0)
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_at: Mapped[datetime | None]
    disabled_by: Mapped[str | None] = mapped_column(String(100))
    disabled_reason: Mapped[str | None] = mapped_column(String(200))
    retention: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    synced_at: Mapped[datetime | None]
    strategy: Mapped[str] = mapped_column(String(10), default="accounts")
    next_sync_at: Mapped[datetime | None]
    swept_at: Mapped[datetime | None]
    full_every_days: Mapped[int] = mapped_column(default=7)
    failures: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[str | None] = mapped_column(String(500))
    trouble_until: Mapped[datetime | None]
    hold_share: Mapped[int] = mapped_column(default=20)
    hold_at_least: Mapped[int] = mapped_column(default=50)
    hold_volume: Mapped[int] = mapped_column(default=3)
    held_run_id: Mapped[int | None]
    no_look_hours: Mapped[int] = mapped_column(default=6, server_default="6")
    no_send_hours: Mapped[int] = mapped_column(default=2, server_default="2")
    digest_days: Mapped[str] = mapped_column(String(8), default="daily", server_default="daily")
    digest_at: Mapped[str] = mapped_column(String(5), default="08:00", server_default="08:00")
    sync_lease_token: Mapped[str | None] = mapped_column(String(36))
    sync_lease_until: Mapped[datetime | None]
    sync_turn_at: Mapped[datetime | None]

    transports: Mapped[list[Transport]] = relationship(back_populates="isp")


class Transport(Base):
    """The ISP's own sending account for one kind of channel, as a sealed Apprise URL.

    `limits` is what its provider lets through, as `billing.delivery.limits` reads it; None = the
    defaults of its kind.
    """

    __tablename__ = "transport"
    __table_args__ = (UniqueConstraint("isp_id", "scheme"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    scheme: Mapped[str] = mapped_column(String(32))
    url_sealed: Mapped[str] = mapped_column(Text)
    limits: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]

    isp: Mapped[Isp] = relationship(back_populates="transports")
