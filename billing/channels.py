"""The channels of one customer: how each fares, and what staff do with them.

A channel is named by its number: the first one that the customer got is 1, and stays it. Nothing
that was sent over a channel vanishes with it: one that is taken away keeps its row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.channel_health import MOST_TRIES, WITHIN, Condition, Health, Try, health_of
from billing.closing import close_channel, reopen
from billing.isps import SetupError
from billing.joining import put_in_order
from billing.letter import Fate
from billing.naming import AccountFinder
from billing.taking_over import take_over
from billing.values import Reason
from models.account import Account, Channel
from models.alert import Attempt, Delivery
from models.database import Database


class ChannelError(SetupError):
    """There is no such channel, or it is not as the command wants it; the text says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLine:
    """One channel as lists show it.

    `order` is its place among those that are not removed, 1 = first; None for the others. `state`
    is "open", "closed" or "removed", `why` the reason of the last two.
    """

    number: int
    order: int | None
    kind: str
    medium: str
    label: str
    since: datetime
    state: str
    closed_at: datetime | None
    closed_by: str | None
    why: str | None
    condition: Condition
    delivered: int
    failed: int
    uncertain: int
    delivered_at: datetime | None
    ban_risk_accepted_at: datetime | None
    ban_risk_accepted_by: str | None


def channel_lines(session: Session, account: Account, *, now: datetime) -> list[ChannelLine]:
    """This function will list the channels of an account in their order, removed ones last."""
    rows = _rows(session, account.id)
    numbers = {row.id: number for number, row in enumerate(rows, start=1)}
    healths = healths_of(session, rows, now=now)
    present = sorted(
        (row for row in rows if row.removed_at is None), key=lambda row: (row.position, row.id)
    )
    places = {row.id: place for place, row in enumerate(present, start=1)}
    gone = [row for row in rows if row.removed_at is not None]
    return [
        _line(row, numbers[row.id], places.get(row.id), healths[row.id])
        for row in (*present, *gone)
    ]


def healths_of(
    session: Session, channels: Collection[Channel], *, now: datetime
) -> dict[int, Health]:
    """This function will say how well each of some channels works.

    What went along in the message of another delivery is no try of its own.
    """
    ids = [row.id for row in channels]
    tries: dict[int, list[Try]] = defaultdict(list)
    rank = func.row_number().over(
        partition_by=Delivery.channel_id, order_by=(Attempt.started_at.desc(), Attempt.id.desc())
    )
    held_up = func.coalesce(Attempt.fate, "") != Fate.HELD_UP.value
    latest = (
        select(Delivery.channel_id, Attempt.started_at, Attempt.fate, rank.label("rank"))
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .where(
            Delivery.channel_id.in_(ids),
            Delivery.carried_by.is_(None),
            Attempt.started_at > now - WITHIN,
            Attempt.started_at <= now,
            held_up,
        )
        .subquery()
    )
    for row in session.execute(select(latest).where(latest.c.rank <= MOST_TRIES)):
        tries[row.channel_id].append(Try(row.started_at, Fate(row.fate) if row.fate else None))
    last = {
        row.channel_id: row.at
        for row in session.execute(
            select(Delivery.channel_id, func.max(Delivery.sent_at).label("at"))
            .where(Delivery.channel_id.in_(ids), Delivery.sent_at <= now)
            .group_by(Delivery.channel_id)
        )
    }
    return {
        row.id: health_of(
            tries[row.id],
            closed=row.disabled_at is not None,
            delivered_at=last.get(row.id),
            now=now,
        )
        for row in channels
    }


