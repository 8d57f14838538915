"""The tenant: one Wispro account, how it signs its messages and from where it sends them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base


class Isp(Base):
    """One internet provider.

    `contact_hours` is "HH:MM-HH:MM" in `timezone`. `debt_sign` says which sign of Wispro's
    `balance_amount` means that the customer owes (medium confidence in the API's notes, so a
    setting). `trouble` says why the last sync failed; scheduled ones rest until `trouble_until`.
    `sync_lease_…` keep one sync at a time.
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
    contact_hours: Mapped[str] = mapped_column(String(11))
    minimum_amount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    debt_sign: Mapped[str] = mapped_column(String(8), default="negative")
    requests_per_second: Mapped[float] = mapped_column(default=2.0)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    synced_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(String(500))
    trouble_until: Mapped[datetime | None]
    sync_lease_token: Mapped[str | None] = mapped_column(String(36))
    sync_lease_until: Mapped[datetime | None]

    transports: Mapped[list[Transport]] = relationship(back_populates="isp")


class Transport(Base):
    """The ISP's own sending account for one kind of channel, as a sealed Apprise URL."""

    __tablename__ = "transport"
    __table_args__ = (UniqueConstraint("isp_id", "scheme"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    scheme: Mapped[str] = mapped_column(String(32))
    url_sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]

    isp: Mapped[Isp] = relationship(back_populates="transports")
