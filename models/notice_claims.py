"""Who may send which notice: as `models/claims.py` for deliveries, on one row without a journal.

Claim by guarded update, settle by the attempt that was made; a notice is few and small, so that the
beginning of an attempt stands on its own row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.operator import OperatorNotice


def claim(
    session: Session, *, limit: int, now: datetime, lease_until: datetime
) -> list[tuple[int, int]]:
    """Take up to `limit` due notices; return (notice id, attempt number) pairs."""
    due = (
        select(OperatorNotice.id)
        .where(OperatorNotice.state == "planned", OperatorNotice.not_before <= now)
        .order_by(OperatorNotice.not_before, OperatorNotice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = session.execute(
        update(OperatorNotice)
        .where(OperatorNotice.id.in_(select(due.c.id)), OperatorNotice.state == "planned")
        .values(
            state="sending",
            attempts=OperatorNotice.attempts + 1,
            lease_until=lease_until,
            begun_at=None,
        )
        .returning(OperatorNotice.id, OperatorNotice.attempts)
        .execution_options(synchronize_session=False)
    ).all()
    return sorted((row.id, row.attempts) for row in rows)


def begin(
    session: Session, notice_id: int, attempt: int, *, now: datetime, lease_until: datetime
) -> int | None:
    """Write down that the provider is about to be called; return which try it is.

    None = the claim was lost meanwhile.
    """
    return session.scalars(
        update(OperatorNotice)
        .where(
            OperatorNotice.id == notice_id,
            OperatorNotice.state == "sending",
            OperatorNotice.attempts == attempt,
            OperatorNotice.lease_until > now,
        )
        .values(begun_at=now, tries=OperatorNotice.tries + 1, lease_until=lease_until)
        .returning(OperatorNotice.tries)
        .execution_options(synchronize_session=False)
    ).first()


def settle(session: Session, notice_id: int, attempt: int, **values: Any) -> bool:
    """Write how a claimed notice ended; False = somebody else holds or settled it."""
    settled = session.scalars(
        update(OperatorNotice)
        .where(
            OperatorNotice.id == notice_id,
            OperatorNotice.state == "sending",
            OperatorNotice.attempts == attempt,
        )
        .values(lease_until=None, **values)
        .returning(OperatorNotice.id)
        .execution_options(synchronize_session=False)
    ).first()
    return settled is not None


def give_back(session: Session, notice_id: int, attempt: int) -> bool:
    """Plan again what was claimed and not begun; what was begun ends with its lease."""
    given = session.scalars(
        update(OperatorNotice)
        .where(
            OperatorNotice.id == notice_id,
            OperatorNotice.state == "sending",
            OperatorNotice.attempts == attempt,
            OperatorNotice.begun_at.is_(None),
        )
        .values(state="planned", lease_until=None)
        .returning(OperatorNotice.id)
        .execution_options(synchronize_session=False)
    ).first()
    return given is not None


def recover(session: Session, *, now: datetime) -> tuple[int, int]:
    """Resolve claims whose lease ran out; return (given back, uncertain)."""
    expired = [OperatorNotice.state == "sending", OperatorNotice.lease_until <= now]
    uncertain = session.scalars(
        update(OperatorNotice)
        .where(*expired, OperatorNotice.begun_at.is_not(None))
        .values(state="uncertain", reason="interrupted", lease_until=None, settled_at=now)
        .returning(OperatorNotice.id)
        .execution_options(synchronize_session=False)
    ).all()
    given_back = session.scalars(
        update(OperatorNotice)
        .where(*expired, OperatorNotice.begun_at.is_(None))
        .values(state="planned", lease_until=None)
        .returning(OperatorNotice.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(given_back), len(uncertain)
