"""Send what is due: claim by route, hand it to a batch, mend what broke off.

The broker only says "there may be something": everything that decides is read from rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.delivery import providers
from billing.delivery.batch import BATCH_SIZE, Batch, DeliveryReport, Doors
from billing.delivery.budgets import NOWHERE, Elsewhere
from billing.delivery.errand import Errand
from billing.ending import LEASE, ONCE_MORE_AFTER, REPLACED_BY_ITSELF
from billing.fairness import counts_at
from billing.ports import (
    Clock,
    MessengerPort,
    NoShelf,
    PacePort,
    SecretError,
    ShelfPort,
    Unpaced,
    VaultPort,
    WisproAccess,
    WisproPort,
)
from billing.spans import span
from billing.stopping import stop_links
from models import claims, turns
from models.database import Database
from models.isp import Transport

log = structlog.get_logger()

#: How far ahead the broker is told to come back; what is further away is found by a tick.
SOON = timedelta(seconds=60)


#: How many routes are looked at in one go for one that can send, and how often.
_AT_A_TIME = 20
_MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A route that sent a batch, when it was done, and when more can leave; None = not soon.

    `deferred` counts the deliveries that were put off.
    """

    isp_id: int
    route: str
    deferred: int
    at: datetime
    more_at: datetime | None


