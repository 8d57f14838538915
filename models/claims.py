"""Who may send what: claim by guarded update, settle by the attempt that was made.

Each statement means the same on SQLite (one writer at a time) and on PostgreSQL (SKIP LOCKED), and
each later write names the attempt it belongs to, so that a worker that lost its lease changes
nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from models.account import Channel
from models.alert import Alert, Attempt, Delivery
from models.invoice import Invoice
from models.isp import Isp

#: The attempt of the present claim is journaled: somebody may have been called.
_BEGUN = (
    select(Attempt.id)
    .where(Attempt.delivery_id == Delivery.id, Attempt.number == Delivery.attempts)
    .exists()
)


def due_routes(session: Session, *, now: datetime) -> Sequence[tuple[int, str]]:
    """Return the ISPs and routes that have deliveries whose time has come, the oldest first."""
    rows = session.execute(
        select(Delivery.isp_id, Delivery.route)
        .where(
            Delivery.state == "planned",
            Delivery.not_before <= now,
            Delivery.isp_id.not_in(select(Isp.id).where(Isp.enabled.is_(False))),
        )
        .group_by(Delivery.isp_id, Delivery.route)
        .order_by(func.min(Delivery.not_before), Delivery.isp_id, Delivery.route)
    )
    return [(row.isp_id, row.route) for row in rows]


def next_due(session: Session, isp_id: int, route: str) -> datetime | None:
    """Return when the next planned delivery of a route is due; None = none is planned."""
    waits = (Delivery.state == "planned", Delivery.isp_id == isp_id, Delivery.route == route)
    return session.scalar(select(func.min(Delivery.not_before)).where(*waits))


def claim(
    session: Session,
    isp_id: int,
    *,
    limit: int,
    now: datetime,
    lease_until: datetime,
    route: str | None = None,
    account_id: int | None = None,
) -> list[tuple[int, int]]:
    """Take up to `limit` due deliveries of an ISP; return (delivery id, attempt number) pairs.

    `route` leaves those of other kinds of channel alone, `account_id` everybody else's.
    """
    wanted = [Delivery.isp_id == isp_id]
    if route is not None:
        wanted.append(Delivery.route == route)
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
    """Take what else is due to the same accounts, whatever the route.

    So several alerts can go in one message, and of several channels the first one goes first.
    """
    if not claimed:
        return []
    accounts = session.scalars(
        select(Delivery.account_id).where(Delivery.id.in_([one for one, _ in claimed])).distinct()
    ).all()
    wanted = [Delivery.account_id.in_(accounts)]
    return _claim(session, wanted, limit=limit, now=now, lease_until=lease_until)


def by_destination(
    session: Session, claimed: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return claimed deliveries by account and channel, the oldest first.

    Of several channels of an account the first in the customer's order comes first.
    """
    rows = session.execute(
        select(Delivery.id, Delivery.account_id, Delivery.channel_id, Channel.position)
        .join(Channel, Channel.id == Delivery.channel_id)
        .where(Delivery.id.in_([one for one, _ in claimed]))
    ).all()
    places = {row.id: (row.account_id, row.channel_id) for row in rows}
    order = {row.channel_id: (row.position, row.channel_id) for row in rows}
    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for delivery_id, attempt in sorted(claimed):
        groups.setdefault(places[delivery_id], []).append((delivery_id, attempt))
    # A stable sort: nothing changes between accounts that have one channel each.
    return dict(sorted(groups.items(), key=lambda group: order[group[0][1]][0]))


def claim_one(
    session: Session, delivery_id: int, *, now: datetime, lease_until: datetime
) -> list[tuple[int, int]]:
    """Take one delivery, if it is due and nobody else took it."""
    wanted = [Delivery.id == delivery_id]
    return _claim(session, wanted, limit=1, now=now, lease_until=lease_until)


