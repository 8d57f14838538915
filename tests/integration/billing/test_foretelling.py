"""What `explain` foretells is what happens: when each alert goes, and why the others do not.

`FORETOLD=500 pytest tests/integration/billing/test_foretelling.py` tries more, at random.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from billing.calendar import Caps, preset
from billing.delivery.delivering import Delivering
from billing.explain import explain
from billing.explained import Absence, Entry, Explanation, Standing
from billing.held import HoldKind
from billing.holds import Holds
from billing.letter import Attachment, Envelope, Fate, Letter, Message, Outcome
from billing.naming import AccountFinder
from billing.policy import DEFAULT_POLICY, Policy
from billing.values import DeliveryState, Medium
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from tests.support import history
from tests.support.provider import SLUG, VAULT, ZONE
from tests.support.silent import Silent
from wispro.login import login_token

MORE = int(os.environ.get("FORETOLD", "0"))
#: The stand-in's clock goes on by a second with each question, a look or two before each send.
NEARLY = timedelta(minutes=2)
POLICIES = (
    DEFAULT_POLICY,
    replace(DEFAULT_POLICY, digest_from=0, caps=Caps(per_day=1)),
    replace(DEFAULT_POLICY, caps=Caps(per_week=2, gap_days=2)),
    replace(DEFAULT_POLICY, preset=preset("CO"), digest_from=3),
    replace(DEFAULT_POLICY, caps=Caps(channels_per_week=1)),
)
HOURS = ("09:00-19:00", "mon-fri 09:00-13:00 and 15:00-19:00, no holidays AR", "sat 10:00-12:00")


class Quiet(Silent):
    """Delivers everything, and does not look at it."""

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Write next to nothing."""
        return Message(medium=medium, locale=locale, subject=letter.kind.value, text="")

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Deliver."""
        return Outcome(fate=Fate.DELIVERED)


class Town(history.Town):
    """A small town whose messages nobody reads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, [0, 1])
        self.delivering = Delivering(
            self.database, VAULT, self.door, Quiet(), max_pdf_bytes=1_000_000
        )
        self.holds = Holds(self.database, AccountFinder(VAULT, login_token))

    def hold(self, who: int, days: int, kind: HoldKind, *, one: bool) -> None:
        """Hold a customer back, or one of their invoices."""
        client = self.clients[who % len(self.clients)]
        with self.database.read() as session:
            numbers = session.scalars(
                select(Invoice.number)
                .join(Invoice.account)
                .where(Account.client_id == client.id, Invoice.number.is_not(None))
            ).all()
            known = session.scalars(select(Account).where(Account.client_id == client.id)).first()
        if known is None or (one and not numbers):
            return
        self.holds.put(
            SLUG, client.id, kind=kind, until=self.today + timedelta(days=days), reason="x",
            author="y", now=self.clock(), invoice=numbers[-1] if one else None,
        )  # fmt: skip

    def wish(self, who: int, off: list[str], hours: str | None) -> None:
        """Let a customer refuse some steps, or name hours."""
        client = self.clients[who % len(self.clients)]
        with self.database.write() as session:
            session.execute(
                update(Account)
                .where(Account.client_id == client.id)
                .values(steps_off=off, contact_hours=hours)
            )

    def refuse(self, who: int) -> None:
        """Let a provider refuse a customer's first channel for good."""
        client = self.clients[who % len(self.clients)]
        with self.database.write() as session:
            first = (
                select(Channel.id)
                .join(Channel.account)
                .where(Account.client_id == client.id)
                .limit(1)
            )
            session.execute(
                update(Channel)
                .where(Channel.id.in_(first))
                .values(disabled_at=self.now, disabled_reason="no such user")
            )

    def set_hours(self, hours: str) -> None:
        """Give the ISP other contact hours."""
        with self.database.write() as session:
            session.execute(update(Isp).values(contact_hours=hours))

    def quietly(self) -> None:
        """Plan and send, without a look at Wispro: nothing changes there any more."""
        self.plan()
        self.deliver()


def _event(name: str, *args: Any, **kwargs: Any) -> st.SearchStrategy[tuple[str, Any, Any]]:
    return st.tuples(st.just(name), st.tuples(*args), st.fixed_dictionaries(kwargs))


