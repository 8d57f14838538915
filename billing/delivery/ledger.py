"""Attempts and endings as rows: many messages in one transaction, each under its own claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing import gate
from billing.closing import close_channel
from billing.contacts import limits_of
from billing.delivery import providers
from billing.delivery.budgets import NOWHERE, Elsewhere, Purse, refusal, tell_of_budget
from billing.delivery.errand import Claim
from billing.delivery.writing import Outgoing
from billing.dossier import Dossier
from billing.ending import LEASE, REPLACED_BY_ITSELF, asked_pause, ending, rest_of, short
from billing.letter import Fate, Outcome
from billing.taking_over import take_over
from billing.values import DeliveryState, Reason
from models import claims
from models.account import Account, Channel
from models.alert import Attempt, Delivery
from models.database import Database
from models.invoice import Invoice

log = structlog.get_logger()
#: How often each delivery came to each fate before.
Earlier = Mapping[tuple[int, Fate], int]
_ARRIVED = frozenset({Fate.DELIVERED, Fate.UNCERTAIN})


@dataclass(slots=True)
class Begun:
    """What may leave now, and what may not.

    Attributes:
        going: messages whose attempt is journaled.
        lost: messages whose claim somebody else holds by now.
        waiting: messages whose account or budget takes none now: all of their deliveries were put
            off, or ended where they would be of no use by then.
        capped: messages that the customer may not get any more: each of their deliveries is to be
            judged anew, since the caps need not bind all of them.
        settled: how the deliveries of those that wait stand now.
    """

    going: list[Outgoing] = field(default_factory=list)
    lost: list[Outgoing] = field(default_factory=list)
    waiting: list[Outgoing] = field(default_factory=list)
    capped: list[Outgoing] = field(default_factory=list)
    settled: list[claims.Settled] = field(default_factory=list)


class Ledger:
    """Writes down what a batch does.

    Args:
        database: rows.
        elsewhere: what budgets paid outside of this journal.
    """

    def __init__(self, database: Database, elsewhere: Elsewhere = NOWHERE) -> None:
        self._database = database
        self._elsewhere = elsewhere

    def settle(self, several: Sequence[claims.Settled]) -> None:
        """This function will write how claimed deliveries stand from now on."""
        if not several:
            return
        with self._database.write() as session:
            claims.settle_all(session, several)
        for one in several:
            _log(one)

    def give_back(self, several: Sequence[Claim]) -> None:
        """This function will plan again what was claimed and not begun.

        What was begun stays as it is: it ends with its outcome, or with its lease.
        """
        if not several:
            return
        with self._database.write() as session:
            free = claims.without_attempt(session, several)
            claims.settle_all(
                session,
                [
                    claims.Settled(
                        delivery_id=one, attempt=attempt, state=DeliveryState.PLANNED.value
                    )
                    for one, attempt in free
                ],
            )

    def close_unreadable(
        self, channel_id: int, several: Sequence[Claim], why: str, *, now: datetime
    ) -> list[claims.Settled]:
        """This function will close a channel whose address cannot be read, and end what goes there.

        `Maintenance.reseal` opens it again once a key of the ring opens its address.

        Returns:
            How the deliveries stand now.
        """
        reason = Reason.UNREADABLE_SECRET
        settled = [
            ended_for(claim, DeliveryState.FAILED, reason, why, now=now) for claim in several
        ]
        with self._database.write() as session:
            channel = session.get_one(Channel, channel_id, with_for_update=True)
            claims.settle_all(session, settled)
            undone = _alerts_of(session, several)
            if channel.disabled_at is None:
                why = reason.value  # what `Maintenance.reseal` looks for
                closed = Reason.CHANNEL_DISABLED
                undone += close_channel(session, channel, closed, now=now, words=why)
            take_over(session, undone, now=now)
        for row in settled:
            _log(row)
        return settled

    def take_back(self, several: Sequence[Claim]) -> None:
        """This function will undo the journaling of attempts whose messages certainly never left.

        They count for no limit, and give no reason to send with care the next time.
        """
        if not several:
            return
        with self._database.write() as session:
            claims.forget_attempts(session, several)

    def begin(self, several: Sequence[Outgoing], *, now: datetime) -> Begun:
        """This function will journal attempts, unless something speaks against one at the end.

        Another worker may be sending to the same customer, or over the same account, at this very
        instant: caps, limits and budgets are asked for inside the transaction that journals.
        """
        begun = Begun()
        settled = begun.settled
        with self._database.write() as session:
            counted = {
                one.account.key: one.account for one in several if one.account.limits.counted
            }
            providers.lock(session, counted)
            rooms = {
                key: providers.room(session, key, account.limits.counted, now=now)
                for key, account in counted.items()
            }
            purse = Purse(session, now, self._elsewhere)
            purse.lock({one.parcel[0].dossier.isp.id for one in several if one.segments})
            stand = providers.standings(session, {one.account.key for one in several})
            free: list[Outgoing] = []
            for one in several:
                if _capped(session, one.parcel[0].dossier, now=now):
                    begun.capped.append(one)
                elif spent := _over_budget(purse, one, now=now):
                    settled += spent
                    begun.waiting.append(one)
                elif (wait := _no_room(one.account.key, stand, rooms, now=now)) is not None:
                    settled += [settled_by(ready.claim, wait, now=now) for ready in one.parcel]
                    begun.waiting.append(one)
                else:
                    purse.take(one.parcel[0].dossier.isp.id, one.segments)
                    if one.parcel[0].dossier.limits is not None:
                        _begin(session, [one], begun, now=now)  # it counts for the next one
                    else:
                        free.append(one)
            _begin(session, free, begun, now=now)
            for isp_id, stands in purse.refused.items():
                tell_of_budget(session, isp_id, *stands, refused=True, now=now)
            claims.settle_all(session, settled)
        for row in settled:
            _log(row)
        self.give_back([ready.claim for one in begun.lost for ready in one.parcel[1:]])
        return begun

    def record(
        self, several: Sequence[tuple[Outgoing, Outcome]], *, now: datetime
    ) -> list[tuple[Outgoing, DeliveryState]]:
        """This function will write what became of messages, and what follows from it.

        Returns:
            Each with the state that all of its deliveries are in now.
        """
        if not several:
            return []
        settled: list[claims.Settled] = []
        states: list[tuple[Outgoing, DeliveryState]] = []
        with self._database.write() as session:
            ended = [
                claims.Ended(
                    delivery_id=ready.claim[0],
                    attempt=ready.claim[1],
                    fate=outcome.fate.value,
                    detail=outcome.detail,
                    finished_at=now,
                )
                for one, outcome in several
                for ready in one.parcel
            ]
            _lock_refused(session, several)
            claims.end_attempts(session, ended)
            earlier = _earlier(session, several)
            for one, outcome in several:
                rows = [
                    _settled(one, place, outcome, earlier, now=now)
                    for place in range(len(one.parcel))
                ]
                settled += rows
                states.append((one, DeliveryState(rows[0].state)))
                _draw_conclusions(session, one, outcome, now=now)
            claims.settle_all(session, settled)
            for one, outcome in several:
                if outcome.fate is Fate.REJECTED:
                    _close(session, one, outcome, now=now)
            well = {one.account.key for one, outcome in several if outcome.fate is Fate.DELIVERED}
            providers.recovered(session, well)
        for row in settled:
            _log(row)
        return states


def settled_by(claim: Claim, verdict: gate.Wait | gate.End, *, now: datetime) -> claims.Settled:
    """This function will say how a delivery stands by the word of the gate."""
    match verdict:
        case gate.Wait(until=until, reason=reason):
            return put_off(claim, until, reason, None)
        case gate.End(state=state, reason=reason):
            return ended_for(claim, state, reason, None, now=now)


def put_off(
    claim: Claim, until: datetime, reason: Reason | None, detail: str | None
) -> claims.Settled:
    """This function will plan a delivery again, not before `until`."""
    return claims.Settled(
        delivery_id=claim[0],
        attempt=claim[1],
        state=DeliveryState.PLANNED.value,
        reason=reason.value if reason else None,
        detail=short(detail),
        not_before=until,
    )


def ended_for(
    claim: Claim, state: DeliveryState, reason: Reason, detail: str | None, *, now: datetime
) -> claims.Settled:
    """This function will end a delivery for good."""
    return claims.Settled(
        delivery_id=claim[0],
        attempt=claim[1],
        state=state.value,
        reason=reason.value,
        detail=short(detail),
        settled_at=now,
    )


def _over_budget(purse: Purse, one: Outgoing, *, now: datetime) -> list[claims.Settled]:
    """Say how the deliveries of a message stand that the ISP's budget has no room for."""
    first = one.parcel[0].dossier
    calendar = first.rules.calendar
    month = purse.room(first.isp.id, one.segments, calendar)
    if month is None:
        return []
    return [
        settled_by(
            ready.claim,
            refusal(month, calendar, useful_until=ready.dossier.alert.useful_until),
            now=now,
        )
        for ready in one.parcel
    ]


