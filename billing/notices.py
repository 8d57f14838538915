"""Tell the operator of an ISP: write it down where it happens, send it from its own task.

What is told is written in the transaction of what happened, once per channel, kind and subject, so
that it is neither lost nor repeated. It is not bound to contact hours: whoever runs an ISP wants to
know at night too that nothing goes out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from billing.ending import LEASE, ending, short
from billing.letter import Envelope, Fate, Notice, Outcome
from billing.ports import DestinationError, NoticePort, RenderError, SecretError, VaultPort
from billing.values import DeliveryState, Medium, NoticeKind, Reason
from models import notice_claims as claims
from models.database import Database, insert_for
from models.isp import Isp, Transport
from models.operator import OperatorChannel, OperatorNotice

log = structlog.get_logger()

#: Two days on, what was told has been seen in another way or is over.
USEFUL_FOR = timedelta(hours=48)
BATCH_SIZE = 20
#: A claim that its batch will not reach any more is given back well before the soft limit.
BATCH_BUDGET = timedelta(seconds=45)
_LOOK_AGAIN_AFTER = timedelta(minutes=5)
#: Details are numbers, commands and a sentence; what is longer is somebody's mistake.
_LONGEST_DETAIL = 300


def tell_operator(
    session: Session,
    isp_id: int,
    kind: NoticeKind,
    subject: str,
    details: Mapping[str, str],
    *,
    now: datetime,
    only: Collection[int] | None = None,
    useful_for: timedelta = USEFUL_FOR,
) -> int:
    """This function will write a notice for each channel of the operator, once for good.

    Args:
        session: the open unit of work of what happened.
        isp_id: whose operator.
        kind: what is told.
        subject: what makes it the same as another one of its kind: "run:12".
        details: what the words need (`billing.letter.Notice` names them); no secrets.
        now: the present.
        only: the ids of channels that are told; None = all of them.
        useful_for: what could not be told within so long is told no more.

    Returns:
        How many notices are new; 0 where it was told before, or nobody is there to be told.
    """
    wanted = select(OperatorChannel.id).where(OperatorChannel.isp_id == isp_id)
    if only is not None:
        wanted = wanted.where(OperatorChannel.id.in_(only))
    channels = session.scalars(wanted.order_by(OperatorChannel.id)).all()
    if not channels:
        log.info("operator.nobody_to_tell", isp_id=isp_id, kind=kind.value, subject=subject)
        return 0
    new = 0
    for channel_id in channels:
        written = session.execute(
            insert_for(session, OperatorNotice)
            .values(
                isp_id=isp_id,
                channel_id=channel_id,
                kind=kind.value,
                subject=subject[:100],
                details={name: text[:_LONGEST_DETAIL] for name, text in details.items()},
                state=DeliveryState.PLANNED.value,
                message_id=str(uuid.uuid4()),
                not_before=now,
                useful_until=now + useful_for,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(OperatorNotice.id)
        ).scalar_one_or_none()
        new += written is not None
    if new:
        log.info("operator.told", isp_id=isp_id, kind=kind.value, subject=subject, channels=new)
    return new


def was_told(session: Session, isp_id: int, kind: NoticeKind, subject: str) -> bool:
    """This function will say whether a notice was written."""
    found = session.scalars(
        select(OperatorNotice.id)
        .where(
            OperatorNotice.isp_id == isp_id,
            OperatorNotice.kind == kind.value,
            OperatorNotice.subject == subject[:100],
        )
        .limit(1)
    )
    return found.first() is not None


@dataclass(frozen=True, slots=True)
class _Papers:
    """Detached rows of one notice; nothing in it is loaded later."""

    row: OperatorNotice
    channel: OperatorChannel
    isp: Isp
    transport: Transport | None

    def notice(self) -> Notice:
        """Return what the templates say."""
        return Notice(
            kind=NoticeKind(self.row.kind),
            isp_name=self.isp.name,
            isp_slug=self.isp.slug,
            timezone=self.isp.timezone,
            told_at=self.row.created_at,
            details=self.row.details,
        )


class Telling:
    """The use-case.

    Args:
        database: rows.
        vault: opens destinations and sending accounts.
        messenger: the door to people.
    """

    def __init__(self, database: Database, vault: VaultPort, messenger: NoticePort) -> None:
        self._database = database
        self._vault = vault
        self._messenger = messenger

    def run(self, clock: Callable[[], datetime]) -> dict[str, int]:
        """This function will send the notices that are due, a batch at most.

        Returns:
            How many ended in each state; "planned" are those that were put off.
        """
        started = clock()
        with self._database.write() as session:
            given_back, uncertain = claims.recover(session, now=started)
            claimed = claims.claim(
                session, limit=BATCH_SIZE, now=started, lease_until=started + LEASE
            )
        if given_back or uncertain:
            log.warning("operator.recovered", given_back=given_back, uncertain=uncertain)
        ended: dict[str, int] = {}
        for place, (notice_id, attempt) in enumerate(claimed):
            if clock() - started > BATCH_BUDGET:
                self._give_back(claimed[place:])
                break
            try:
                state = self._tell(notice_id, attempt, clock=clock)
            except Exception:
                # What nobody foresaw is this notice's own; it comes back when its lease runs out.
                self._give_back(claimed[place + 1 :])
                raise
            except BaseException:
                self._give_back(claimed[place:])
                raise
            if state is not None:
                ended[state.value] = ended.get(state.value, 0) + 1
        return ended

    def _give_back(self, claimed: list[tuple[int, int]]) -> None:
        with self._database.write() as session:
            for notice_id, attempt in claimed:
                claims.give_back(session, notice_id, attempt)

    def _tell(
        self, notice_id: int, attempt: int, *, clock: Callable[[], datetime]
    ) -> DeliveryState | None:
        """Bring one claimed notice to an end, or put it off with a reason."""
        papers = self._open(notice_id)
        if papers is None:
            return None  # its channel was taken away meanwhile
        now = clock()
        if now >= papers.row.useful_until:
            return self._end(papers, attempt, DeliveryState.SKIPPED, Reason.MISSED, now=now)
        if papers.channel.needs_transport and papers.transport is None:
            return self._settle(
                papers,
                attempt,
                DeliveryState.PLANNED,
                Reason.NO_TRANSPORT,
                f"no sending account: alerta isp transport {papers.isp.slug} "
                f"{papers.channel.scheme} URL",
                not_before=now + _LOOK_AGAIN_AFTER,
            )
        try:
            message = self._messenger.render_notice(
                papers.notice(), medium=Medium(papers.channel.medium), locale=papers.isp.locale
            )
            envelope = self._envelope(papers)
        except SecretError as error:
            state, reason = DeliveryState.FAILED, Reason.UNREADABLE_SECRET
            return self._end(papers, attempt, state, reason, str(error), now=now)
        except RenderError as error:
            state, reason = DeliveryState.FAILED, Reason.RENDER_FAILED
            return self._end(papers, attempt, state, reason, str(error), now=now)
        with self._database.write() as session:
            tries = claims.begin(session, notice_id, attempt, now=now, lease_until=now + LEASE)
        if tries is None:
            return None
        try:
            outcome = self._messenger.send(message, envelope, ())
        except DestinationError as error:
            outcome = Outcome(fate=Fate.REJECTED, detail=str(error))
        end = ending(outcome, tries=tries, now=clock())
        detail = None if outcome.fate is Fate.DELIVERED else outcome.detail
        instants = {
            "not_before": end.not_before, "sent_at": end.sent_at, "settled_at": end.settled_at,
        }  # fmt: skip
        known = {name: at for name, at in instants.items() if at is not None}
        return self._settle(papers, attempt, end.state, end.reason, detail, **known)

    def _open(self, notice_id: int) -> _Papers | None:
        with self._database.read() as session:
            row = session.scalars(
                select(OperatorNotice)
                .where(OperatorNotice.id == notice_id)
                .options(joinedload(OperatorNotice.channel).joinedload(OperatorChannel.isp))
            ).first()
            if row is None:
                return None
            channel = row.channel
            transport = session.scalars(
                select(Transport).where(
                    Transport.isp_id == row.isp_id, Transport.scheme == channel.scheme
                )
            ).first()
        return _Papers(row, channel, channel.isp, transport if channel.needs_transport else None)

    def _envelope(self, papers: _Papers) -> Envelope:
        transport, channel = papers.transport, papers.channel
        return Envelope(
            scheme=channel.scheme,
            transport=self._vault.open(transport.url_sealed) if transport else None,
            destination=self._vault.open(channel.destination_sealed),
            message_id=papers.row.message_id,
            sender_name="Alerta Internet",
        )

    def _end(
        self,
        papers: _Papers,
        attempt: int,
        state: DeliveryState,
        reason: Reason,
        detail: str | None = None,
        *,
        now: datetime,
    ) -> DeliveryState:
        return self._settle(papers, attempt, state, reason, detail, settled_at=now)

    def _settle(
        self,
        papers: _Papers,
        attempt: int,
        state: DeliveryState,
        reason: Reason | None,
        detail: str | None,
        **values: datetime,
    ) -> DeliveryState:
        with self._database.write() as session:
            claims.settle(
                session,
                papers.row.id,
                attempt,
                state=state.value,
                reason=reason.value if reason else None,
                detail=short(detail),
                **values,
            )
        log.info(
            "operator.settled",
            notice_id=papers.row.id,
            kind=papers.row.kind,
            attempt=attempt,
            state=state.value,
            reason=reason.value if reason else None,
        )
        return state
