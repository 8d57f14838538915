"""A small town whose whole history is a list of events, and what must hold at each of them.

Real are the use-cases, the rows (SQLite), the client of Wispro and the stand-in's state. Requests
go to the stand-in within this process, time is a number, and the messenger only remembers: it
holds every message against the truth of Wispro at the moment of sending.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
from sqlalchemy import delete, select

from billing.delivery.delivering import Delivering
from billing.ending import LEASE
from billing.facts import facts_of
from billing.isps import Isps, IspSetup
from billing.letter import Attachment, Envelope, Fate, Letter, Message, Outcome
from billing.maintenance import Maintenance
from billing.naming import PairingError
from billing.owing import lay_steps
from billing.pairing import Pairing
from billing.planning import Planning
from billing.ports import UpstreamError, WisproAccess
from billing.sync import Sync
from billing.terms import rules_of
from billing.values import AlertKind, ChangeKind, Medium
from models import claims
from models.account import Account
from models.alert import Alert, Delivery
from models.base import Base
from models.database import Database
from models.invoice import Invoice, InvoiceChange
from tests.support.in_process import InProcess
from tests.support.provider import EVERY, SLUG, TOKEN, VAULT, ZONE, Provider
from tests.support.silent import Silent
from wispro.client import WisproClient
from wispro.limits import Limits
from wispro.login import login_token
from wispro.sandbox.model import Client
from wispro.sandbox.model import Invoice as Truth

_OVERDUE_GAP = timedelta(hours=48)
_NO_REPEAT_FOR = timedelta(hours=72)
#: Faults that act on any answer; those that change the truth act on lists only (see `Town.fault`).
FAULTS = (
    "http_401", "body_401", "body_402", "body_404", "body_500", "http_500", "http_502_html",
    "http_429", "redirect", "filter_ignored", "amounts_as_numbers", "amounts_null",
    "dates_as_datetimes", "unknown_state", "bad_record", "data_object", "bare_list", "empty_page",
    "short_total_pages", "no_pagination", "broken_json", "truncated_body",
)  # fmt: skip
SHIFTS = ("void", "pay", "remove", "create")


@dataclass(frozen=True)
class Said:
    """One message as the customer may have it; what comes again by its id takes its own place."""

    at: datetime
    message_id: str
    destination: str
    account_id: int
    invoice_id: int
    kind: AlertKind
    step: str
    anchor_date: date


class Messenger(Silent):
    """Remembers messages; what becomes of each is told beforehand, else it is delivered."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.fates: list[Fate] = []
        self._letter: Letter | None = None

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Remember the letter for the send that follows."""
        self._letter = letter
        return Message(medium=medium, locale=locale, subject=letter.kind.value, text="")

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Check the message against the truth, whatever becomes of it."""
        assert self._letter is not None
        said = self._town.check_message(self._letter, envelope)
        fate = self.fates.pop(0) if self.fates else Fate.DELIVERED
        if fate in {Fate.DELIVERED, Fate.UNCERTAIN}:
            self._town.said.append(said)
        return Outcome(fate=fate, detail=fate.value)