def call_off(
    session: Session,
    whose: ColumnElement[bool],
    *,
    reason: str,
    now: datetime,
    detail: str | None = None,
) -> list[int]:
    """Cancel what has not left yet, claimed or not; return the deliveries.

    A claim under which no attempt is journaled has called nobody: it is taken from its worker, who
    finds it lost when it begins. The rows are locked first and looked at in a statement of their
    own, so that on PostgreSQL an attempt that is being journaled at this instant is seen.
    """
    session.execute(
        select(Delivery.id)
        .where(whose, Delivery.state.in_(["planned", "sending"]))
        .order_by(Delivery.id)
        .with_for_update()
    ).all()
    waits = (Delivery.state == "planned") | ((Delivery.state == "sending") & ~_BEGUN)
    rows = session.scalars(
        update(Delivery)
        .where(whose, waits)
        .values(state="cancelled", reason=reason, detail=detail, settled_at=now, lease_until=None)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(rows)


def give_back_unbegun(session: Session, isp_id: int, *, limit: int) -> int:
    """Take claims of an ISP from their workers, who called nobody yet; they are planned again.

    As in `call_off`, the rows are locked first and looked at afterwards.

    Returns:
        How many were looked at: fewer than `limit` = there were no more. What was begun is on its
        way, and counted on the other side of the call.
    """
    ids = session.scalars(
        select(Delivery.id)
        .where(
            Delivery.state == "sending",
            Delivery.isp_id == isp_id,
            ~_BEGUN,
        )
        .order_by(Delivery.id)
        .limit(limit)
        .with_for_update()
    ).all()
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == "sending", ~_BEGUN)
        .values(state="planned", lease_until=None)
        .execution_options(synchronize_session=False)
    )
    return len(ids)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """An attempt to journal; fields as in `Attempt`, and in whose message it goes along, if so."""

    delivery_id: int
    attempt: int
    carried_by: int | None = None
    provider: str | None = None
    evidence: dict[str, str] | None = None
    segments: int | None = None
    charged_to: int | None = None