def _no_room(
    key: str,
    stand: Mapping[str, providers.Standing],
    rooms: dict[str, tuple[int | None, datetime]],
    *,
    now: datetime,
) -> gate.Wait | None:
    """Say why nothing may leave over an account now; if something may, count it."""
    standing = stand.get(key)
    if standing is not None and standing.paused_until is not None and standing.rests(now):
        return gate.Wait(standing.paused_until, Reason.PROVIDER_TROUBLE)
    left, until = rooms.get(key, (None, now))
    if left is not None:
        if left <= 0:
            return gate.Wait(until, Reason.PROVIDER_LIMIT)
        rooms[key] = (left - 1, until)
    return None


def _capped(session: Session, dossier: Dossier, *, now: datetime) -> bool:
    """Ask the caps once more, with nobody else sending to this customer meanwhile."""
    if dossier.limits is None:
        return False
    session.execute(select(Account.id).where(Account.id == dossier.account.id).with_for_update())
    calendar, policy = dossier.rules.calendar, dossier.rules.policy
    limits = limits_of(session, dossier.delivery, dossier.alert, policy, calendar)
    useful_until = dossier.alert.useful_until
    return gate.capped(limits, calendar, now=now, useful_until=useful_until) is not None


def _begin(session: Session, several: Sequence[Outgoing], begun: Begun, *, now: datetime) -> None:
    """Journal attempts; those that go along count for no limit of the account."""
    together = [ready.claim[0] for one in several if len(one.parcel) > 1 for ready in one.parcel]
    if together:
        claims.lock(session, together)
    held = _journal(session, several, slice(1), now=now)
    for one in several:
        (begun.going if one.parcel[0].claim[0] in held else begun.lost).append(one)
    _journal(
        session, [one for one in several if one.parcel[0].claim[0] in held], slice(1, None), now=now
    )


