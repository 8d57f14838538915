"""A village that is looked at in every way while everything happens to it, even during a look.

Like `history.Town`, but about looking: lists have many pages, workers die in the middle of one or
are overtaken, the strategy changes from look to look. Nothing is sent; `witness.Witness` holds
what was planned and what is stored against the journal of what was true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing import habits as probes
from billing.apply import apply_single
from billing.identity import keep_identity
from billing.pairing import Pairing
from billing.planning import Planning
from billing.ports import UpstreamError, WisproAccess
from billing.runs import SyncReport
from billing.strategy import Strategy
from billing.sync import LEASE, Sync, SyncBusyError
from billing.terms import access_to, rules_of
from billing.values import ClientFacts, Habits, SyncOutcome
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.base import Base
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.listing import ListingMark
from tests.support.in_process import InProcess
from tests.support.journal import Journal
from tests.support.provider import BEGINNING, EVERY, SLUG, TOKEN, VAULT, ZONE, Provider
from tests.support.silent import Silent
from tests.support.witness import LIES, Witness
from wispro.client import WisproClient
from wispro.limits import Limits
from wispro.login import login_token
from wispro.sandbox.faults import FaultBox, Rule

#: What happens during a look: before the n-th request whose path and query fit an expression, one
#: event of the others.
Midst = tuple[int, str, str, Sequence[Any]]
#: No history has so many requests in one look; a look without an end has.
_MOST_REQUESTS = 2_000
PEOPLE: tuple[dict[str, Any], ...] = (
    {"name": "Ana", "national_id": "30.100.200", "custom_id": "C1", "contracts": 2},
    {"name": "Eva", "national_id": "30.100.201"},
    {"name": "Leo", "custom_id": "0793"},
    {"name": "Sol"},
    {"name": "Teo", "national_id": "30.100.203"},
    {"name": "Bea", "national_id": "30.100.203", "custom_id": "C1"},
    {"name": "Zoe", "national_id": "30.100.205", "custom_id": "C9"},
)
_TABLES = tuple(table.name for table in Base.metadata.sorted_tables)


_SEALED = VAULT.seal(TOKEN)


class Killed(BaseException):
    """The end of a process, wherever it was."""


class Noted(FaultBox):
    """Rules that remember which faults met a request."""

    def __init__(self) -> None:
        super().__init__()
        self.met: set[str] = set()

    def take(self, path: str, page: int | None) -> list[Rule]:
        """Return the rules that meet this request, and count it."""
        rules = super().take(path, page)
        self.met.update(rule.fault for rule in rules)
        return rules


class Mortal(Database):
    """A database whose client may die: nothing gets through any more until it is `revived`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.dead = False
        self.writes_left: int | None = None

    def write(self) -> AbstractContextManager[Session]:
        """Begin a unit of work, unless this is where the process dies."""
        if self.writes_left is not None:
            self.dead = self.dead or self.writes_left == 0
            self.writes_left -= 1
        if self.dead:
            raise Killed
        return super().write()

    def read(self) -> AbstractContextManager[Session]:
        """Look, unless the process died."""
        if self.dead:
            raise Killed
        return super().read()

    def revive(self) -> None:
        """Start another process."""
        self.dead, self.writes_left = False, None

    def empty(self) -> None:
        """Remove every row."""
        connection = self.engine.raw_connection()
        connection.cursor().execute("PRAGMA foreign_keys=OFF")
        for name in _TABLES:
            connection.cursor().execute(f'DELETE FROM "{name}"')  # noqa: S608 - our own tables
        connection.cursor().execute("PRAGMA foreign_keys=ON")
        connection.close()


