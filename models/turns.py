"""Whose turn is next: what an ISP sends over one kind of channel is a route; routes take turns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.alert import Delivery
from models.base import Base
from models.isp import Isp


class RouteTurn(Base):
    """When the last batch of a route counts (`at`, see `billing.fairness`), None = it had none.

    Until `rests_until` its sending account lets nothing through, so that nobody asks again.
    """

    __tablename__ = "route_turn"

    isp_id: Mapped[int] = mapped_column(ForeignKey("isp.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]


def next_routes(session: Session, *, now: datetime, limit: int) -> Sequence[tuple[int, str]]:
    """Return up to `limit` routes that have something to send, who waited longest first.

    A route that is slow, and so far behind, does not go before all others again and again.
    """
    something_due = (
        select(Delivery.id)
        .where(
            Delivery.state == "planned",
            Delivery.isp_id == RouteTurn.isp_id,
            Delivery.route == RouteTurn.route,
            Delivery.not_before <= now,
        )
        .exists()
    )
    rows = session.execute(
        select(RouteTurn.isp_id, RouteTurn.route)
        .where(
            or_(RouteTurn.rests_until.is_(None), RouteTurn.rests_until <= now),
            RouteTurn.isp_id.not_in(select(Isp.id).where(Isp.enabled.is_(False))),
            something_due,
        )
        .order_by(RouteTurn.at.asc().nulls_first(), RouteTurn.isp_id, RouteTurn.route)
        .limit(limit)
    )
    return [(row.isp_id, row.route) for row in rows]


def enter_routes(session: Session, routes: Sequence[tuple[int, str]]) -> None:
    """Let routes take turns that never took any."""
    if routes:
        _upsert(session, [{"isp_id": isp_id, "route": route} for isp_id, route in routes])


def take_turn(session: Session, isp_id: int, route: str, *, at: datetime) -> None:
    """Write down when a batch of a route counts: when it begins, then when it ended."""
    _upsert(session, [{"isp_id": isp_id, "route": route}], at=at, rests_until=None)


def rest(session: Session, isp_id: int, route: str, *, until: datetime) -> None:
    """Write down until when nothing can leave over a route."""
    _upsert(session, [{"isp_id": isp_id, "route": route}], rests_until=until)


def _upsert(
    session: Session, rows: Sequence[dict[str, int | str]], **values: datetime | None
) -> None:
    insert = insert_sqlite if session.get_bind().dialect.name == "sqlite" else insert_postgresql
    statement = insert(RouteTurn).values([{**row, **values} for row in rows])
    keys = ["isp_id", "route"]
    session.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=values)
        if values
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