class Town(Provider):
    """The ISP, its customers, and everything that may happen to them.

    Args:
        database: with our tables; whatever rows it has are removed.
        cast: who takes part, of Ana, Eva, Leo and Sol (0 to 3); Zoe always does, unpaired.
    """

    def __init__(self, database: Database, cast: Iterable[int]) -> None:
        super().__init__()
        self.database = database
        with database.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))
        self.messenger = Messenger(self)
        self.said: list[Said] = []
        self.addresses: dict[str, set[str]] = defaultdict(set)
        self.history: dict[str, set[str]] = defaultdict(set)
        self._http = httpx.Client(transport=InProcess(self.state, self.faults))
        self.isps = Isps(self.database, VAULT, self.messenger)
        self.pairing = Pairing(self.database, VAULT, self.door, self.messenger, login_token)
        self.sync = Sync(self.database, VAULT, self.door, every=EVERY)
        self.planning = Planning(self.database)
        self.delivering = Delivering(
            self.database, VAULT, self.door, self.messenger, max_pdf_bytes=1_000_000
        )
        self.maintenance = Maintenance(self.database, VAULT)
        self.isp_id = self.isps.add(
            IspSetup(
                slug=SLUG, name="Interatos sas", base_url="http://wispro.example/api/v1",
                token=TOKEN, timezone=str(ZONE), pay_url="https://pay.example/{invoice_id}",
            ),
            now=self.now,
        )  # fmt: skip
        people: list[dict[str, Any]] = [
            {"name": "Ana", "national_id": "30.100.200", "custom_id": "C1"},
            {"name": "Eva", "national_id": "30.100.201", "contracts": 2},
            {"name": "Leo", "custom_id": "0793"},
            {"name": "Sol"},  # neither: found by the sweep of what is pending
        ]
        self.clients = [self.state.add_client(**people[who]) for who in sorted(cast)]
        self.zoe = self.state.add_client(name="Zoe", national_id="30.100.204")

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def door(self, access: WisproAccess) -> WisproClient:
        """Return a client of Wispro that never waits."""
        return WisproClient(
            self._http, base_url=access.base_url, token=access.token,
            digest_login=lambda token: VAULT.digest(token, purpose="login"),
            sleep=lambda _: None, limits=Limits(retry_seconds=1000.0),
        )  # fmt: skip

    # -- what people and Wispro do ------------------------------------------------------------

    def person(self, who: int) -> Client:
        """Return one of the customers; the fifth is Zoe."""
        return self.zoe if who == 4 else self.clients[who % len(self.clients)]

    def rename(self, who: int, number: int) -> None:
        """Correct the id by which a customer's invoices are found."""
        client = self.clients[who % len(self.clients)]
        if client.national_id:
            self.state.change_client(client, national_id=f"20.{number}.{client.place}")
        elif client.custom_id:
            self.state.change_client(client, custom_id=f"K{number}-{client.place}")

    def pair(self, who: int, *, second: bool) -> None:
        """Pair a customer, again or for the first time; Zoe never is."""
        client = self.clients[who % len(self.clients)]
        name = client.name.lower()
        to = [f"{name}@clientes.example"] + ([f"{name}.2@clientes.example"] if second else [])
        if client.id not in self.paired():
            self.addresses[client.id].clear()
            self.history[client.id].clear()
        try:
            self.pairing.pair(SLUG, client.id, to, now=self.clock(), quiet=True)
        except (PairingError, UpstreamError):
            return  # a fault; whoever pairs tries again another day
        self.addresses[client.id].update(to)

    def unpair(self, who: int) -> None:
        """Unpair a customer."""
        client = self.clients[who % len(self.clients)]
        if client.id in self.paired():
            self.pairing.unpair(SLUG, client.id, now=self.clock())

    def paired(self) -> set[str]:
        """Return the clients that are paired."""
        with self.database.read() as session:
            return {a.client_id for a in session.scalars(select(Account)) if a.paired}

    # -- what the daemon does -------------------------------------------------------------------

    def look(self, *, due_only: bool) -> None:
        """Sync, and remember what was history at each baseline."""
        with self.database.read() as session:
            silent = session.scalars(select(Account.client_id).where(Account.baseline_at.is_(None)))
            before = {client_id: self._out(client_id) for client_id in silent}
        self.sync.run(self.isp_id, clock=self.clock, trigger="schedule", due_only=due_only)
        with self.database.read() as session:
            for account in session.scalars(select(Account).where(Account.baseline_at.is_not(None))):
                self.history[account.client_id] |= before.get(account.client_id, set())

    def _out(self, client_id: str) -> set[str]:
        """Return the invoices of a client that are out."""
        client = self.state.client(client_id)
        mine = [i for i in self.state.invoices if self.state.holder(i) is client]
        # Sol's old paid ones are in no answer that we could have read.
        seen = {"pending"} if client.name == "Sol" else {"pending", "paid", "void"}
        return {i.id for i in mine if i.state in seen and self.exists(i)}

    def look_by_hand(self, who: int) -> None:
        """Resync one customer without sending."""
        client_id = self.clients[who % len(self.clients)].id
        with self.database.read() as session:
            account = session.scalars(select(Account).where(Account.client_id == client_id)).first()
        if account is not None and account.paired and account.baseline_at is not None:
            self.sync.run_account(account.id, clock=self.clock, trigger="hand", send=False)

    def plan(self) -> None:
        """Plan what has come due."""
        self.planning.tick(now=self.clock())

    def deliver(self) -> None:
        """Send what is due."""
        self.delivering.sweep(now=self.clock())
        self.delivering.run_all(clock=self.clock, progress=lambda _: None)

    def crash(self, *, tried: bool) -> None:
        """Kill a worker that holds a claim, before or after it called the provider."""
        now = self.clock()
        with self.database.write() as session:
            claimed = claims.claim(session, self.isp_id, limit=2, now=now, lease_until=now + LEASE)
        if tried and claimed:
            with self.database.write() as session:
                begun = [claims.Begin(delivery_id=claimed[0][0], attempt=claimed[0][1])]
                claims.begin_attempts(session, begun, now=now, lease_until=now + LEASE)

    def days(self, days: int) -> None:
        """Let the daemon run for some days: in the morning, at noon and in the evening."""
        for _ in range(days):
            day = self.today + timedelta(days=1)
            for wall in (time(9, 3), time(13), time(20)):
                self.now = datetime.combine(day, wall, tzinfo=ZONE).astimezone(UTC)
                self.go_round()

    def noon(self) -> None:
        """Let the time come at which messages may go, without a daemon."""
        day = self.today + timedelta(days=self.now.astimezone(ZONE).time() >= time(12))
        self.now = datetime.combine(day, time(12), tzinfo=ZONE).astimezone(UTC)

    def go_round(self) -> None:
        """Do everything once."""
        self.look(due_only=True)
        self.plan()
        self.deliver()

    # -- what must hold -------------------------------------------------------------------------

    def check_message(self, letter: Letter, envelope: Envelope) -> Said:
        """Hold one message against the truth at the moment of sending."""
        with self.database.read() as session:
            delivery = session.scalars(
                select(Delivery).where(Delivery.message_id == envelope.message_id)
            ).one()
            alert = session.get_one(Alert, delivery.alert_id)
            row = session.get_one(Invoice, alert.invoice_id)
            account = session.get_one(Account, delivery.account_id)
        said = Said(
            self.now, envelope.message_id, envelope.destination, account.id, row.id,
            AlertKind(alert.kind), alert.step, alert.anchor_date,
        )  # fmt: skip
        truth = self.state.invoices[int(row.wispro_id[24:], 16)]
        self._check_person(account, row, truth, envelope)
        self._check_once(said)
        wall = self.now.astimezone(ZONE).time()
        assert time(9) <= wall < time(19), f"{said.kind} left at {wall}"
        if said.kind.shows_debt:
            self._check_debt(letter, truth)
        self._check_kind(letter, said, row, truth)
        return said

    def _check_person(
        self, account: Account, row: Invoice, truth: Truth, envelope: Envelope
    ) -> None:
        assert self.state.holder(truth).id == account.client_id, "another account's invoice"
        assert row.account_id == account.id
        assert account.paired, "not paired"
        assert envelope.destination in self.addresses[account.client_id], "an address of before"

    def _check_once(self, said: Said) -> None:
        for before in self.said:
            if before.message_id == said.message_id:
                continue
            if (before.invoice_id, before.kind, before.step, before.destination) != (
                said.invoice_id, said.kind, said.step, said.destination,
            ):  # fmt: skip
                continue
            assert before.anchor_date != said.anchor_date, f"{said.kind} {said.step} twice"
            dated = said.kind not in {AlertKind.CHANGED, AlertKind.PAID, AlertKind.VOIDED}
            assert (
                not dated
                or said.kind is AlertKind.CUTOFF_WARNING
                or (said.at - before.at >= _NO_REPEAT_FOR)
            ), f"{said.kind} {said.step} again within 72 h"

    def _check_debt(self, letter: Letter, truth: Truth) -> None:
        assert self.exists(truth), "an invoice that Wispro does not know"
        assert truth.state == "pending", f"asked to pay although {truth.state}"
        owed = -self.state.account(self.state.holder(truth))["balance_amount"]
        assert letter.covered_by_credit == (owed <= 0), f"the account owes {owed}"
        assert letter.amount_due == truth.balance
        if truth.balance == 0:  # pending all the same: what was paid exceeds the new amount
            assert (letter.kind, letter.pay_url) == (AlertKind.CHANGED, None)
        if letter.covered_by_credit:
            assert letter.kind in {AlertKind.ISSUED, AlertKind.CHANGED}
            assert letter.pay_url is None

    def _check_kind(self, letter: Letter, said: Said, row: Invoice, truth: Truth) -> None:
        wire = self.state.invoice_wire(truth)
        first, second = wire["first_due_date"], wire["second_due_date"]
        if said.kind.shows_debt:
            assert (letter.due_date and str(letter.due_date)) == first
        today = str(self.today)
        match said.kind:
            case AlertKind.ISSUED:
                client = self.state.holder(truth)
                assert row.wispro_id not in self.history[client.id], "announced from the baseline"
            case AlertKind.DUE_SOON:
                assert first is not None
                assert first > today
            case AlertKind.DUE_TODAY:
                assert first == today
            case AlertKind.SECOND_DUE_SOON:
                assert second is not None
                assert second > today
            case AlertKind.OVERDUE:
                assert first is not None
                assert first < today
                assert self.now - row.first_seen_at >= _OVERDUE_GAP
            case AlertKind.CHANGED:
                assert (letter.previous_due_date, letter.previous_amount) != (None, None)
                assert (
                    letter.previous_due_date is None or letter.previous_due_date != letter.due_date
                )
                assert letter.previous_amount != letter.amount_total
            case AlertKind.VOIDED:
                assert row.announced_at is not None

    def settle(self) -> None:
        """End the faults and let the daemon run for some days; then check what remains."""
        self.mend()
        self.messenger.fates.clear()
        for walls in ((time(9, 5), time(10, 30)), (time(9, 5), time(10, 30), time(18, 30))):
            day = self.today + timedelta(days=1)
            for wall in walls:
                moment = datetime.combine(day, wall, tzinfo=ZONE).astimezone(UTC)
                self.now = max(self.now, moment)
                self.go_round()
        self.check_copies()
        self.check_rows()
        self.check_nothing_lost()

    def check_copies(self) -> None:
        """Our copy of every paired customer's invoices is Wispro's."""
        with self.database.read() as session:
            for account in session.scalars(select(Account)).all():
                if not account.paired:
                    continue
                assert account.look_trouble is None, account.look_trouble
                client = self.state.client(account.client_id)
                rows = session.scalars(select(Invoice).where(Invoice.account_id == account.id))
                self._check_copy(client, {row.wispro_id: row for row in rows})

    def _check_copy(self, client: Client, rows: dict[str, Invoice]) -> None:
        sweep = client.name == "Sol"
        for truth in self.state.invoices:
            row = rows.get(truth.id)
            if self.state.holder(truth) is not client:
                assert row is None, "a copy of another account's invoice"
                continue
            if not self.exists(truth):
                assert row is None or row.vanished_at is not None or row.state != "pending"
                continue
            if row is None:
                assert sweep
                assert truth.state != "pending"
                continue
            if sweep and truth.state != "pending":
                assert row.state != "pending"
                continue
            wire = self.state.invoice_wire(truth)
            mine = (
                row.raw_state, row.amount, row.balance, row.number,
                row.first_due_date and str(row.first_due_date),
                row.second_due_date and str(row.second_due_date), row.vanished_at,
            )  # fmt: skip
            theirs = (
                truth.state, truth.amount, truth.balance, wire["invoice_number"],
                wire["first_due_date"], wire["second_due_date"], None,
            )  # fmt: skip
            assert mine == theirs

    def check_rows(self) -> None:
        """No delivery is stuck."""
        with self.database.read() as session:
            for row in session.scalars(select(Delivery)):
                assert row.state != "sending"
                if row.state == "planned":
                    assert row.not_before > self.now, row.reason
                    assert self.now - row.planned_at < timedelta(days=1), row.reason
                if row.state in {"skipped", "cancelled", "failed", "uncertain"}:
                    assert row.reason is not None
                assert (row.state == "planned") == (row.settled_at is None)

    def check_nothing_lost(self) -> None:
        """Whatever came due while somebody looked was alerted, or has a reason on record."""
        with self.database.read() as session:
            accounts = {a.id: a for a in session.scalars(select(Account))}
            rules = rules_of(next(iter(accounts.values())).isp) if accounts else None
            for row in session.scalars(select(Invoice)).all():
                account = accounts[row.account_id]
                if not account.paired or account.baseline_at is None:
                    continue
                facts = facts_of(row)
                if facts.payable <= 0 or row.vanished_at is not None:
                    continue
                assert rules is not None
                alerts = session.scalars(select(Alert).where(Alert.invoice_id == row.id)).all()
                if row.wispro_id not in self.history[account.client_id]:
                    assert alerts, "never announced"
                moved = session.scalars(
                    select(InvoiceChange.at)
                    .where(
                        InvoiceChange.invoice_id == row.id,
                        InvoiceChange.kind == ChangeKind.DUE_MOVED.value,
                    )
                    .order_by(InvoiceChange.at.desc())
                ).first()
                since = max(account.baseline_at, row.first_seen_at, moved or row.first_seen_at)
                known = {(a.kind, a.step, a.anchor_date) for a in alerts}
                for item in lay_steps(session, row, facts, rules):
                    if since + timedelta(minutes=1) < item.at <= self.now:
                        key = (item.step.kind.value, item.step.name, item.anchor_date)
                        assert key in known, f"{key} left no trace"