WHO = st.integers(0, 1)
#: Two invoices of one day and several of one customer: what collapses, is capped or goes together.
BILL = _event(
    "bill",
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([5, 6, 6, 7, 1, 2, 0, 3, 10, -4, -20, None]),
    st.sampled_from([10, None, 3, -2]),
    st.sampled_from(["pending", "pending", "pending", "draft"]),
    numbered=st.just(True),
)
HOLD = _event(
    "hold",
    st.sampled_from([0, 0, 0, 1]),
    st.integers(0, 20),
    st.sampled_from(list(HoldKind)),
    one=st.booleans(),
)
WISH = _event(
    "wish",
    WHO,
    st.lists(st.sampled_from(["due_soon -5d", "overdue", "due_today", "issued"]), max_size=2),
    st.sampled_from([None, "10:30-12:00", "07:00-08:00"]),
)
EVENTS = st.one_of(
    BILL,
    *[_event("days", st.sampled_from([1, 1, 2, 4]))] * 3,
    _event("wait", st.sampled_from([31, 300, 720, 1440, 4300, 12000])),
    _event("go_round"),
    _event("go_round"),
    _event("look", due_only=st.just(False)),
    _event("plan"),
    _event("crash", tried=st.booleans()),
    _event("pay", st.integers(0, 3), st.sampled_from([None, 1000])),
    _event("void", st.integers(0, 3)),
    _event("move", st.integers(0, 3), st.sampled_from([-5, 0, 2, 9]), st.sampled_from([None, 3])),
    _event("contract", WHO, st.sampled_from(["alerted", "enabled", "disabled"])),
    _event("unpair", WHO),
    _event("refuse", WHO),
    HOLD,
    WISH,
)  # fmt: skip
#: Some invoices, what happens to them, and a word of somebody at the end.
HISTORY = st.tuples(
    st.lists(BILL, min_size=2, max_size=4),
    st.lists(EVENTS, min_size=1, max_size=6),
    st.lists(st.one_of(HOLD, HOLD, WISH), min_size=1, max_size=2),
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


@pytest.fixture(scope="module")
def small_database(shared_url: str) -> Iterator[Database]:
    """Give the histories one SQLite file."""
    opened = Database(shared_url)
    yield opened
    opened.close()


def explained(town: Town) -> list[Explanation]:
    """Explain every account, with every invoice it has something to say about."""
    with town.database.read() as session:
        accounts = session.scalars(select(Account).order_by(Account.id)).all()
        return [explain(session, account, now=town.now) for account in accounts]


def go_on(town: Town, found: Sequence[Explanation]) -> None:
    """Let the daemon run through every instant that was named, and thrice a day besides."""
    every = [entry for one in found for story in one.invoices for entry in story.entries]
    named = {at for entry in every for at in (entry.when, entry.due_at) if at and at > town.now}
    last = max(named, default=town.now) + timedelta(days=1)
    day = town.today
    while (noon := datetime.combine(day, time(12), tzinfo=ZONE)) <= last:
        named |= {noon.replace(hour=hour).astimezone(UTC) for hour in (8, 13, 20)}
        day += timedelta(days=1)
    town.quietly()
    for at in sorted(named):
        if at > town.now:
            town.now = at
            town.quietly()


def outcomes(town: Town, account: str) -> dict[tuple[Any, ...], tuple[str, str | None, Any]]:
    """Return what became of each delivery of an account: state, reason, when."""
    with town.database.read() as session:
        rows = session.execute(
            select(Alert, Delivery, Channel.label, Invoice.wispro_id)
            .join(Delivery, Delivery.alert_id == Alert.id)
            .join(Channel, Channel.id == Delivery.channel_id)
            .join(Account, Account.id == Alert.account_id)
            .join(Invoice, Invoice.id == Alert.invoice_id)
            .where(Account.client_id == account)
        ).all()
    return {
        (invoice, alert.kind, alert.step, alert.anchor_date, label): (
            row.state, row.reason, row.sent_at,
        )
        for alert, row, label, invoice in rows
    }  # fmt: skip


def hold_against(entry: Entry, happened: tuple[str, str | None, Any] | None) -> None:
    """Hold one thing that was said against what happened."""
    if happened is None:  # never planned: nobody may have been told that it would go
        assert entry.state in {Standing.WILL_NOT, Standing.MISSED}, entry
        return
    state, reason, sent_at = happened
    if entry.state in {Standing.WILL_GO, Standing.WAITS} and entry.when is not None:
        assert state == DeliveryState.SENT.value, (entry, happened)
        assert entry.when <= sent_at <= entry.when + NEARLY, (entry, happened)
        return
    if entry.state in {Standing.WILL_NOT, Standing.MISSED}:
        assert (state != DeliveryState.SENT.value, reason) == (True, entry.why), (entry, happened)
        return
    assert state == entry.state, (entry, happened)


@given(
    policy=st.sampled_from(POLICIES),
    hours=st.sampled_from(HOURS),
    channels=st.integers(1, 2),
    events=HISTORY,
)
@settings(
    max_examples=MORE or 20,
    deadline=None,
    derandomize=not MORE,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
def test_what_is_foretold_happens(
    small_database: Database, policy: Policy, hours: str, channels: int, events: list[Any]
) -> None:
    """After any small history, what was said to go goes then, and nothing else ever does."""
    with mock.patch("billing.terms.DEFAULT_POLICY", policy):
        town = Town(small_database)
        try:
            town.set_hours(hours)
            for who in (0, 1):
                town.pair(who, second=channels == 2)
            town.go_round()
            for name, args, kwargs in events:
                getattr(town, name)(*args, **kwargs)
            town.look(due_only=False)  # Wispro says nothing new from here on
            found = explained(town)
            go_on(town, found)
            for one in found:
                happened = outcomes(town, one.account.client_id)
                told = set()
                for story in one.invoices:
                    for entry in story.entries:
                        if entry.channel is None and entry.why is not Absence.NO_CHANNEL:
                            continue
                        key = (
                            story.invoice_id, entry.kind.value, entry.step, entry.anchor_date,
                            entry.channel,
                        )  # fmt: skip
                        told.add(key)
                        hold_against(entry, happened.get(key))
                shown = {story.invoice_id for story in one.invoices}
                assert {key for key in happened if key[0] in shown} <= told
        finally:
            town.close()
