"""How one claimed delivery ends: every ending is written under the attempt that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from billing import gate
from billing.letter import Fate, Outcome
from billing.values import DeliveryState, Reason
from models import claims
from models.account import Channel
from models.alert import Attempt
from models.database import Database
from models.invoice import Invoice

log = structlog.get_logger()

#: A last question inside the transaction that journals an attempt; None = nothing against it.
Guard = Callable[[Session, datetime], gate.Wait | gate.End | None]

#: engine.md, rule 13: longer than the hard limit of a task, so that no live worker is overtaken.
LEASE = timedelta(seconds=360)
#: Tries before a delivery fails for good; the waits between them add up to about 1 h 45 min.
MAX_TRIES = 6
_BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 3, 10, 30, 60))
#: The longest pause that a provider may ask of one delivery.
_LONGEST_PAUSE = timedelta(hours=6)


def ending(
    outcome: Outcome, *, tries: int, now: datetime
) -> tuple[DeliveryState, Reason | None, dict[str, datetime]]:
    """This function will say what a send that came to this outcome is from now on.

    Args:
        outcome: as the door told it.
        tries: how often the provider was called for it, this time included.
        now: the present.

    Returns:
        Its state, why, and the instants that go with it.
    """
    match outcome.fate:
        case Fate.DELIVERED:
            return DeliveryState.SENT, None, {"sent_at": now, "settled_at": now}
        case Fate.REJECTED:
            return DeliveryState.FAILED, Reason.REJECTED, {"settled_at": now}
        case Fate.UNCERTAIN:
            return DeliveryState.UNCERTAIN, Reason.NO_ANSWER, {"settled_at": now}
        case Fate.FAILED if tries >= MAX_TRIES:
            return DeliveryState.FAILED, Reason.TRIES_SPENT, {"settled_at": now}
    wait = _BACK_OFF[min(tries, len(_BACK_OFF)) - 1]
    if outcome.retry_after is not None:
        asked = timedelta(seconds=max(outcome.retry_after, 0))
        wait = min(max(asked, timedelta(seconds=1)), _LONGEST_PAUSE)
    return DeliveryState.PLANNED, Reason.PROVIDER_TROUBLE, {"not_before": now + wait}


class Settlement:
    """The end of one claimed delivery.

    Args:
        database: rows.
        delivery_id: which delivery.
        attempt: the number under which it was claimed; nothing is written under another one.
    """

    def __init__(self, database: Database, delivery_id: int, attempt: int) -> None:
        self._database = database
        self._delivery_id = delivery_id
        self._attempt = attempt

    @property
    def claim(self) -> tuple[int, int]:
        """The delivery, and the attempt under which it was claimed."""
        return self._delivery_id, self._attempt

    def end(
        self, state: DeliveryState, reason: Reason | None, detail: str | None, *, now: datetime
    ) -> DeliveryState:
        """Settle for good."""
        with self._database.write() as session:
            claims.settle(
                session,
                self._delivery_id,
                self._attempt,
                state=state.value,
                reason=reason.value if reason else None,
                detail=short(detail),
                settled_at=now,
            )
        self._log(state, reason)
        return state

    def put_off(self, until: datetime, reason: Reason | None, detail: str | None) -> DeliveryState:
        """Plan it again, not before `until`."""
        with self._database.write() as session:
            claims.settle(
                session,
                self._delivery_id,
                self._attempt,
                state=DeliveryState.PLANNED.value,
                reason=reason.value if reason else None,
                detail=short(detail),
                not_before=until,
            )
        self._log(DeliveryState.PLANNED, reason)
        return DeliveryState.PLANNED

    def begin(
        self, *, now: datetime, evidence: dict[str, str], guard: Guard | None = None
    ) -> gate.Go | gate.Wait | gate.End | None:
        """Journal the attempt, unless something speaks against it at the last instant.

        Args:
            now: the present.
            evidence: what shows afterwards that it was rightly sent.
            guard: asked inside the transaction that journals; if it speaks, nothing is journaled.

        Returns:
            `Go` if the provider may be called now; None if the claim was lost; else what the guard
            said, for `give_way`.
        """
        with self._database.write() as session:
            verdict = guard(session, now) if guard else None
            if verdict is None:
                begun = claims.begin_attempt(
                    session,
                    self._delivery_id,
                    self._attempt,
                    now=now,
                    lease_until=now + LEASE,
                    evidence=evidence,
                )
                return gate.Go() if begun else None
        return verdict

    def give_way(self, verdict: gate.Wait | gate.End | None, *, now: datetime) -> DeliveryState:
        """Do what a verdict says; None = plan it again at once."""
        match verdict:
            case gate.Wait(until=until, reason=reason):
                return self.put_off(until, reason, None)
            case gate.End(state=state, reason=ended):
                return self.end(state, ended, None, now=now)
            case None:
                return self.put_off(now, None, None)

    def record(
        self,
        outcome: Outcome,
        *,
        note: str | None,
        channel_id: int,
        invoice_ids: Sequence[int],
        now: datetime,
        carried_by: int | None = None,
    ) -> DeliveryState:
        """Write what became of the send, its journal and what follows from it.

        Args:
            outcome: as the door told it.
            note: what the message went without, if anything.
            channel_id: disabled where the provider refused it for good.
            invoice_ids: announced from now on where the customer has, or may have, the message.
            now: the present.
            carried_by: the delivery in whose message this one went along, if it did; kept only
                where the customer has, or may have, that message.
        """
        tries = self._tries() if outcome.fate is Fate.FAILED else 1
        state, reason, values = ending(outcome, tries=tries, now=now)
        detail = outcome.detail if state is not DeliveryState.SENT else note
        may_have_it = outcome.fate in {Fate.DELIVERED, Fate.UNCERTAIN}
        with self._database.write() as session:
            claims.end_attempt(
                session,
                self._delivery_id,
                self._attempt,
                fate=outcome.fate.value,
                detail=outcome.detail,
                now=now,
            )
            claims.settle(
                session,
                self._delivery_id,
                self._attempt,
                state=state.value,
                reason=reason.value if reason else None,
                detail=short(detail),
                carried_by=carried_by if may_have_it else None,
                **values,
            )
            if outcome.fate is Fate.REJECTED:
                session.execute(
                    update(Channel)
                    .where(Channel.id == channel_id, Channel.disabled_at.is_(None))
                    .values(disabled_at=now, disabled_reason=outcome.detail[:300])
                )
            if may_have_it:
                session.execute(
                    update(Invoice)
                    .where(Invoice.id.in_(invoice_ids), Invoice.announced_at.is_(None))
                    .values(announced_at=now)
                )
        self._log(state, reason)
        return state

    def _tries(self) -> int:
        with self._database.read() as session:
            tries = session.scalar(
                select(func.count()).where(Attempt.delivery_id == self._delivery_id)
            )
        return tries or 1

    def _log(self, state: DeliveryState, reason: Reason | None) -> None:
        log.info(
            "deliver.settled",
            delivery_id=self._delivery_id,
            attempt=self._attempt,
            state=state.value,
            reason=reason.value if reason else None,
        )


def short(text: str | None) -> str | None:
    """Return a text as the column of a detail holds it."""
    return text[:500] if text else None
