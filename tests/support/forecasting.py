"""A few accounts whose days are lived by the true planner and sender, and foretold beside that.

Rows are real (SQLite); Wispro answers from them, and the messenger only counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from billing import simulating, terms
from billing.delivery.delivering import Delivering
from billing.facts import facts_of
from billing.letter import Attachment, Envelope, Fate, Letter, Message, Outcome
from billing.planning import Planning
from billing.policy import Policy
from billing.simulating import simulate
from billing.simulation.forecast import Forecast
from billing.values import Balance, DeliveryState, InvoiceFacts, Medium
from models.account import Account
from models.alert import Alert, Delivery
from models.base import Base
from models.database import Database
from models.hold import Hold
from models.invoice import Invoice
from models.isp import Isp
from tests.integration.models import rows
from tests.support.provider import BEGINNING, VAULT, ZONE
from tests.support.silent import Silent

SLUG = "interatos"
MEDIA = {"email": "email", "telegram": "chat", "ntfy": "push", "twilio": "sms"}


@dataclass(frozen=True)
class Bill:
    """One open invoice; days count from the beginning."""

    due_in: int | None
    second_in: int | None = None
    seen: int = -10
    amount: int = 2590
    baseline: bool = False


@dataclass(frozen=True)
class Person:
    """One account."""

    bills: tuple[Bill, ...]
    channels: tuple[str, ...] = ("email",)
    hours: str | None = None
    steps_off: tuple[str, ...] = ()
    hold: tuple[str, int] | None = None
    invoice_hold: tuple[str, int] | None = None


@dataclass
class Lived:
    """What came of it, by local date: messages, and deliveries that never went."""

    sent: Counter[tuple[date, str, str]] = field(default_factory=Counter)
    skipped: Counter[tuple[date, str, str]] = field(default_factory=Counter)


class _Wispro:
    """Answers from our own rows: nobody pays, nothing moves."""

    requests = 0

    def __init__(self, database: Database) -> None:
        self._database = database

    def invoice(self, wispro_id: str) -> InvoiceFacts:
        """Return one invoice."""
        with self._database.read() as session:
            row = session.scalars(select(Invoice).where(Invoice.wispro_id == wispro_id)).one()
            return facts_of(row)

    def balance(self, client_id: str) -> Balance:
        """Return what the open invoices say."""
        with self._database.read() as session:
            owed = session.scalars(
                select(func.sum(Invoice.balance))
                .join(Account, Account.id == Invoice.account_id)
                .where(Account.client_id == client_id, Invoice.state == "pending")
            ).one()
        return Balance(balance_amount=-Decimal(owed or 0))


class _Messenger(Silent):
    """Counts messages by local date."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self._kind = ""

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Remember the kind."""
        self._kind = letter.kind.value
        return Message(medium=medium, locale=locale, subject=self._kind, text="")

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Count."""
        day = self._street.now.astimezone(ZONE).date()
        self._street.lived.sent[(day, envelope.scheme, self._kind)] += 1
        return Outcome(fate=Fate.DELIVERED, detail="")