class Village(Provider):
    """The ISP, its customers, the looks at them, and their checks.

    Args:
        database: with our tables; whatever rows it has are removed.
        cast: who takes part, of `PEOPLE`; Zoe always does.
        paired: those of them who are paired at the beginning.
        per_page: the records of a page.
        probed: what is usually found out about Wispro is known already.
    """

    def __init__(
        self,
        database: Mortal,
        cast: Iterable[int],
        paired: Iterable[int],
        *,
        per_page: int,
        probed: bool,
    ) -> None:
        super().__init__()
        self.database = database
        database.revive()
        database.empty()
        self.state.switches.max_per_page = per_page
        self.faults = self._noted = Noted()
        self._midst: Midst | None = None
        self._overtaken: list[str] = []
        self._requests = self._met = 0
        self._http = httpx.Client(
            transport=InProcess(self.state, self.faults, before=self._before, shifted=self._note),
            trust_env=False,
        )
        self.sync = Sync(database, VAULT, self.door, every=EVERY)
        self.planning = Planning(database)
        self.pairing = Pairing(database, VAULT, self.door, Silent(), login_token)
        who = sorted({*cast, *paired, len(PEOPLE) - 1})
        self.clients = [self.state.add_client(**PEOPLE[one]) for one in who]
        self.journal = Journal(self.state)
        self.isp_id = self._set_up([who.index(one) for one in set(paired)], per_page, probed=probed)
        self.witness = Witness(database, self.journal)
        self._note()

    def _set_up(self, paired: Sequence[int], per_page: int, *, probed: bool) -> int:
        with self.database.write() as session:
            isp = Isp(
                slug=SLUG, name="Interatos sas", base_url="http://wispro.example/api/v1",
                token_sealed=_SEALED, timezone=str(ZONE), locale="es_AR", currency="ARS",
                contact_hours="09:00-19:00", created_at=BEGINNING,
            )  # fmt: skip
            session.add(isp)
            session.flush()
            for place in paired:
                client = self.clients[place]
                account = Account(
                    isp_id=isp.id, client_id=client.id, paired_at=self.now, next_look_at=self.now
                )
                facts = ClientFacts(
                    client_id=client.id, public_id=client.public_id, custom_id=client.custom_id,
                    name=client.name, email=None, national_id=client.national_id,
                    login_digest=None,
                )  # fmt: skip
                keep_identity(account, facts, VAULT)
                session.add(account)
                session.flush()
                session.add(
                    Channel(
                        account_id=account.id, scheme="email", medium="email", label="",
                        destination_sealed="", destination_digest="", needs_transport=False,
                        created_at=self.now,
                    )
                )  # fmt: skip
            if probed:
                found = Habits(
                    unknown_filter_ignored=True, invoice_state_filter=True,
                    contract_state_filter=True, national_id_filter=True, custom_id_filter=True,
                    payments_after_filter=True, page_size=per_page, oldest_first=True,
                )  # fmt: skip
                probes.remember(session, isp.id, found, now=self.now)
            return isp.id

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def door(self, access: WisproAccess) -> WisproClient:
        """Return a client of Wispro that never waits and never reads ahead."""
        return WisproClient(
            self._http, base_url=access.base_url, token=access.token,
            digest_login=lambda token: VAULT.digest(token, purpose="login"),
            sleep=lambda _: None, limits=Limits(retry_seconds=1000.0, read_ahead=False),
        )  # fmt: skip

    def clock(self) -> datetime:
        """Return the present, half a second later each time."""
        self.now += timedelta(seconds=0.5)
        return self.now

    def happen(self, name: str, args: Sequence[Any]) -> None:
        """Let one event happen."""
        getattr(self, name)(*args)
        self._note()

    def _note(self) -> None:
        self.journal.note(self.now)

    # -- what people and Wispro do, beside what `Provider` has ----------------------------------

    def issue(
        self, who: int, due_in: int | None, second_in: int | None, state: str, shape: str
    ) -> None:
        """Issue an invoice: an ordinary one, one without a number, or one without a contract."""
        self.bill(who, due_in, second_in, state, numbered=shape != "unnumbered")
        if shape == "loose":
            printed = self.person(who).national_id
            self.state.change_invoice(
                self.state.invoices[-1],
                contract_id=None,
                client_national_identification_number=printed,
            )

    def renumber(self, which: int) -> None:
        """Give an invoice another number."""
        if invoice := self.invoice(which, "pending", "draft", "paid"):
            self.state.change_invoice(invoice, number=70_000 + invoice.place)

    def issue_to_all(self, state: str) -> None:
        """Issue an invoice to everybody."""
        for who in range(len(self.clients)):
            self.bill(who, 10, None, state, numbered=True)

    def misbook(self, which: int) -> None:
        """Book money of somebody else on an invoice, and then void it."""
        if (invoice := self.invoice(which, "pending")) and invoice.balance > 0:
            payment = self.state.pay(invoice)
            payment.client = (payment.client + 1) % len(self.clients)
            self.state.set_state(invoice, "void")

    def take_back(self, which: int, amount: int | None) -> None:
        """Pay an invoice, take that back where it was all of it, and void the invoice."""
        if (invoice := self.invoice(which, "pending")) and invoice.balance > 0:
            payment = self.state.pay(invoice, None if amount is None else Decimal(amount))
            if amount is None:
                self.state.void_payment(payment)
            self.state.set_state(invoice, "void")

    def hand_over(self, who: int, to: int) -> None:
        """Let a contract go to another customer."""
        giver, taker = self.person(who), self.person(to)
        if giver.contracts and giver is not taker:
            place = giver.contracts.pop()
            taker.contracts.append(place)
            self.state.contracts[place].client = taker.place

    def bill(self, who: int, *args: Any, **kwargs: Any) -> None:
        """Issue an invoice, unless the customer has no contract any more."""
        if self.person(who).contracts:
            super().bill(who, *args, **kwargs)

    def contract(self, who: int, state: str) -> None:
        """Move a contract to another state."""
        if self.person(who).contracts:
            super().contract(who, state)

    def correct(self, who: int, national_id: str | None) -> None:
        """Correct the national id of a customer."""
        self.state.change_client(self.person(who), national_id=national_id)

    def break_page(self, name: str, path: str, page: int | None, times: int | None) -> None:
        """Break some answers."""
        self.faults.add(Rule(fault=name, path=path, page=page, times=times))

    # -- what our program does ------------------------------------------------------------------

    def pair(self, who: int) -> None:
        """Pair a customer, again or for the first time."""
        client = self.person(who)
        try:
            self.pairing.pair(SLUG, client.id, [client.name], now=self.clock(), quiet=True)
        except UpstreamError as error:
            self.witness.texts.append(str(error))

    def unpair(self, who: int) -> None:
        """Unpair a customer."""
        client_id = self.person(who).id
        with self.database.read() as session:
            account = session.scalars(select(Account).where(Account.client_id == client_id)).first()
        if account is not None and account.paired:
            self.pairing.unpair(SLUG, client_id, now=self.clock())

    def look(
        self,
        strategy: Strategy,
        how: str = "",
        budget: int | None = None,
        midst: Midst | None = None,
    ) -> SyncReport | None:
        """Look at the ISP; something may happen meanwhile."""
        started = self.clock()
        self._midst, self._met, self._requests = midst, 0, 0
        self._noted.met.clear()
        self._overtaken.clear()
        if midst is not None and midst[2] == "die_writing":
            self.database.writes_left = midst[0]
        report: SyncReport | None = None
        try:
            report = self.sync.run(
                self.isp_id, clock=self.clock, trigger="schedule", due_only=how == "due",
                full=how == "full", strategy=strategy,
                budget=None if budget is None else timedelta(seconds=budget),
            )  # fmt: skip
        except Killed:
            self.now += LEASE
        except SyncBusyError:
            pass
        finally:
            self._midst = None
            self.database.revive()
        if self._overtaken:
            assert self._overtaken == [self.witness.dump()], "written without the lease"
        self._overtaken.clear()
        whole = (
            report is not None
            and report.outcome is SyncOutcome.OK
            and not (report.more or report.set_aside or how == "due")
        )
        self.witness.after_look(
            started, self.clock(), report, whole=whole, lies=frozenset(self._noted.met)
        )
        return report

    def look_badly(self, faults: Iterable[Sequence[Any]], look: Sequence[Any]) -> None:
        """Look while some answers are broken, and only so long."""
        for one in faults:
            self.break_page(*one)
        self.look(*look)
        self.mend()

    def look_by_hand(self, who: int) -> None:
        """Look at one customer."""
        client_id = self.person(who).id
        with self.database.read() as session:
            account = session.scalars(select(Account).where(Account.client_id == client_id)).first()
        if account is not None and account.paired:
            started = self.clock()
            met, self._noted.met = self._noted.met, set()
            report = self.sync.run_account(account.id, clock=self.clock, trigger="hand")
            sure = report.outcome is SyncOutcome.OK and not (
                report.set_aside or self._noted.met & LIES
            )
            self._noted.met |= met
            self.witness.after_look(
                started, self.clock(), report, whole=False, of=account.id if sure else None
            )

    def look_at_one(self, which: int) -> None:
        """Look at one invoice, as is done in the last second before its alert goes."""
        invoice = self.invoice(which, "pending", "paid", "void")
        if invoice is None:
            return
        with self.database.read() as session:
            row = session.scalars(select(Invoice).where(Invoice.wispro_id == invoice.id)).first()
            isp = session.get_one(Isp, self.isp_id)
            if row is None or row.vanished_at is not None or not row.account.paired:
                return
        started = self.clock()
        met, self._noted.met = self._noted.met, set()
        wispro = self.door(access_to(isp, VAULT))
        try:
            facts = wispro.invoice(row.wispro_id)
        except UpstreamError as error:
            self.witness.texts.append(str(error))
            return
        finally:
            lies = self._noted.met & LIES
            self._noted.met |= met
        with self.database.write() as session:
            row = session.get_one(Invoice, row.id)
            apply_single(session, row, facts, rules_of(isp), asked_at=started, now=self.clock())
        self.witness.after_look(started, self.clock(), None, whole=False)
        if not lies:
            self.witness.know(row.wispro_id, started)

    def plan(self) -> None:
        """Plan what has come due."""
        started = self.now
        self.planning.tick(now=self.clock())
        self.witness.after_look(started, self.clock(), None, whole=False)

    def deliver(self) -> None:
        """Take it that everything that is planned was sent."""
        now = self.clock()
        with self.database.write() as session:
            waiting = select(Delivery.alert_id).where(Delivery.state == "planned")
            told = select(Alert.invoice_id).where(Alert.id.in_(waiting))
            session.execute(update(Invoice).where(Invoice.id.in_(told)).values(announced_at=now))
            session.execute(
                update(Delivery)
                .where(Delivery.state == "planned")
                .values(state="sent", settled_at=now, sent_at=now)
            )

    def overtake(self, strategy: Strategy) -> None:
        """Take the sync over from a worker that stalled; that one must write nothing any more."""
        self.now += LEASE * 2
        if self.look(strategy) is not None:
            self._overtaken[:] = [self.witness.dump()]

    def meanwhile(self, name: str, args: Sequence[Any], who: int) -> None:
        """Let something happen, and look at one customer at once."""
        self.happen(name, args)
        self.look_by_hand(who)

    def at_once(self, name: str, args: Sequence[Any], which: int) -> None:
        """Let something happen, and look at one invoice at once."""
        self.happen(name, args)
        self.look_at_one(which)

    def die(self) -> None:
        """End the process."""
        self.database.dead = True
        raise Killed

    def die_writing(self) -> None:
        """Do nothing here: the database does."""

    def _before(self, target: str) -> None:
        if self.database.dead:
            raise Killed
        self._requests += 1
        assert self._requests < _MOST_REQUESTS, "a look without an end"
        if self._midst is None or not re.search(self._midst[1], target):
            return
        self._met += 1
        if self._met != self._midst[0]:
            return
        _, _, name, args = self._midst
        self._midst = None
        self.happen(name, args)

    # -- the end --------------------------------------------------------------------------------

    def settle(self, strategy: Strategy, budget: int | None, *, thorough: bool) -> None:
        """End the faults and look once more; check what remains.

        Args:
            strategy: how to look.
            budget: seconds after which a look hands the rest over.
            thorough: then read everything anew.
        """
        self.mend()
        self.wait(24 * 60)
        witness = self.witness
        witness.before_the_end()
        # Only a read of everything goes on where the last one stopped, however little it did.
        seconds = budget if strategy is Strategy.FULL else None
        if self._is_under_way():
            self._go_on(lambda: self.look(strategy))  # it may have met a fault before they ended
        self._until_whole(lambda: self.look(strategy, "", seconds))
        witness.check_copy(strategy)
        if thorough:
            self.wait(31)
            self._until_whole(lambda: self.look(strategy, "full"))
            witness.check_copy(None)
            witness.check_owners()
        self.plan()
        witness.check_nothing_missing(self.now)
        witness.check_secrets()

    def _is_under_way(self) -> bool:
        """Whether a slow read began before."""
        with self.database.read() as session:
            return any(mark.crawl_page for mark in session.scalars(select(ListingMark)))

    def _go_on(self, look: Callable[[], SyncReport | None]) -> SyncReport:
        report = look()
        for _ in range(30):
            if report is not None and report.more:
                report = look()
        assert report is not None
        return report

    def _until_whole(self, look: Callable[[], SyncReport | None]) -> None:
        report = self._go_on(look)
        assert (report.outcome, report.more) == (SyncOutcome.OK, False), report
