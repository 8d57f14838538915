"""An ISP in memory whose planner and sender are real, and a judge who holds each message to it.

The rows are real (SQLite), and so are the use-cases that lay down a look, plan, hold and send. The
provider is a list of bills, time is a number, and the messenger asks the judge about each message
before it takes it. What is right, the judge works out by `tests.support.almanac`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select

from billing.apply import apply_look
from billing.delivery.delivering import Delivering
from billing.digest import MOST_LISTED
from billing.ending import LEASE
from billing.held import HoldKind
from billing.holds import Holds
from billing.letter import Attachment, Envelope, Fate, Letter, Message, Outcome
from billing.look import Look
from billing.naming import AccountFinder
from billing.overrides import Overrides
from billing.planning import Planning
from billing.policies import Policies
from billing.policy_file import read_policy
from billing.ports import UpstreamError
from billing.terms import rules_of
from billing.values import Balance, InvoiceFacts, InvoiceState, Medium, UpstreamReason
from models import claims
from models.account import Account
from models.alert import Alert, Attempt, Delivery
from models.base import Base
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from tests.integration.models.rows import add_account, add_channel, add_isp
from tests.support.almanac import Almanac, Contact, Dates, Due, Plan, breaks, ladder
from tests.support.provider import SLUG, VAULT
from tests.support.silent import Silent

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NEWS = frozenset({"paid", "changed", "voided"})
ALONE = NEWS | {"issued"}
WENT = frozenset({Fate.DELIVERED, Fate.UNCERTAIN})


@dataclass(eq=False)
class Bill:
    """One invoice: what is true, what we were told last, and when."""

    number: str
    owner: Person
    contract: str
    issued: date
    first_due: date
    second_due: date | None
    amount: Decimal
    balance: Decimal
    state: str = "pending"
    seen_at: datetime | None = None
    silent: bool = False
    told: tuple[Any, ...] = ()
    states: set[str] = field(default_factory=set)
    #: Steps whose time came before were another policy's, another date's or another clock's.
    since: datetime | None = None

    @property
    def terms(self) -> tuple[Any, ...]:
        """What a look tells."""
        return self.state, self.first_due, self.second_due, self.balance

    @property
    def facts(self) -> InvoiceFacts:
        """What Wispro says."""
        return InvoiceFacts(
            wispro_id=self.number, number=self.number, contract_id=self.contract,
            state=InvoiceState(self.state), raw_state=self.state, amount=self.amount,
            balance=self.balance, issued_date=self.issued, first_due_date=self.first_due,
            second_due_date=self.second_due,
        )  # fmt: skip


@dataclass
class Stop:
    """A hold or a promise; `bill` None = all of them."""

    kind: str
    bill: Bill | None
    until: date
    released: bool = False


@dataclass(eq=False)
class Person:
    """A customer."""

    name: str
    account_id: int
    channels: list[int]
    contracts: int
    baseline: bool = True
    credit: Decimal = Decimal(0)
    hours: str | None = None
    off: set[str] = field(default_factory=set)
    stops: list[Stop] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    changed_at: datetime = _LONG_AGO

    @property
    def owes(self) -> Decimal:
        """What the account owes."""
        open_ = (bill.balance for bill in self.bills if bill.state == "pending")
        return sum(open_, Decimal(0)) - self.credit

    def stop_on(self, bill: Bill, day: date) -> Stop | None:
        """Return what stops a bill on a day."""
        for one in self.stops:
            if not one.released and one.bill in {None, bill} and day <= one.until:
                return one
        return None


@dataclass(frozen=True)
class Part:
    """One alert in a message."""

    alert_id: int
    kind: str
    step: str
    anchor_date: date
    bill: Bill


@dataclass(frozen=True)
class Sent:
    """One message that left, or may have left."""

    at: datetime
    round: int
    person: Person
    channel: int
    parts: tuple[Part, ...]
    covered: bool
    listed: frozenset[Bill]

    @property
    def asks(self) -> bool:
        """Whether it could have gone in one message with others."""
        return not self.covered and not any(part.kind in NEWS for part in self.parts)

    @property
    def reminds(self) -> frozenset[int]:
        """The alerts that the caps bind."""
        return frozenset(part.alert_id for part in self.parts if part.kind not in ALONE)


class Desk:
    """Wispro, as far as a last-second look asks it."""

    requests = 0

    def __init__(self, world: World) -> None:
        self._world = world

    def use_page_size(self, size: int) -> None:
        """Have no pages."""

    def invoice(self, invoice_id: str) -> InvoiceFacts:
        """Tell a bill."""
        self._answer()
        bill = self._world.bills[invoice_id]
        self._world.tell(bill)
        return bill.facts

    def balance(self, client_id: str) -> Balance:
        """Tell what somebody owes."""
        self._answer()
        person = self._world.named(client_id)
        return Balance(
            balance_amount=-person.owes,
            credit_amount=person.credit,
            invoice_balance_amount=person.owes + person.credit,
        )

    def _answer(self) -> None:
        if self._world.down:
            raise UpstreamError("no answer", reason=UpstreamReason.TIMEOUT)


class Messenger(Silent):
    """Has each message judged before it goes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._letter: Letter | None = None

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Remember the letter for the send that follows."""
        self._letter = letter
        return Message(medium=medium, locale=locale, subject=letter.kind.value, text="")

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Ask the judge, whatever becomes of it."""
        assert self._letter is not None
        sent = self._world.judge.message(self._letter, envelope)
        fate = self._world.fates.pop(0) if self._world.fates else Fate.DELIVERED
        if fate in WENT:
            self._world.sent.append(sent)
        return Outcome(fate=fate, detail=fate.value)


