"""Channels that closed by themselves: the first is told at once, a wave of them as one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from billing.calendar import Calendar
from billing.notices import USEFUL_FOR, tell_operator
from billing.values import DeliveryState, NoticeKind, Reason
from models.account import Account, Channel
from models.alert import Delivery
from models.isp import Isp
from models.operator import OperatorChannel, OperatorNotice
from models.steering import unindexed

#: What closes is written in a transaction that may take a moment to be seen; a wave of refusals
#: that begins now is told with its first minute in one.
SETTLED_AFTER = timedelta(minutes=1)
#: The second notice of a day comes no sooner after the first; what closes later waits for the next.
SECOND_AFTER = timedelta(hours=1)
#: On the ISP's wall: what was left over from another day is told from then on.
MORNING = time(9, 0)
#: How many are named; the rest is a number.
NAMED = 4
_LONGEST_LABEL = 32
#: What a channel's last delivery ended with, where nobody closed it by hand.
_BY_THEMSELVES = (Reason.REJECTED.value, Reason.UNREADABLE_SECRET.value)


@dataclass(frozen=True, slots=True)
class Told:
    """A notice of closings: when it was written, and up to when it tells of them."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Closing:
    """A channel that closed; nothing here leads to the customer."""

    account_id: int
    client: str
    label: str
    at: datetime
    why: str

    @property
    def unreadable(self) -> bool:
        """Whether it closed because its address cannot be read."""
        return self.why == Reason.UNREADABLE_SECRET.value


def is_time(told: Sequence[Told], first_at: datetime, calendar: Calendar, *, now: datetime) -> bool:
    """This function will say whether closings that nobody was told of are told now.

    The first of a day at once, then whatever came in the hour after it, and all the rest on the
    next morning: at most two notices a day, however many channels close.

    Args:
        told: the notices of the last days.
        first_at: when the first of them closed.
        calendar: of the ISP.
        now: the present.
    """
    today = calendar.today(now)
    of_today = [one.at for one in told if calendar.today(one.at) == today]
    if not of_today:
        is_fresh = calendar.today(first_at) == today
        return is_fresh or now.astimezone(calendar.zone).time() >= MORNING
    return len(of_today) == 1 and now - of_today[0] >= SECOND_AFTER


def tell_of_closings(session: Session, isp: Isp, calendar: Calendar, *, now: datetime) -> int:
    """This function will write a notice of the channels that closed, if it is time for one.

    Args:
        session: an open unit of work.
        isp: whose customers.
        calendar: of that ISP.
        now: the present.

    Returns:
        How many notices are new.
    """
    told = _told(session, isp.id, now=now)
    since = told[-1].until if told else _since(session, isp.id, now=now)
    until = now - SETTLED_AFTER
    if since is None or until <= since:
        return 0
    first = closings(session, isp.id, since=since, until=until, most=1)
    if not first or not is_time(told, first[0].at, calendar, now=now):
        return 0
    closed = closings(session, isp.id, since=since, until=until)
    today = calendar.today(now)
    number = sum(calendar.today(one.at) == today for one in told)
    return tell_operator(
        session,
        isp.id,
        NoticeKind.CHANNELS_CLOSED,
        f"day:{today} {number}",
        {**_details(session, isp, closed), "until": until.isoformat()},
        now=now,
    )


def closings(
    session: Session, isp_id: int, *, since: datetime, until: datetime, most: int | None = None
) -> Sequence[Closing]:
    """This function will read the channels that closed by themselves, the oldest first.

    By themselves: a delivery failed at that very instant, refused for good or for an address that
    cannot be read. What customers or staff closed is nobody's news.

    Args:
        session: reads.
        isp_id: whose customers.
        since: not those of this instant or before.
        until: up to and with this instant.
        most: no more than so many.
    """
    caused = (
        select(Delivery.id)
        .where(
            Delivery.account_id == Channel.account_id,
            Delivery.channel_id == Channel.id,
            Delivery.state == DeliveryState.FAILED.value,
            Delivery.reason.in_(_BY_THEMSELVES),
            Delivery.settled_at == Channel.disabled_at,
        )
        .exists()
    )
    rows = session.execute(
        select(
            Channel.account_id,
            Account.public_id,
            Account.client_id,
            Channel.label,
            Channel.disabled_at,
            Channel.disabled_reason,
        )
        .join(Account, Account.id == Channel.account_id)
        .where(*_between(since, until), unindexed(Account.isp_id) == isp_id, caused)
        .order_by(Channel.disabled_at, Channel.id)
        .limit(most)
    )
    return [
        Closing(
            account_id=row.account_id,
            client=str(row.public_id or row.client_id),
            label=row.label,
            at=row.disabled_at,
            why=row.disabled_reason or "",
        )
        for row in rows
    ]


def isps_with_closings(session: Session, *, now: datetime) -> set[int]:
    """This function will name the ISPs of which a channel closed lately, for whatever reason."""
    query = (
        select(Account.isp_id)
        .join(Channel, Channel.account_id == Account.id)
        .where(*_between(now - USEFUL_FOR, now))
        .distinct()
    )
    return set(session.scalars(query))


def _between(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Channel.disabled_at > since, Channel.disabled_at <= until)


def _told(session: Session, isp_id: int, *, now: datetime) -> list[Told]:
    """Return the notices of the last days, the oldest first; a notice is a row for each channel."""
    rows = session.scalars(
        select(OperatorNotice)
        .where(
            OperatorNotice.isp_id == isp_id,
            OperatorNotice.kind == NoticeKind.CHANNELS_CLOSED.value,
            OperatorNotice.created_at > now - USEFUL_FOR,
        )
        .order_by(OperatorNotice.id)
    )
    by_subject = {row.subject: row for row in rows}
    return [
        Told(row.created_at, datetime.fromisoformat(row.details["until"]))
        for row in by_subject.values()
    ]


def _since(session: Session, isp_id: int, *, now: datetime) -> datetime | None:
    """Return from when on a first notice tells; None = nobody is there to be told."""
    first = session.scalar(
        select(func.min(OperatorChannel.created_at)).where(OperatorChannel.isp_id == isp_id)
    )
    return None if first is None else max(first, now - USEFUL_FOR)


def _details(session: Session, isp: Isp, closed: Sequence[Closing]) -> dict[str, str]:
    named = [f"{one.client} ({_short(one.label)})" for one in closed[:NAMED]]
    unreadable = sum(one.unreadable for one in closed)
    silent = _without_channel(session, {one.account_id for one in closed})
    only = closed[0].why if len(closed) == 1 and not unreadable else ""
    numbers = {"unreadable": unreadable, "more": len(closed) - len(named), "silent": silent}
    return {
        "count": str(len(closed)),
        "names": ", ".join(named),
        "reason": only,
        "explain": f"alerta explain {isp.slug} {closed[0].client}",
        **{name: str(number) for name, number in numbers.items() if number},
    }


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _without_channel(session: Session, account_ids: set[int]) -> int:
    """Count the customers who still want alerts and have no way left to get them."""
    total = 0
    ids = sorted(account_ids)
    for place in range(0, len(ids), _AT_ONCE):
        some = ids[place : place + _AT_ONCE]
        still_open = (
            select(Channel.id)
            .where(Channel.account_id == Account.id, Channel.disabled_at.is_(None))
            .exists()
        )
        query = (
            select(func.count())
            .select_from(Account)
            .where(
                Account.id.in_(some),
                Account.paired_at.is_not(None),
                Account.unpaired_at.is_(None),
                ~still_open,
            )
        )
        total += session.scalar(query) or 0
    return total


_AT_ONCE = 1000