class Street:
    """Some accounts under one policy.

    Args:
        database: with our tables; whatever rows it has are removed.
        patch: puts the policy in force.
        policy: of the ISP.
        people: who lives there.
        now: the beginning, on the hour.
    """

    def __init__(
        self,
        database: Database,
        patch: pytest.MonkeyPatch,
        policy: Policy,
        people: Sequence[Person],
        *,
        hours: str = "09:00-19:00",
        now: datetime = BEGINNING,
    ) -> None:
        self.database = database
        self.now = now
        self.lived = Lived()
        self._patch = patch
        self._govern(policy)
        with database.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))
            isp = rows.add_isp(session, contact_hours=hours, token_sealed=VAULT.seal("t" * 20))
            for place, person in enumerate(people):
                self._move_in(session, isp, place, person)
        self._planning = Planning(database)
        self._delivering = Delivering(
            database,
            VAULT,
            lambda _: _Wispro(database),  # type: ignore[arg-type,return-value]
            _Messenger(self),
            max_pdf_bytes=1,
        )

    def _govern(self, policy: Policy) -> None:
        for module in (terms, simulating):
            self._patch.setattr(module, "policy_of", lambda _isp: policy)

    def put_in_force(self, policy: Policy) -> None:
        """Change the policy: every open invoice is decided anew."""
        self._govern(policy)
        with self.database.write() as session:
            session.execute(update(Invoice).values(plan_at=self.now))

    def _move_in(self, session: Any, isp: Isp, place: int, person: Person) -> None:
        account = rows.add_account(
            session, isp, client_id=f"c-{place}", contact_hours=person.hours,
            steps_off=list(person.steps_off),
        )  # fmt: skip
        for number, scheme in enumerate(person.channels):
            rows.add_channel(
                session, account, scheme=scheme, medium=MEDIA[scheme], needs_transport=False,
                destination_sealed=VAULT.seal("somewhere"),
                destination_digest=f"d-{place}-{number}",
            )  # fmt: skip
        today = self.now.astimezone(ZONE).date()
        for number, bill in enumerate(person.bills):
            due = None if bill.due_in is None else today + timedelta(days=bill.due_in)
            second = due and bill.second_in and due + timedelta(days=bill.second_in)
            seen = self.now + timedelta(days=bill.seen)
            invoice = rows.add_invoice(
                session, account, wispro_id=f"i-{place}-{number}",
                issued_date=today + timedelta(days=bill.seen), first_due_date=due,
                second_due_date=second or None, first_seen_at=seen, baseline=bill.baseline,
                amount=Decimal(bill.amount), balance=Decimal(bill.amount), was_pending=True,
                steps_until=seen, plan_at=seen, confirmed_at=seen,
            )  # fmt: skip
            if person.invoice_hold and number == 0:
                self._hold(session, account, invoice.id, person.invoice_hold)
        if person.hold:
            self._hold(session, account, None, person.hold)

    def _hold(
        self, session: Any, account: Account, invoice_id: int | None, how: tuple[str, int]
    ) -> None:
        until = self.now.astimezone(ZONE).date() + timedelta(days=how[1])
        session.add(
            Hold(
                isp_id=account.isp_id,
                account_id=account.id,
                invoice_id=invoice_id,
                kind=how[0],
                reason="dispute",
                author="eva",
                created_at=self.now,
                until=until,
            )
        )

    def live(self, days: int) -> Lived:
        """Let the daemon run on every hour until so many dates are over; return what came of it."""
        began = self.now
        end = datetime.combine(
            began.astimezone(ZONE).date() + timedelta(days=days), datetime.min.time(), tzinfo=ZONE
        )
        while self.now < end:
            self._planning.tick(now=self.now)
            self._delivering.run_all(clock=lambda: self.now, progress=lambda _: None)
            self.now += timedelta(hours=1)
        self.lived.skipped = self._skipped(began)
        return self.lived

    def _skipped(self, since: datetime) -> Counter[tuple[date, str, str]]:
        query = (
            select(Alert.kind, Delivery.reason, Delivery.settled_at)
            .join(Alert, Alert.id == Delivery.alert_id)
            .where(
                Delivery.state.in_([DeliveryState.SKIPPED.value, DeliveryState.CANCELLED.value]),
                Delivery.settled_at >= since,
            )
        )
        with self.database.read() as session:
            return Counter(
                (at.astimezone(ZONE).date(), kind, reason)
                for kind, reason, at in session.execute(query)
                if at is not None and reason is not None
            )

    def foretell(self, days: int, policy: Policy | None = None) -> Forecast:
        """Simulate so many dates from the present on."""
        return simulate(self.database, SLUG, [policy], now=self.now, days=days)[0]


def told(forecast: Forecast) -> dict[date, tuple[dict[str, int], dict[str, int], dict[str, int]]]:
    """Return what a forecast says of each day on which anything happens."""
    return {
        day.date: (dict(day.channels), dict(day.kinds), dict(day.skipped))
        for day in forecast.days
        if day.messages or day.skipped
    }


def happened(
    lived: Lived,
) -> dict[date, tuple[dict[str, int], dict[str, int], dict[str, int]]]:
    """Return the same of what came true."""
    found: dict[date, tuple[Counter[str], Counter[str], Counter[str]]] = {}
    for (day, scheme, kind), number in lived.sent.items():
        of_day = found.setdefault(day, (Counter(), Counter(), Counter()))
        of_day[0][scheme] += number
        of_day[1][kind] += number
    for (day, _kind, reason), number in lived.skipped.items():
        found.setdefault(day, (Counter(), Counter(), Counter()))[2][reason] += number
    return {day: (dict(one), dict(two), dict(three)) for day, (one, two, three) in found.items()}
