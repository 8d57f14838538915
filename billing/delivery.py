"""Send what is due: claim, hand each account's deliveries to the sender, give back what is left.

The broker only says "there may be something": everything that decides is read from rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import structlog

from billing.ports import Clock, MessengerPort, VaultPort, WisproAccess, WisproPort
from billing.sending import LOOK_BUDGET, Batch, Ready, Sender
from billing.settling import LEASE
from billing.together import is_digest
from billing.values import DeliveryState, Reason
from models import claims
from models.alert import Delivery
from models.database import Database

log = structlog.get_logger()

#: A claim that its batch will not reach any more is given back well before the soft limit.
BATCH_BUDGET = timedelta(seconds=45)
BATCH_SIZE = 50
#: A delivery that raised an error nobody foresaw waits so long, and so long in all.
_STUMBLED_FOR = timedelta(minutes=30)
_GIVE_UP_AFTER = timedelta(days=1)


@dataclass(slots=True)
class DeliveryReport:
    """What `deliver --json` prints."""

    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    cancelled: int = 0
    deferred: int = 0

    def __iadd__(self, other: DeliveryReport) -> Self:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def touched(self) -> int:
        """How many deliveries were claimed and decided on."""
        return sum(getattr(self, name) for name in self.__slots__)

    def count(self, state: DeliveryState | None) -> None:
        """Add one delivery that ended in `state`, or was put off; None counts nowhere."""
        if state is not None:
            name = "deferred" if state is DeliveryState.PLANNED else state.value
            setattr(self, name, getattr(self, name) + 1)


class Delivering:
    """The use-case.

    Args:
        database: rows.
        vault: opens destinations, transports and the token.
        door: makes a client of an ISP's Wispro.
        messenger: the door to people.
        max_pdf_bytes: a larger invoice PDF is left out, with a note.
    """

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        door: Callable[[WisproAccess], WisproPort],
        messenger: MessengerPort,
        *,
        max_pdf_bytes: int,
    ) -> None:
        self._database = database
        self._sender = Sender(database, vault, door, messenger, max_pdf_bytes=max_pdf_bytes)

    def due_isps(self, *, now: datetime) -> Sequence[int]:
        """This function will name the ISPs that have something to send."""
        with self._database.read() as session:
            return claims.due_isps(session, now=now)

    def run_all(self, *, clock: Clock, progress: Callable[[int], None]) -> DeliveryReport:
        """This function will send everything that is due now, ISP by ISP, batch by batch."""
        total = DeliveryReport()
        for isp_id in self.due_isps(now=clock()):
            while (report := self.run_batch(isp_id, clock=clock)).touched:
                total += report
                progress(total.touched)
        return total

    def run_batch(
        self, isp_id: int, *, clock: Clock, account_id: int | None = None
    ) -> DeliveryReport:
        """This function will send up to a batch of what an ISP owes now, or one account of it.

        Returns:
            What became of each claimed delivery; `touched` is 0 where nothing was due.
        """
        started = clock()
        with self._database.write() as session:
            claimed = claims.claim(
                session,
                isp_id,
                limit=BATCH_SIZE,
                now=started,
                lease_until=started + LEASE,
                account_id=account_id,
            )
            claimed += claims.claim_mates(
                session,
                claimed,
                limit=BATCH_SIZE,
                now=started,
                lease_until=started + LEASE,
            )
            groups = claims.by_destination(session, claimed)
        report = DeliveryReport()
        batch = Batch()
        for place, group in enumerate(groups):
            if clock() - started > BATCH_BUDGET:
                self._give_back(groups[place:])
                break
            try:
                self._deliver(group, batch, report, clock=clock)
            except Exception:
                # What nobody foresaw is this group's own: the others must not wait behind it.
                self._set_apart(group, now=clock())
                self._give_back(groups[place + 1 :])
                raise
            except BaseException:
                # We are told to stop: nothing is wrong with any of them.
                self._give_back(groups[place:])
                raise
        if claimed:
            log.info(
                "deliver.finished",
                isp_id=isp_id,
                claimed=len(claimed),
                sent=report.sent,
                failed=report.failed,
                uncertain=report.uncertain,
                skipped=report.skipped,
                cancelled=report.cancelled,
                deferred=report.deferred,
                ms=round((clock() - started).total_seconds() * 1000),
            )
        return report

    def sweep(self, *, now: datetime) -> tuple[int, int]:
        """This function will resolve claims whose worker died: (given back, uncertain)."""
        with self._database.write() as session:
            given_back, uncertain = claims.recover(session, now=now)
        if given_back or uncertain:
            log.warning("deliver.recovered", given_back=given_back, uncertain=uncertain)
        return given_back, uncertain

    def _give_back(self, groups: Sequence[Sequence[tuple[int, int]]]) -> None:
        """Plan again what was claimed and not begun; what was begun ends with its lease."""
        with self._database.write() as session:
            for delivery_id, attempt in itertools.chain.from_iterable(groups):
                if not claims.has_attempt(session, delivery_id, attempt):
                    claims.settle(session, delivery_id, attempt, state=DeliveryState.PLANNED.value)

    def _set_apart(self, group: Sequence[tuple[int, int]], *, now: datetime) -> None:
        """Put deliveries off on which we stumbled; give one up after a day of stumbling.

        Those whose attempt was journaled stay as they are: they end as uncertain with their lease.
        """
        with self._database.write() as session:
            for delivery_id, attempt in group:
                if claims.has_attempt(session, delivery_id, attempt):
                    continue
                row = session.get_one(Delivery, delivery_id)
                ends = {"state": DeliveryState.PLANNED.value, "not_before": now + _STUMBLED_FOR}
                if now - row.planned_at > _GIVE_UP_AFTER:
                    ends = {"state": DeliveryState.FAILED.value, "settled_at": now}
                reason = Reason.UNFORESEEN.value
                claims.settle(session, delivery_id, attempt, reason=reason, **ends)

    def _deliver(
        self,
        group: Sequence[tuple[int, int]],
        batch: Batch,
        report: DeliveryReport,
        *,
        clock: Clock,
    ) -> None:
        """Bring the claimed deliveries of one account on one channel to an end, or put them off."""
        together: list[Ready] = []
        begun, alone = clock(), 0
        for place, (delivery_id, attempt) in enumerate(group):
            if clock() - begun > LOOK_BUDGET:
                self._give_back([group[place:]])
                break
            ready = self._sender.prepare(delivery_id, attempt, batch, clock=clock)
            if not isinstance(ready, Ready):
                report.count(ready)
            elif ready.joins:
                together.append(ready)
            else:
                alone += 1
                report.count(self._sender.send(ready, batch, clock=clock))
        if is_digest(together) and not (alone and clock() - begun > LOOK_BUDGET):
            state = self._sender.send_together(together, batch, clock=clock)
            for _ in together:
                report.count(state)
            return
        for place, ready in enumerate(together):
            if (place or alone) and clock() - begun > LOOK_BUDGET:
                self._give_back([[one.settlement.claim for one in together[place:]]])
                break
            # What went just now counts for the caps on what comes next.
            again = (
                self._sender.prepare(*ready.settlement.claim, batch, clock=clock)
                if place
                else ready
            )
            if isinstance(again, Ready):
                report.count(self._sender.send(again, batch, clock=clock))
            else:
                report.count(again)
