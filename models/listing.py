"""Where we stand in Wispro's lists, and what we found out about its API."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class ListingMark(Base):
    """Where we stand in one list of one ISP ("invoices", "pending", "contracts", …).

    `total` and `newest` (ids, the newest first) are how the list ended at the last look: what comes
    after them is new. A crawl reads the whole list from its last page to its first, over as many
    runs as it takes: `crawl_page` is the next page of one that is under way, `crawl_seen` the rows
    of ours that it met (a serialised bitmap of their ids), `crawl_foreign` how many others.
    `crawled_at` is when the last complete crawl began.
    """

    __tablename__ = "listing_mark"

    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"), primary_key=True)
    listing: Mapped[str] = mapped_column(String(20), primary_key=True)
    total: Mapped[int] = mapped_column(default=0)
    newest: Mapped[list[str]] = mapped_column(JSON, default=list)
    crawl_page: Mapped[int | None]
    crawl_started_at: Mapped[datetime | None]
    crawl_seen: Mapped[bytes | None] = mapped_column(LargeBinary)
    crawl_total: Mapped[int] = mapped_column(default=0)
    crawl_foreign: Mapped[int] = mapped_column(default=0)
    crawl_trouble: Mapped[str | None] = mapped_column(String(300))
    crawled_at: Mapped[datetime | None]


class Probe(Base):
    """One habit of one ISP's Wispro, as it was found on a day."""

    __tablename__ = "probe"

    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    found: Mapped[str] = mapped_column(String(40))
    probed_at: Mapped[datetime]