def _journal(
    session: Session, several: Sequence[Outgoing], which: slice, *, now: datetime
) -> set[int]:
    carries = which.start is None
    return claims.begin_attempts(
        session,
        [
            claims.Begin(
                delivery_id=ready.claim[0],
                attempt=ready.claim[1],
                carried_by=None if carries else one.parcel[0].claim[0],
                provider=one.account.key if carries else None,
                evidence=one.evidence,
                segments=one.segments if carries and one.segments else None,
                charged_to=one.parcel[0].dossier.isp.id if carries and one.segments else None,
            )
            for one in several
            for ready in one.parcel[which]
        ],
        now=now,
        lease_until=now + LEASE,
    )


def _settled(
    one: Outgoing, place: int, outcome: Outcome, earlier: Earlier, *, now: datetime
) -> claims.Settled:
    """Return how one of a message's deliveries stands by its outcome."""
    first, ready = one.parcel[0], one.parcel[place]
    delivery_id, attempt = ready.claim
    found = ending(
        outcome,
        tries=earlier.get((first.claim[0], Fate.FAILED), 0) + 1,
        now=now,
        planned_at=first.dossier.delivery.planned_at,
        once_more=first.dossier.channel.scheme in REPLACED_BY_ITSELF
        and not earlier.get((first.claim[0], Fate.UNCERTAIN), 0),
        salt=delivery_id,
    )
    detail = one.note if found.state is DeliveryState.SENT else outcome.detail
    went_along = place > 0 and outcome.fate in _ARRIVED
    return claims.Settled(
        delivery_id=delivery_id,
        attempt=attempt,
        state=found.state.value,
        reason=found.reason.value if found.reason else None,
        detail=short(detail),
        not_before=found.not_before,
        sent_at=found.sent_at,
        settled_at=found.settled_at,
        carried_by=first.claim[0] if went_along else None,
    )


