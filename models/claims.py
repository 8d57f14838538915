"""Who may send what: claim by guarded update, settle by the attempt that was made.

Each statement means the same on SQLite (one writer at a time) and on PostgreSQL (SKIP LOCKED), and
each later write names the attempt it belongs to, so that a worker that lost its lease changes
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from models.alert import Alert, Attempt, Delivery
from models.invoice import Invoice


def due_isps(session: Session, *, now: datetime) -> Sequence[int]:
    """Return the ISPs that have deliveries whose time has come."""
    return session.scalars(
        select(Delivery.isp_id)
        .where(Delivery.state == "planned", Delivery.not_before <= now)
        .distinct()
        .order_by(Delivery.isp_id)
    ).all()


def claim(
    session: Session,
    isp_id: int,
    *,
    limit: int,
    now: datetime,
    lease_until: datetime,
    account_id: int | None = None,
) -> list[tuple[int, int]]:
    """Take up to `limit` due deliveries of an ISP; return (delivery id, attempt number) pairs.

    `account_id` leaves everybody else's alone.
    """
    wanted = [Delivery.isp_id == isp_id]
    if account_id is not None:
        wanted.append(Delivery.account_id == account_id)
    return _claim(session, wanted, limit=limit, now=now, lease_until=lease_until)


def claim_mates(
    session: Session,
    claimed: Sequence[tuple[int, int]],
    *,
    limit: int,
    now: datetime,
    lease_until: datetime,
) -> list[tuple[int, int]]:
    """Take what else is due to the same accounts, so that it can go in the same messages."""
    if not claimed:
        return []
    accounts = session.scalars(
        select(Delivery.account_id).where(Delivery.id.in_([one for one, _ in claimed])).distinct()
    ).all()
    wanted = [Delivery.account_id.in_(accounts)]
    return _claim(session, wanted, limit=limit, now=now, lease_until=lease_until)


def by_destination(
    session: Session, claimed: Sequence[tuple[int, int]]
) -> list[list[tuple[int, int]]]:
    """Return claimed deliveries in groups of the same account and channel, the oldest first."""
    rows = session.execute(
        select(Delivery.id, Delivery.account_id, Delivery.channel_id).where(
            Delivery.id.in_([one for one, _ in claimed])
        )
    ).all()
    places = {row.id: (row.account_id, row.channel_id) for row in rows}
    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for delivery_id, attempt in sorted(claimed):
        groups.setdefault(places[delivery_id], []).append((delivery_id, attempt))
    return list(groups.values())


def _claim(
    session: Session,
    wanted: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    now: datetime,
    lease_until: datetime,
) -> list[tuple[int, int]]:
    wanted = [*wanted, Delivery.state == "planned", Delivery.not_before <= now]
    # A plain sub-select may be run once per row by PostgreSQL, each time skipping what is locked
    # by then, and so exceed the limit; a CTE that locks is run once.
    due = (
        select(Delivery.id)
        .where(*wanted)
        .order_by(Delivery.not_before, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(select(due.c.id)), Delivery.state == "planned")
        .values(state="sending", attempts=Delivery.attempts + 1, lease_until=lease_until)
        .returning(Delivery.id, Delivery.attempts)
        .execution_options(synchronize_session=False)
    ).all()
    return sorted((row.id, row.attempts) for row in rows)


def begin_attempt(
    session: Session,
    delivery_id: int,
    attempt: int,
    *,
    now: datetime,
    lease_until: datetime,
    evidence: dict[str, str] | None = None,
) -> bool:
    """Journal an attempt before the provider is called; False = the claim was lost meanwhile."""
    held = session.scalars(
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.state == "sending",
            Delivery.attempts == attempt,
            Delivery.lease_until > now,
        )
        .values(lease_until=lease_until)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).first()
    if held is None:
        return False
    session.add(Attempt(delivery_id=delivery_id, number=attempt, started_at=now, evidence=evidence))
    return True


def has_attempt(session: Session, delivery_id: int, attempt: int) -> bool:
    """Whether the provider was, or may have been, called under this attempt."""
    found = session.execute(
        select(Attempt.id).where(Attempt.delivery_id == delivery_id, Attempt.number == attempt)
    ).first()
    return found is not None


def settle(session: Session, delivery_id: int, attempt: int, **values: Any) -> bool:
    """Write how a claimed delivery ended; False = somebody else holds or settled it."""
    settled = session.scalars(
        update(Delivery)
        .where(
            Delivery.id == delivery_id, Delivery.state == "sending", Delivery.attempts == attempt
        )
        .values(lease_until=None, **values)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).first()
    return settled is not None


def end_attempt(
    session: Session, delivery_id: int, attempt: int, *, fate: str, detail: str, now: datetime
) -> None:
    """Complete the journal of an attempt."""
    session.execute(
        update(Attempt)
        .where(Attempt.delivery_id == delivery_id, Attempt.number == attempt)
        .values(finished_at=now, fate=fate, detail=detail[:500])
        .execution_options(synchronize_session=False)
    )


def recover(session: Session, *, now: datetime) -> tuple[int, int]:
    """Resolve claims whose lease ran out; return (given back, uncertain).

    A claim without a journaled attempt certainly sent nothing and is planned again; one with an
    attempt may have reached the provider and is uncertain: its invoice counts as announced, since
    the customer may have the message.
    """
    expired = [Delivery.state == "sending", Delivery.lease_until <= now]
    tried = (
        select(Attempt.id)
        .where(Attempt.delivery_id == Delivery.id, Attempt.number == Delivery.attempts)
        .exists()
    )
    uncertain = session.scalars(
        update(Delivery)
        .where(*expired, tried)
        .values(state="uncertain", reason="interrupted", lease_until=None, settled_at=now)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    if uncertain:
        session.execute(
            update(Invoice)
            .where(
                Invoice.id.in_(
                    select(Alert.invoice_id)
                    .join(Delivery, Delivery.alert_id == Alert.id)
                    .where(Delivery.id.in_(uncertain))
                ),
                Invoice.announced_at.is_(None),
            )
            .values(announced_at=now)
            .execution_options(synchronize_session=False)
        )
    given_back = session.scalars(
        update(Delivery)
        .where(*expired, ~tried)
        .values(state="planned", lease_until=None)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(given_back), len(uncertain)