class World:
    """The ISP, its customers, our program, and everything that may happen to them.

    Args:
        database: with our tables; whatever rows it has are removed.
        plan: the first policy.
        day: on which it begins, at noon.
        people: (contracts, channels) of each customer.
    """

    def __init__(
        self, database: Database, plan: Plan, day: date, people: Sequence[tuple[int, int]]
    ) -> None:
        self.database = database
        self.plan = plan
        self.now = datetime.combine(day, time(12), tzinfo=ZoneInfo(plan.zone)).astimezone(UTC)
        self.rounds = 0
        self.down = False
        self.fates: list[Fate] = []
        self.bills: dict[str, Bill] = {}
        self.sent: list[Sent] = []
        self.plan_since = self.now
        self.judge = Judge(self)
        with database.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))
            isp = add_isp(session, token_sealed=VAULT.seal("t"), created_at=self.now)
            self.isp_id = isp.id
            self.people = []
            for place, (contracts, channels) in enumerate(people):
                account = add_account(
                    session, isp, client_id=f"client-{place}", name=f"Ana {place}",
                    paired_at=self.now, baseline_at=None,
                )  # fmt: skip
                ids = [
                    add_channel(
                        session, account, destination_digest=f"d-{place}-{number}",
                        destination_sealed=VAULT.seal("a"), needs_transport=False,
                        scheme="json",  # what may have arrived there never goes again
                    ).id
                    for number in range(channels)
                ]  # fmt: skip
                self.people.append(Person(f"client-{place}", account.id, ids, contracts))
        self.restart()
        self.policies.set(SLUG, plan.text, author="eva", now=self.now)

    def restart(self) -> None:
        """Forget everything that is not in the rows."""
        read_policy.cache_clear()
        self.policies = Policies(self.database)
        self.overrides = Overrides(self.database, AccountFinder(VAULT, lambda _: None))
        self.holds = Holds(self.database, AccountFinder(VAULT, lambda _: None))
        self.planning = Planning(self.database)
        self.delivering = Delivering(
            self.database,
            VAULT,
            lambda _: Desk(self),  # type: ignore[arg-type, return-value]
            Messenger(self),
            max_pdf_bytes=1,
        )

    # -- what is true ---------------------------------------------------------------------------

    def clock(self) -> datetime:
        """Return the present, a little later each time."""
        self.now += timedelta(milliseconds=1)
        return self.now

    @property
    def today(self) -> date:
        """The date on the customers' walls."""
        return self.now.astimezone(ZoneInfo(self.plan.zone)).date()

    def almanac(self, person: Person) -> Almanac:
        """Return when somebody may be reached."""
        return Almanac.of(self.plan, person.hours)

    def ladder(self, bill: Bill) -> list[Due]:
        """Return the steps of a bill as it was told last."""
        assert bill.seen_at is not None
        dates = Dates(
            issued=bill.issued, first_due=bill.told[1], second_due=bill.told[2],
            seen_at=bill.seen_at, silent=bill.silent,
        )  # fmt: skip
        return ladder(dates, self.plan, self.almanac(bill.owner))

    def named(self, name: str) -> Person:
        """Return a customer."""
        return next(one for one in self.people if one.name == name)

    def tell(self, bill: Bill) -> None:
        """Let our program know a bill as it is."""
        if bill.told and bill.told[1:3] != bill.terms[1:3]:
            bill.since = self.now
        bill.told = bill.terms
        bill.states.add(bill.state)

    def _person(self, who: int) -> Person:
        return self.people[who % len(self.people)]

    def _bill(self, which: int, *states: str) -> Bill | None:
        there = [bill for bill in self.bills.values() if bill.state in states]
        return there[-1 - which % len(there)] if there else None

    # -- what customers, staff and operators do ---------------------------------------------------

    def bill(self, who: int, due_in: int, second_in: int | None, amount: int, more: int) -> None:
        """Bill some contracts of somebody."""
        person = self._person(who)
        for contract in range(min(more, person.contracts)):
            due = self.today + timedelta(days=due_in)
            bill = Bill(
                number=f"A-{len(self.bills) + 1}", owner=person,
                contract=f"{person.name}-{contract}", issued=self.today, first_due=due,
                second_due=None if second_in is None else due + timedelta(days=second_in),
                amount=Decimal(amount), balance=Decimal(amount),
            )  # fmt: skip
            self.bills[bill.number] = bill
            person.bills.append(bill)

    def pay(self, which: int, amount: int | None) -> None:
        """Pay in part or in full."""
        if bill := self._bill(which, "pending"):
            part = bill.balance if amount is None else min(Decimal(amount), bill.balance)
            bill.balance -= part
            if bill.balance == 0:
                bill.state = "paid"

    def void_payment(self, which: int) -> None:
        """Take every payment of a bill back."""
        if bill := self._bill(which, "paid"):
            bill.state, bill.balance = "pending", bill.amount

    def void(self, which: int) -> None:
        """Void a bill."""
        if bill := self._bill(which, "pending"):
            bill.state = "void"

    def move(self, which: int, due_in: int, second_in: int | None) -> None:
        """Move the due dates."""
        if bill := self._bill(which, "pending"):
            bill.first_due = max(self.today + timedelta(days=due_in), bill.issued)
            bill.second_due = (
                None if second_in is None else bill.first_due + timedelta(days=second_in)
            )

    def credit(self, who: int, amount: int) -> None:
        """Give somebody credit, or take it."""
        self._person(who).credit = Decimal(amount)

    def hold(self, which: int, days: int, kind: str, *, whole: bool) -> None:
        """Stop asking for a bill, or for all of its owner's."""
        bill = self._bill(which, "pending", "paid")
        if bill is None or bill.seen_at is None:
            return
        person, about = bill.owner, None if whole else bill
        until = self.today + timedelta(days=days)
        self.holds.put(
            SLUG, person.name, kind=HoldKind(kind), until=until, reason="x", author="eva",
            now=self.clock(), invoice=about.number if about else None,
        )  # fmt: skip
        person.stops = [s for s in person.stops if (s.kind, s.bill) != (kind, about)]
        person.stops.append(Stop(kind, about, until))

    def release(self, who: int) -> None:
        """Ask again."""
        person = self._person(who)
        if any(stop.until >= self.today for stop in person.stops):
            self.holds.release(SLUG, person.name, author="eva", now=self.clock())
            person.stops.clear()

    def policy(self, plan: Plan) -> None:
        """Put another policy in force."""
        self.policies.set(SLUG, plan.text, author="eva", now=self.clock())
        if plan != self.plan:
            self.plan, self.plan_since = plan, self.now
            for bill in self.bills.values():
                bill.since = self.now

    def own(self, who: int, hours: str | None, off: Sequence[str]) -> None:
        """Let somebody choose their own hours and steps."""
        person = self._person(who)
        known = {f"{r.kind} {r.name}" for r in self.plan.rungs} | {r.kind for r in self.plan.rungs}
        off = sorted(set(off) & known - person.off)
        on = sorted(person.off)
        if on:
            self.overrides.set(SLUG, person.name, now=self.clock(), on=on)
        self.overrides.set(SLUG, person.name, now=self.clock(), hours=hours or "default", off=off)
        person.hours, person.off, person.changed_at = hours, set(off), self.now
        for bill in person.bills:
            bill.since = self.now

    # -- what the daemon does ---------------------------------------------------------------------

    def look(self) -> None:
        """Lay a complete look at everybody down who is not as we know them."""
        if self.down:
            return
        for person in self.people:
            if not person.baseline and all(bill.told == bill.terms for bill in person.bills):
                continue
            asked_at = self.clock()
            now = self.clock()
            with self.database.write() as session:
                account = session.get_one(Account, person.account_id, with_for_update=True)
                isp = session.get_one(Isp, self.isp_id)
                look = Look(
                    asked_at=asked_at, invoices=tuple(bill.facts for bill in person.bills),
                    contracts=(), not_found=frozenset(), client=None, foreign=0, set_aside=(),
                    fetched=0, complete=True, why_incomplete=None,
                )  # fmt: skip
                apply_look(
                    session, account, look, rules_of(isp), vault=VAULT, sync_run_id=None, now=now
                )
            for bill in person.bills:
                if bill.seen_at is None:
                    bill.seen_at, bill.silent = now, person.baseline
                    bill.since = now if person.baseline else None
                self.tell(bill)
            person.baseline = False

    def tick(self) -> None:
        """Plan what has come due."""
        self.planning.tick(now=self.clock())
        self.judge.plans()

    def deliver(self) -> None:
        """Send what is due."""
        self.rounds += 1
        self.delivering.sweep(now=self.clock())
        self.delivering.run_all(clock=self.clock, progress=lambda _: None)

    def go_round(self) -> None:
        """Do everything once."""
        self.look()
        self.tick()
        self.deliver()
        self.judge.rows()

    def crash(self) -> None:
        """Kill a worker that holds claims and has called nobody yet."""
        now = self.clock()
        with self.database.write() as session:
            claims.claim(session, self.isp_id, limit=3, now=now, lease_until=now + LEASE)

    def outage(self, hours: int) -> None:
        """Let time pass without a daemon, and start it again."""
        self.now += timedelta(hours=hours)
        self.restart()
        self.go_round()

    def trouble(self, minutes: int) -> None:
        """Let the daemon work while Wispro does not answer."""
        self.down = True
        self.go_round()
        self.down = False
        self.now += timedelta(minutes=minutes)

    def days(self, days: int, walls: Sequence[int]) -> None:
        """Let the daemon run for some days, at these minutes of each."""
        for _ in range(days):
            day = self.today + timedelta(days=1)
            zone = ZoneInfo(self.plan.zone)
            for wall in walls:
                begins = datetime.combine(day, time(), tzinfo=zone) + timedelta(minutes=wall)
                self.now = max(self.now, begins.astimezone(UTC))
                self.go_round()


