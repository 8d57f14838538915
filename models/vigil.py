"""What tells that the worker itself is in trouble: its ticks, silences, and who is told of them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Tick(Base):
    """That one kind of work is being done, whether or not it finds anything.

    `since` is when the ticks began that came one after the other without a long gap.
    """

    __tablename__ = "tick"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime]
    since: Mapped[datetime]


class Vigil(Base):
    """What was found out about one ISP's silence, and what its operator was told of which day.

    `no_look_since` is since when no look was complete, while that is so long that it is told;
    `no_send_at` when it was found that nothing leaves, `no_send_why` the reason. `digested_until`
    is the last day that a morning's digest told of.
    """

    __tablename__ = "vigil"

    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"), primary_key=True)
    no_look_since: Mapped[datetime | None]
    no_send_at: Mapped[datetime | None]
    no_send_why: Mapped[str | None] = mapped_column(String(20))
    digested_until: Mapped[date | None]


class Heartbeat(Base):
    """A URL that is called while all is well: one of an ISP, or that of the installation.

    The installation's has no `isp_id`, and its URL stands in the settings. `looked_at` names the
    look that was told last (of the installation: the instant that was), `failed_at` the stretch of
    trouble that was told as a failure. `lease_until` keeps two workers from telling the same.
    """

    __tablename__ = "heartbeat"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    isp_id: Mapped[int | None] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"))
    url_sealed: Mapped[str | None] = mapped_column(Text)
    tells_failures: Mapped[bool] = mapped_column(default=False)
    looked_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    pinged_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(String(200))