def channel_numbered(session: Session, account: Account, number: int) -> Channel:
    """This function will find a channel of an account that was not taken away, locked.

    Raises:
        ChannelError: if there is none of this number, with those that there are.
    """
    rows = _rows(session, account.id)
    found = rows[number - 1] if 1 <= number <= len(rows) else None
    if found is None or found.removed_at is not None:
        known = ", ".join(
            f"{place} {row.label}"
            for place, row in enumerate(rows, start=1)
            if row.removed_at is None
        )
        raise ChannelError(f"{account.name} has no channel {number}; there is: {known or 'none'}")
    return session.get_one(Channel, found.id, with_for_update=True, populate_existing=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What staff did: to which channel of whom, and what came of it.

    `cancelled` counts alerts that had not left for it, `taken_over` those of them that go to
    another channel instead; `left` counts the open channels that remain. `was` is why it had been
    closed.
    """

    customer: str
    label: str
    left: int
    cancelled: int = 0
    taken_over: int = 0
    was: str | None = None


class Channels:
    """The use-case.

    Args:
        database: rows.
        whom: finds a customer by what names them.
    """

    def __init__(self, database: Database, whom: AccountFinder) -> None:
        self._database = database
        self._whom = whom

    def disable(
        self, slug: str, client: str, number: int, *, reason: str, author: str, now: datetime
    ) -> Changed:
        """This function will close a channel; what has not left for it does not leave.

        Args:
            slug: the ISP.
            client: who, by anything that names one of ours.
            number: of the channel.
            reason: why, for support.
            author: who says so.
            now: the present.

        Raises:
            SetupError: if there is no such ISP, account or open channel, or no reason is given.
        """
        reason = " ".join(reason.split())
        if not reason:
            raise ChannelError("--reason: say why, for whoever asks later")
        with self._database.write() as session:
            account, channel = self._find(session, slug, client, number)
            if channel.disabled_at is not None:
                raise ChannelError(f"{channel.label} is closed already: {channel.disabled_reason}")
            undone = close_channel(
                session, channel, Reason.CHANNEL_DISABLED, now=now, words=reason, author=author
            )
            return _changed(session, account, channel, undone, now=now)

    def remove(self, slug: str, client: str, number: int, *, author: str, now: datetime) -> Changed:
        """This function will take a channel away; what was sent over it stays on record.

        Raises:
            SetupError: if there is no such ISP, account or channel.
        """
        with self._database.write() as session:
            account, channel = self._find(session, slug, client, number)
            was = channel.disabled_reason
            undone: Sequence[int] = ()
            if channel.disabled_at is None:
                words = f"taken away by {author}"
                undone = close_channel(
                    session, channel, Reason.CHANNEL_REMOVED, now=now, words=words, author=author
                )
            channel.removed_at = now
            return _changed(session, account, channel, undone, now=now, was=was)

    def enable(self, slug: str, client: str, number: int) -> Changed:
        """This function will open a channel again, for what is owed from now on.

        What was cancelled when it closed stays so: its moment may be over.

        Raises:
            SetupError: if there is no such ISP, account or closed channel, or it is not paired.
        """
        with self._database.write() as session:
            account, channel = self._find(session, slug, client, number)
            if not account.paired:
                raise ChannelError(f"{account.name} is not paired: alerta pair {slug} … --to …")
            if channel.disabled_at is None:
                raise ChannelError(f"{channel.label} is open")
            was = channel.disabled_reason
            reopen(channel)
            return _changed(session, account, channel, was=was)

    def order(self, slug: str, client: str, numbers: Sequence[int]) -> list[str]:
        """This function will let some channels go first, in this order; the others follow.

        Returns:
            The labels of all, in their new order.

        Raises:
            SetupError: if there is no such ISP, account or channel.
        """
        with self._database.write() as session:
            account = self._account(session, slug, client)
            named = dict.fromkeys(channel_numbered(session, account, one) for one in numbers)
            rows = [row for row in _rows(session, account.id) if row.removed_at is None]
            rest = sorted(
                (row for row in rows if row not in named), key=lambda row: (row.position, row.id)
            )
            put_in_order([*named, *rest])
            return [row.label for row in (*named, *rest)]

    def _find(
        self, session: Session, slug: str, client: str, number: int
    ) -> tuple[Account, Channel]:
        account = self._account(session, slug, client)
        return account, channel_numbered(session, account, number)

    def _account(self, session: Session, slug: str, client: str) -> Account:
        return self._whom.find(session, slug, client)


def _changed(
    session: Session,
    account: Account,
    channel: Channel,
    undone: Sequence[int] = (),
    *,
    now: datetime | None = None,
    was: str | None = None,
) -> Changed:
    taken_over = take_over(session, undone, now=now) if now is not None else 0
    session.flush()
    left = session.scalar(
        select(func.count()).where(Channel.account_id == account.id, Channel.disabled_at.is_(None))
    )
    return Changed(
        customer=account.name,
        label=channel.label,
        left=left or 0,
        cancelled=len(undone),
        taken_over=taken_over,
        was=was,
    )


def _rows(session: Session, account_id: int) -> Sequence[Channel]:
    """Return every channel that an account ever had, in the order of their numbers."""
    return session.scalars(
        select(Channel).where(Channel.account_id == account_id).order_by(Channel.id)
    ).all()


def _line(row: Channel, number: int, order: int | None, health: Health) -> ChannelLine:
    state = "open" if row.disabled_at is None else "closed"
    return ChannelLine(
        number=number,
        order=order,
        kind=row.scheme,
        medium=row.medium,
        label=row.label,
        since=row.created_at,
        state=state if row.removed_at is None else "removed",
        closed_at=row.removed_at or row.disabled_at,
        closed_by=row.disabled_by,
        why=row.disabled_reason,
        condition=health.condition,
        delivered=health.delivered,
        failed=health.failed,
        uncertain=health.uncertain,
        delivered_at=health.delivered_at,
        ban_risk_accepted_at=row.ban_risk_accepted_at,
        ban_risk_accepted_by=row.ban_risk_accepted_by,
    )