class Judge:
    """Holds what was planned and sent against what is right."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended: set[int] = set()
        self._known: set[int] = set()
        #: Of what waits: until when and why, and when we noticed first.
        self._waits: dict[int, tuple[datetime, str | None, datetime]] = {}

    # -- a message, before it goes ----------------------------------------------------------------

    def message(self, letter: Letter, envelope: Envelope) -> Sent:
        """Hold one message against the truth at this instant."""
        world = self._world
        with world.database.read() as session:
            row = session.scalars(
                select(Delivery).where(Delivery.message_id == envelope.message_id)
            ).one()
            under_way = session.execute(
                select(Delivery, Alert, Invoice.wispro_id)
                .join(Alert, Alert.id == Delivery.alert_id)
                .join(Invoice, Invoice.id == Alert.invoice_id)
                .join(Attempt, Attempt.delivery_id == Delivery.id)
                .where(
                    Delivery.channel_id == row.channel_id, Delivery.state == "sending",
                    Attempt.number == Delivery.attempts, Attempt.finished_at.is_(None),
                )
            ).all()  # fmt: skip
        assert row.id in {delivery.id for delivery, _, _ in under_way}, "sent without a journal"
        parts = tuple(
            Part(alert.id, alert.kind, alert.step, alert.anchor_date, world.bills[number])
            for _, alert, number in under_way
        )
        person = next(one for one in world.people if one.account_id == row.account_id)
        covered = letter.covered_by_credit
        listed = frozenset(
            world.bills[str(debt.invoice_number)] for debt in letter.debts
        ) or frozenset(part.bill for part in parts)
        sent = Sent(world.now, world.rounds, person, row.channel_id, parts, covered, listed)
        almanac = world.almanac(person)
        wall = world.now.astimezone(almanac.zone)
        assert almanac.is_open(world.now), f"{letter.kind} left at {wall:%a %d %b %H:%M %Z}"
        for part in parts:
            self._part(part, sent)
        self._amounts(letter, sent)
        self._one_message(sent)
        if sent.reminds:
            contact = Contact(almanac.day(world.now), sent.reminds, sent.channel)
            broken = breaks(world.plan.caps, self.contacts(person), contact)
            assert broken is None, f"one too many: {broken}"
        return sent

    def contacts(self, person: Person) -> list[Contact]:
        """Return what reminded somebody so far."""
        almanac = self._world.almanac(person)
        return [
            Contact(almanac.day(one.at), one.reminds, one.channel)
            for one in self._world.sent
            if one.person is person and one.reminds
        ]

    def _part(self, part: Part, sent: Sent) -> None:
        world, bill, person = self._world, part.bill, sent.person
        what = f"{part.kind} {part.step}"
        assert bill.owner is person, "another's bill"
        assert world.plan.sends(part.kind, part.step), f"{what} is in no policy"
        assert not {part.kind, what} & person.off, f"{what} is not wanted"
        for before in world.sent:
            for other in before.parts if before.channel == sent.channel else ():
                if (other.bill, other.kind, other.step) != (bill, part.kind, part.step):
                    continue
                assert other.anchor_date != part.anchor_date, f"{what} of {bill.number} twice"
                if part.kind not in ALONE:
                    again = sent.at - before.at
                    assert again >= timedelta(hours=72), f"{what} again after {again}"
        if part.kind in NEWS:
            return
        assert bill.state == "pending", f"{what} although {bill.state}"
        today = world.almanac(person).day(sent.at)
        stop = person.stop_on(bill, today)
        assert stop is None, f"{what} although there is a {stop.kind if stop else ''}"
        if sent.covered:
            assert person.owes <= 0
            assert part.kind == "issued", f"{what} although credit covers it"
            return
        assert person.owes > 0, f"{what} although the account owes {person.owes}"
        assert min(bill.balance, person.owes) >= world.plan.minimum, f"{what} below the minimum"
        if part.kind != "issued":
            self._step(part, sent, today)

    def _step(self, part: Part, sent: Sent, today: date) -> None:
        """Check the step of a bill that is owed."""
        world, bill = self._world, part.bill
        what = f"{part.kind} {part.step}"
        laid = world.ladder(bill)
        mine = [one for one in laid if one.key == (part.kind, part.step, part.anchor_date)]
        assert mine, f"{what} of {part.anchor_date} is of another date"
        assert bill.told == bill.terms, "no fresh look"
        latest = [
            one for one in laid if one.at <= sent.at < one.until and not one.blocked
        ]  # worth sending now
        if bill.since is None or mine[0].at > bill.since:
            assert mine[0] in latest, f"{what} has no slot now"
            assert latest[-1].at == mine[0].at, f"{what} although {latest[-1].key} is due"
        match part.kind:
            case "overdue":
                assert bill.first_due < today, "overdue before its date"
                assert bill.seen_at is not None
                gap = sent.at - bill.seen_at
                assert gap >= timedelta(hours=world.plan.gap_hours), f"overdue after {gap}"
            case "due_soon":
                assert bill.first_due > today
            case "due_today":
                assert bill.first_due >= today
            case "second_due_soon":
                assert bill.second_due is not None
                assert bill.second_due > today

    def _amounts(self, letter: Letter, sent: Sent) -> None:
        own = {part.bill for part in sent.parts}
        person = sent.person
        if letter.debts:
            listed = sent.listed
            assert len(letter.debts) == len(listed), "listed twice"
            open_ = self._open(person, sent.at)
            assert own <= listed <= own | open_, "asks for what is not to be asked for"
            room = max(MOST_LISTED, len(own))
            assert len(listed) == min(room, len(own | open_)), "an open one is missing"
            assert letter.more_debts == len(own | open_) - len(listed)
            assert all(bill.told == bill.terms for bill in listed), "no fresh look"
            total = sum((bill.balance for bill in listed), Decimal(0))
            assert letter.amount_total == total
            assert letter.amount_due == min(total, person.owes)
        else:
            assert len(sent.parts) == 1
            (bill,) = own
            assert letter.invoice_number == bill.number
            if sent.asks:
                assert letter.amount_due == min(bill.balance, person.owes)

    def _open(self, person: Person, at: datetime) -> set[Bill]:
        """Return what a digest asks for, as our program knows it after its looks."""
        world, today = self._world, self._world.almanac(person).day(at)
        told = {bill for one in world.sent for bill in one.listed}
        return {
            bill
            for bill in person.bills
            if bill.told
            and bill.told[0] == "pending"
            and bill.told[3] >= world.plan.minimum
            and person.stop_on(bill, today) is None
            and (not bill.silent or bill in told or bill.told[1] >= today)
        }

    def _one_message(self, sent: Sent) -> None:
        """What goes to somebody at one time about several bills is one message."""
        world = self._world
        if not sent.asks or not world.plan.digest_from:
            return
        others = [
            one for one in world.sent
            if (one.round, one.channel) == (sent.round, sent.channel) and one.asks
        ]  # fmt: skip
        bills = {part.bill for one in [*others, sent] for part in one.parts}
        least = world.plan.digest_from
        assert not others or len(bills) < max(least, 2), f"{len(bills)} bills in several messages"
        assert len({p.bill for p in sent.parts}) in {1, *range(least, 100)}, "too few for a digest"

    # -- what was planned -------------------------------------------------------------------------

    def plans(self) -> None:
        """Whatever step's time came while we looked left a trace, at the right instants."""
        world = self._world
        with world.database.read() as session:
            rows = session.execute(
                select(Alert, Invoice.wispro_id).join(Invoice, Invoice.id == Alert.invoice_id)
            ).all()
        traces = {(number, a.kind, a.step, a.anchor_date): a for a, number in rows}
        told = {number for a, number in rows if a.kind not in NEWS}
        for bill in world.bills.values():
            if bill.seen_at is None or bill.told[0] != "pending":
                continue
            assert bill.silent or bill.number in told, f"{bill.number} was never announced"
            for item in world.ladder(bill):
                if item.at > world.now or (bill.since is not None and item.at <= bill.since):
                    continue
                alert = traces.get((bill.number, *item.key))
                assert alert is not None, f"{item.key} of {bill.number} left no trace"
                if alert.id not in self._known and alert.created_at > world.plan_since:
                    assert alert.due_at == item.at, f"{item.key}: {alert.due_at} for {item.at}"
                    assert alert.useful_until == item.until, item.key
        self._known |= {alert.id for alert, _ in rows}

    # -- what became of it ------------------------------------------------------------------------

    def rows(self) -> None:
        """What ended has a true reason; what waits has to; what was sent was sent."""
        world = self._world
        with world.database.read() as session:
            rows = session.execute(
                select(Delivery, Alert, Invoice.wispro_id)
                .join(Alert, Alert.id == Delivery.alert_id)
                .join(Invoice, Invoice.id == Alert.invoice_id)
            ).all()
        went = {(part.alert_id, one.channel) for one in world.sent for part in one.parts}
        for row, alert, number in rows:
            bill = world.bills[number]
            left = (alert.id, row.channel_id) in went
            assert left == (row.state in {"sent", "uncertain"}), f"{row.state}, left: {left}"
            if row.state == "planned":
                self._waiting(row, alert, bill)
            elif row.state == "sending":
                assert row.lease_until is not None
                assert row.lease_until > world.now, "a claim for ever"
            elif row.id not in self._ended:
                self._ended.add(row.id)
                if row.state not in {"sent", "uncertain"}:
                    siblings = [a for r, a, n in rows if n == number]
                    self._ending(row, alert, bill, siblings)

    def _waiting(self, row: Delivery, alert: Alert, bill: Bill) -> None:
        """Check what waits: it could not have gone now, and comes back as soon as it may."""
        world, person = self._world, bill.owner
        now = world.now
        assert row.not_before > now, f"{alert.kind} {alert.step} is stuck: {row.reason}"
        if row.reason in {"hold", "promise"}:
            stops = [stop for stop in person.stops if stop.bill in {None, bill}]
            assert stops, f"{alert.kind} {alert.step} waits for a {row.reason} that was released"
        seen = self._waits.get(row.id)
        if seen is None or seen[:2] != (row.not_before, row.reason):
            seen = self._waits[row.id] = (row.not_before, row.reason, now)
        if seen[2] < now or max(world.plan_since, person.changed_at) > alert.created_at:
            return  # judged when it began to wait, or under other hours
        almanac = world.almanac(person)
        what = f"{alert.kind} {alert.step} waits until {row.not_before} for {row.reason}"
        match row.reason:
            case "hold" | "promise":
                assert person.stop_on(bill, almanac.day(now)), what
            case "cap_day" | "cap_week":
                allowed = self._allowed(row, alert, bill, now)
                assert allowed is not None, what
                assert now < row.not_before <= allowed, f"{what}; allowed at {allowed}"
            case None | "quiet_hours" | "holiday":
                opens = almanac.next_open(now)
                assert opens is not None, what
                assert row.not_before <= opens, f"{what}; open at {opens}"
            case "stale_data":
                assert world.down, what
                assert row.not_before <= now + timedelta(minutes=6), what
            case "provider_trouble":
                assert row.not_before <= now + timedelta(hours=6), what
            case _:
                raise AssertionError(what)

    def _allowed(self, row: Delivery, alert: Alert, bill: Bill, at: datetime) -> datetime | None:
        """Return the first instant at which the caps and the hours let an alert go."""
        almanac = self._world.almanac(bill.owner)
        contacts = self.contacts(bill.owner)
        for slot in almanac.slots(at, alert.useful_until):
            one = Contact(almanac.day(slot), frozenset({alert.id}), row.channel_id)
            if breaks(self._world.plan.caps, contacts, one) is None:
                return slot
        return None

    def _ending(self, row: Delivery, alert: Alert, bill: Bill, siblings: list[Alert]) -> None:
        """Check why something will never go."""
        world, person = self._world, bill.owner
        assert row.settled_at is not None
        at = row.settled_at
        what = f"{alert.kind} {alert.step} of {bill.number} ended at {at}: {row.reason}"
        edited = max(world.plan_since, person.changed_at) > alert.created_at
        almanac = world.almanac(person)
        match row.reason:
            case "paid" | "void":
                assert row.reason in bill.states, what
            case "credit_covers":
                assert person.owes <= 0, what
            case "below_minimum":
                assert min(bill.balance, person.owes) < world.plan.minimum, what
            case "step_off":
                assert {alert.kind, f"{alert.kind} {alert.step}"} & person.off, what
            case "not_in_policy":
                assert not world.plan.sends(alert.kind, alert.step), what
            case "hold" | "promise":
                assert any(stop.kind == row.reason for stop in person.stops), what
                assert alert.useful_until is not None, what
                assert at >= alert.useful_until, what
            case "quiet_hours" | "holiday":
                opens = almanac.next_open(max(at, alert.due_at))
                mine = [d for d in world.ladder(bill) if (d.kind, d.step) == _step(alert)]
                no_slot = opens is None or (alert.useful_until and opens >= alert.useful_until)
                assert no_slot or (mine and mine[0].blocked), what
            case "cap_day" | "cap_week":
                assert edited or self._allowed(row, alert, bill, at) is None, what
            case "missed":
                self._missed(alert, bill, at, what, edited=edited)
            case "superseded":
                self._superseded(row, alert, bill, siblings, what, edited=edited)
            case "tries_spent":
                pass
            case _:
                raise AssertionError(what)

    def _missed(self, alert: Alert, bill: Bill, at: datetime, what: str, *, edited: bool) -> None:
        """Missed is what came too late, or was overtaken by what is worth more."""
        if alert.useful_until is not None and at >= alert.useful_until:
            return
        later = [
            item for item in self._world.ladder(bill)
            if alert.due_at <= item.at <= at and item.key != (*_step(alert), alert.anchor_date)
            and not item.blocked and (at < item.until or self._told(bill, item))
        ]  # fmt: skip
        assert edited or later, f"{what}; by nothing"

    def _told(self, bill: Bill, item: Due) -> bool:
        return any(
            (part.bill, part.kind, part.step, part.anchor_date) == (bill, *item.key)
            for one in self._world.sent
            for part in one.parts
        )

    def _superseded(
        self,
        row: Delivery,
        alert: Alert,
        bill: Bill,
        siblings: list[Alert],
        what: str,
        *,
        edited: bool,
    ) -> None:
        """Superseded is what another alert says better, or what is no longer so."""
        if alert.kind in NEWS:
            return
        if alert.kind == "issued":
            newer = [
                a for a in siblings if a.kind not in ALONE and a.created_at >= alert.created_at
            ]
            assert newer, f"{what}; nothing else announces it"
            return
        laid = self._world.ladder(bill)
        stands = any(item.key == (*_step(alert), alert.anchor_date) for item in laid)
        later = [a for a in siblings if a.kind not in ALONE and a.due_at >= alert.due_at]
        again = any(
            (p.bill, p.kind, p.step) == (bill, *_step(alert))
            for one in self._world.sent
            for p in one.parts
        )
        moved = bill.since is not None and bill.since >= alert.created_at
        assert edited or moved or not stands or len(later) > 1 or again, what


def _step(alert: Alert) -> tuple[str, str]:
    return alert.kind, alert.step