class Delivering:
    """The use-case.

    Args:
        database: rows.
        vault: opens destinations, transports and the token.
        door: makes a client of an ISP's Wispro.
        messenger: the door to people.
        max_pdf_bytes: a larger invoice PDF is left out, with a note.
        shelf: keeps invoice PDFs between messages.
        pace: keeps messages apart where a provider counts by the second.
        lanes: how many network calls of a batch wait at once; 0 = one after the other, in the
            thread of the caller.
        public_url: under which customers reach our pages; None = there are none.
        elsewhere: what the budgets of ISPs paid outside of these rows; a rehearsal knows some.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        database: Database,
        vault: VaultPort,
        door: Callable[[WisproAccess], WisproPort],
        messenger: MessengerPort,
        *,
        max_pdf_bytes: int,
        pace: PacePort | None = None,
        shelf: ShelfPort | None = None,
        lanes: int = 0,
        public_url: str | None = None,
        elsewhere: Elsewhere = NOWHERE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._doors = Doors(
            database=database,
            vault=vault,
            wispro=door,
            messenger=messenger,
            pace=pace or Unpaced(),
            shelf=shelf or NoShelf(),
            sleep=sleep,
            max_pdf_bytes=max_pdf_bytes,
            lanes=lanes,
            elsewhere=elsewhere,
            stop_link=stop_links(vault, public_url),
        )

    def due_routes(self, *, now: datetime) -> Sequence[tuple[int, str]]:
        """This function will name the ISPs and routes that have something to send."""
        with self._database.read() as session:
            return claims.due_routes(session, now=now)

    def enter_routes(self, *, now: datetime) -> int:
        """This function will let every route take turns that has something to send; return them."""
        routes = self.due_routes(now=now)
        with self._database.write() as session:
            turns.enter_routes(session, routes)
        return len(routes)

    def serve_next(self, *, clock: Clock) -> Served | None:
        """This function will send one batch over the route that waited longest.

        A route whose sending account lets nothing through is passed over, and not asked again
        before it does.

        Args:
            clock: the present.

        Returns:
            Which route that was, and when it has more; None = nothing could be sent anywhere.
        """
        for _ in range(_MOST_ROUNDS):
            now = clock()
            with self._database.read() as session:
                waiting = turns.next_routes(session, now=now, limit=_AT_A_TIME)
            for isp_id, route in waiting:
                report = self.run_batch(isp_id, route=route, clock=clock)
                if report.touched:
                    now = clock()
                    return Served(
                        isp_id=isp_id,
                        route=route,
                        deferred=report.deferred,
                        at=now,
                        more_at=self.next_due(isp_id, route=route, now=now),
                    )
            if len(waiting) < _AT_A_TIME:
                break
        return None

    def run_all(self, *, clock: Clock, progress: Callable[[int], None]) -> DeliveryReport:
        """This function will send everything that may go now, route by route, batch by batch."""
        total = DeliveryReport()
        for isp_id, route in self.due_routes(now=clock()):
            while (report := self.run_batch(isp_id, route=route, clock=clock)).touched:
                total += report
                progress(total.touched)
        return total

    def run_batch(
        self,
        isp_id: int,
        *,
        clock: Clock,
        route: str | None = None,
        account_id: int | None = None,
    ) -> DeliveryReport:
        """This function will send up to a batch of what an ISP owes now.

        Args:
            isp_id: which ISP.
            clock: the present.
            route: only what goes to channels of this scheme.
            account_id: only what this account gets.

        Returns:
            What became of each claimed delivery; `touched` is 0 where nothing could go.
        """
        started = clock()
        if route is None:
            limit = BATCH_SIZE
        else:
            limit, opens_at = self._room(isp_id, route, started)
            if not limit:
                with self._database.write() as session:
                    turns.rest(session, isp_id, route, until=min(opens_at, started + SOON))
                return DeliveryReport()
        with self._database.write() as session:
            claimed = claims.claim(
                session,
                isp_id,
                limit=limit,
                now=started,
                lease_until=started + LEASE,
                route=route,
                account_id=account_id,
            )
            if claimed and route is not None:
                turns.take_turn(session, isp_id, route, at=started)
            claimed += claims.claim_mates(
                session,
                claimed,
                limit=BATCH_SIZE,
                now=started,
                lease_until=started + LEASE,
            )
            groups = claims.by_destination(session, claimed)
        if not claimed:
            return DeliveryReport()
        errands = [
            Errand(account_id, channel_id, group)
            for (account_id, channel_id), group in groups.items()
        ]
        bound = structlog.contextvars.bound_contextvars(isp_id=isp_id, route=route)
        with bound, span("deliver.batch", isp_id=isp_id, claimed=len(claimed)):
            report = Batch(self._doors, clock, errands).run()
        if route is not None:
            with self._database.write() as session:
                turns.take_turn(session, isp_id, route, at=counts_at(started, clock()))
        log.info(
            "deliver.finished",
            isp_id=isp_id,
            route=route,
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

    def next_due(self, isp_id: int, *, route: str, now: datetime) -> datetime | None:
        """This function will say when something may leave over a route again, if that is soon.

        Returns:
            An instant from `now` on, at most `SOON` away; None = later, or nothing is left.
        """
        with self._database.read() as session:
            earliest = claims.next_due(session, isp_id, route)
        if earliest is None or earliest > now + SOON:
            return None
        _, opens_at = self._room(isp_id, route, now)
        at = max(earliest, opens_at, now)
        return at if at <= now + SOON else None

    def send_at_once(self, plan: Callable[[Session, datetime], int], *, clock: Clock) -> int:
        """This function will record one delivery and send it, before anybody else can claim it.

        Args:
            plan: records it as due at this instant, in the unit of work that claims it as of then;
                returns its id.
            clock: the present.

        Returns:
            Its id.
        """
        started = clock()
        lease_until = started + LEASE
        with self._database.write() as session:
            delivery_id = plan(session, started)
            session.flush()
            claimed = claims.claim_one(session, delivery_id, now=started, lease_until=lease_until)
            groups = claims.by_destination(session, claimed)
        errands = [
            Errand(account_id, channel_id, group)
            for (account_id, channel_id), group in groups.items()
        ]
        Batch(self._doors, clock, errands).run()
        return delivery_id

    def sweep(self, *, now: datetime) -> tuple[int, int]:
        """This function will resolve claims whose worker died: (given back, uncertain)."""
        with self._database.write() as session:
            given_back, uncertain = claims.recover(
                session,
                now=now,
                once_more=REPLACED_BY_ITSELF,
                once_more_at=now + ONCE_MORE_AFTER,
            )
        if given_back or uncertain:
            log.warning("deliver.recovered", given_back=given_back, uncertain=uncertain)
        return given_back, uncertain

    def _room(self, isp_id: int, route: str, now: datetime) -> tuple[int, datetime]:
        """Return how many deliveries it is worth claiming, and from when on.

        As many as the sending account lets through; an estimate, without a lock: whoever journals
        an attempt counts again.
        """
        with self._database.read() as session:
            transport = session.scalars(
                select(Transport).where(Transport.isp_id == isp_id, Transport.scheme == route)
            ).first()
            if transport is None:
                return BATCH_SIZE, now
            try:
                accounts = providers.Accounts(self._doors.vault, self._doors.messenger)
                account = accounts.of_transport(transport)
            except SecretError:
                return BATCH_SIZE, now  # each delivery says so
            standing = providers.standings(session, [account.key]).get(account.key)
            if standing is not None and standing.paused_until and standing.rests(now):
                return 0, standing.paused_until
            left, opens_at = providers.room(session, account.key, account.limits.counted, now=now)
        most = BATCH_SIZE if left is None else min(left, BATCH_SIZE)
        # An account in trouble is tried with one message.
        return min(most, 1) if standing is not None and standing.failures else most, opens_at