def _earlier(session: Session, several: Sequence[tuple[Outgoing, Outcome]]) -> Earlier:
    """Count what became of earlier tries of messages that did not arrive for certain."""
    doubtful = {Fate.FAILED, Fate.UNCERTAIN}
    now = dict(one.parcel[0].claim for one, outcome in several if outcome.fate in doubtful)
    if not now:
        return {}
    rows = session.execute(
        select(Attempt.delivery_id, Attempt.number, Attempt.fate).where(
            Attempt.delivery_id.in_(now)
        )
    )
    # An attempt without a fate broke off: it may have arrived, too.
    return Counter(
        (row.delivery_id, Fate(row.fate or Fate.UNCERTAIN))
        for row in rows
        if row.number != now[row.delivery_id]
    )


def _draw_conclusions(session: Session, one: Outgoing, outcome: Outcome, *, now: datetime) -> None:
    """Write what an outcome says of the sending account, and of what the customer knows."""
    if outcome.fate is Fate.HELD_UP:
        stand = providers.standings(session, [one.account.key]).get(one.account.key)
        asked = asked_pause(outcome) is not None
        # What was under way when a rest began tells of the same trouble, not of one more.
        if asked or stand is None or not stand.rests(now):
            failures = (stand.failures if stand else 0) + 1
            until = now + rest_of(outcome, failures=failures)
            providers.pause(session, one.account.key, until, outcome.detail, now=now, asked=asked)
    if outcome.fate in _ARRIVED and one.announces:
        session.execute(
            update(Invoice)
            .where(Invoice.id.in_(one.announces), Invoice.announced_at.is_(None))
            .values(announced_at=now)
            .execution_options(synchronize_session=False)
        )


def _lock_refused(session: Session, several: Sequence[tuple[Outgoing, Outcome]]) -> None:
    """Lock the channels that will be closed, before any delivery, as whoever closes one does."""
    refused = {
        one.parcel[0].dossier.channel.id
        for one, outcome in several
        if outcome.fate is Fate.REJECTED
    }
    if refused:
        query = select(Channel.id).where(Channel.id.in_(refused)).order_by(Channel.id)
        session.execute(query.with_for_update()).all()


def _alerts_of(session: Session, several: Sequence[Claim]) -> list[int]:
    ids = [delivery_id for delivery_id, _ in several]
    return list(session.scalars(select(Delivery.alert_id).where(Delivery.id.in_(ids))))


def _close(session: Session, one: Outgoing, outcome: Outcome, *, now: datetime) -> None:
    """Close a channel that refuses for good; the next one takes over what it leaves undone."""
    channel = session.get_one(Channel, one.parcel[0].dossier.channel.id, populate_existing=True)
    undone = [ready.dossier.alert.id for ready in one.parcel]
    if channel.disabled_at is None:
        words = outcome.detail
        undone += close_channel(session, channel, Reason.CHANNEL_DISABLED, now=now, words=words)
    elif channel.disabled_reason == Reason.NO_CONSENT.value:
        return
    take_over(session, undone, now=now)


def _log(one: claims.Settled) -> None:
    log.info(
        "deliver.settled",
        delivery_id=one.delivery_id,
        attempt=one.attempt,
        state=one.state,
        reason=one.reason,
    )