def begin_attempts(
    session: Session, several: Sequence[Begin], *, now: datetime, lease_until: datetime
) -> set[int]:
    """Journal attempts before the provider is called; return the deliveries still held.

    Those whose claim was lost meanwhile are left as they are.
    """
    if not several:
        return set()
    held = set(
        session.scalars(
            update(Delivery)
            .where(
                tuple_(Delivery.id, Delivery.attempts).in_(
                    [(one.delivery_id, one.attempt) for one in several]
                ),
                Delivery.state == "sending",
                Delivery.lease_until > now,
            )
            .values(lease_until=lease_until)
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
    )
    rows = [
        {
            "delivery_id": one.delivery_id,
            "number": one.attempt,
            "started_at": now,
            "provider": one.provider,
            "evidence": one.evidence,
            "segments": one.segments,
            "charged_to": one.charged_to,
        }
        for one in several
        if one.delivery_id in held
    ]
    if rows:
        session.execute(insert(Attempt), rows)
    carried = [
        {"of_delivery": one.delivery_id, "carrier": one.carried_by}
        for one in several
        if one.carried_by is not None and one.delivery_id in held
    ]
    if carried:
        session.connection().execute(_CARRY, carried)
    return held


_CARRY = (
    update(Delivery)
    .where(Delivery.__table__.c.id == bindparam("of_delivery"))
    .values(carried_by=bindparam("carrier"))
)


def lock(session: Session, delivery_ids: Sequence[int]) -> None:
    """Lock deliveries in the order in which `call_off` does; SQLite has one writer anyway."""
    session.execute(
        select(Delivery.id)
        .where(Delivery.id.in_(delivery_ids))
        .order_by(Delivery.id)
        .with_for_update()
    ).all()


def forget_attempts(session: Session, claimed: Sequence[tuple[int, int]]) -> None:
    """Remove journaled attempts without an end; whoever asks knows that nothing was called."""
    session.execute(
        delete(Attempt)
        .where(
            tuple_(Attempt.delivery_id, Attempt.number).in_(claimed), Attempt.finished_at.is_(None)
        )
        .execution_options(synchronize_session=False)
    )


def without_attempt(session: Session, claimed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return those under whose claim the provider was certainly not called."""
    if not claimed:
        return []
    tried = session.execute(
        select(Attempt.delivery_id, Attempt.number).where(
            tuple_(Attempt.delivery_id, Attempt.number).in_(claimed)
        )
    ).all()
    return [one for one in claimed if one not in {(row[0], row[1]) for row in tried}]


def planned_at(session: Session, ids: Sequence[int]) -> dict[int, datetime]:
    """Return when deliveries were first meant to go."""
    rows = session.execute(select(Delivery.id, Delivery.planned_at).where(Delivery.id.in_(ids)))
    return {row.id: row.planned_at for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a claimed delivery stands from now on; fields as in `Delivery`.

    A `not_before` of None leaves it as it is.
    """

    delivery_id: int
    attempt: int
    state: str
    reason: str | None = None
    detail: str | None = None
    not_before: datetime | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    carried_by: int | None = None


def settle_all(session: Session, several: Sequence[Settled]) -> None:
    """Write how claimed deliveries ended, each under the attempt that was made.

    What somebody else holds or settled meanwhile is left as it is.
    """
    if several:
        # In the order in which `call_off` locks them, so that neither waits for the other for ever.
        ordered = sorted(several, key=lambda one: one.delivery_id)
        session.connection().execute(_SETTLE, [_settled_row(one) for one in ordered])


def _settled_row(one: Settled) -> dict[str, Any]:
    return {
        "of_delivery": one.delivery_id,
        "of_attempt": one.attempt,
        "state": one.state,
        "reason": one.reason,
        "detail": one.detail,
        "new_not_before": one.not_before,
        "sent_at": one.sent_at,
        "settled_at": one.settled_at,
        "carried_by": one.carried_by,
    }


_SETTLE = (
    update(Delivery)
    .where(
        Delivery.__table__.c.id == bindparam("of_delivery"),
        Delivery.__table__.c.attempts == bindparam("of_attempt"),
        Delivery.__table__.c.state == "sending",
    )
    .values(
        state=bindparam("state"),
        reason=bindparam("reason"),
        detail=bindparam("detail"),
        not_before=func.coalesce(
            bindparam("new_not_before", type_=Delivery.__table__.c.not_before.type),
            Delivery.__table__.c.not_before,
        ),
        sent_at=bindparam("sent_at"),
        settled_at=bindparam("settled_at"),
        carried_by=bindparam("carried_by"),
        lease_until=None,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a journaled attempt; fields as in `Attempt`."""

    delivery_id: int
    attempt: int
    fate: str
    detail: str
    finished_at: datetime


def end_attempts(session: Session, several: Sequence[Ended]) -> None:
    """Complete the journal of attempts."""
    if not several:
        return
    session.connection().execute(
        _END,
        [
            {
                "of_delivery": one.delivery_id,
                "of_attempt": one.attempt,
                "finished_at": one.finished_at,
                "fate": one.fate,
                "detail": one.detail[:500],
            }
            for one in several
        ],
    )


_END = (
    update(Attempt)
    .where(
        Attempt.__table__.c.delivery_id == bindparam("of_delivery"),
        Attempt.__table__.c.number == bindparam("of_attempt"),
    )
    .values(
        finished_at=bindparam("finished_at"),
        fate=bindparam("fate"),
        detail=bindparam("detail"),
    )
)


def recover(
    session: Session,
    *,
    now: datetime,
    once_more: Collection[str] = (),
    once_more_at: datetime | None = None,
) -> tuple[int, int]:
    """Resolve claims whose lease ran out; return (given back, uncertain).

    A claim without a journaled attempt certainly sent nothing and is planned again; one with an
    attempt may have reached the provider and is uncertain: its invoice counts as announced, since
    the customer may have the message.

    Args:
        session: an open unit of work.
        now: the present.
        once_more: routes on which what may have arrived goes again, once.
        once_more_at: when it does.
    """
    expired = [Delivery.state == "sending", Delivery.lease_until <= now]
    tried = (
        select(Attempt.id)
        .where(Attempt.delivery_id == Delivery.id, Attempt.number == Delivery.attempts)
        .exists()
    )
    unsure = session.execute(
        update(Delivery)
        .where(*expired, tried)
        .values(state="uncertain", reason="interrupted", lease_until=None, settled_at=now)
        .returning(Delivery.id, Delivery.route)
        .execution_options(synchronize_session=False)
    ).all()
    uncertain = [row.id for row in unsure]
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
    again = _once_more(
        session, [row.id for row in unsure if row.route in once_more], at=once_more_at or now
    )
    given_back = session.scalars(
        update(Delivery)
        .where(*expired, ~tried)
        .values(state="planned", lease_until=None)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(given_back) + again, len(uncertain) - again


def _once_more(session: Session, ids: Sequence[int], *, at: datetime) -> int:
    """Plan again what broke off for the first time; return how many that is."""
    if not ids:
        return 0
    unsure = Attempt.fate.is_(None) | (Attempt.fate == "uncertain")
    twice = (
        select(Attempt.delivery_id)
        .where(Attempt.delivery_id.in_(ids), unsure)
        .group_by(Attempt.delivery_id)
        .having(func.count() > 1)
    )
    again = session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.id.not_in(twice))
        .values(state="planned", settled_at=None, carried_by=None, not_before=at)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(again)
