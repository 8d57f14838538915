"""Write what is owed, once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace as facts_with
from sqlalchemy import select

from billing.apply import apply_single
from billing.calendar import Calendar, ContactHours, preset
from billing.due_steps import take_due_steps
from billing.facts import facts_of
from billing.owing import DEMANDS, Rules, end_planned, revive
from billing.policy import DEFAULT_POLICY
from billing.values import InvoiceState, Reason
from models.account import Channel
from models.alert import Alert, Delivery
from models.invoice import Invoice
from tests.integration.models.rows import add_account, add_channel, add_invoice, add_isp

RULES = Rules(DEFAULT_POLICY, Calendar.of("America/Argentina/Cordoba", "09:00-19:00"))
#: The invoice of the rows is due on 20 March 2026; this is noon of the day before, in Córdoba.
THE_DAY_BEFORE = datetime(2026, 3, 19, 15, 0, tzinfo=UTC)


@pytest.fixture
def invoice_id(database):
    """One open invoice of an account with two channels, last decided on long ago."""
    with database.write() as session:
        account = add_account(session, add_isp(session))
        add_channel(session, account)
        add_channel(session, account, destination_digest="d-2", label="telegram …345")
        long_ago = datetime(2026, 3, 1, tzinfo=UTC)
        return add_invoice(session, account, first_seen_at=long_ago, steps_until=long_ago).id


def take(database, invoice_id, now, *, again=False, rules=RULES):
    with database.write() as session:
        invoice = session.get_one(Invoice, invoice_id)
        if again:
            invoice.steps_until = None
        return take_due_steps(session, invoice, rules, now=now)


def deliveries(database):
    with database.read() as session:
        query = (
            select(Alert.kind, Alert.step, Delivery.state, Delivery.reason)
            .join(Alert, Alert.id == Delivery.alert_id)
            .order_by(Delivery.id)
        )
        return [tuple(row) for row in session.execute(query)]


def test_a_step_is_one_alert_and_a_delivery_for_each_channel(database, invoice_id):
    """The step it overtook is on record too, as missed."""
    tally = take(database, invoice_id, THE_DAY_BEFORE)
    assert (tally.alerts, tally.deliveries) == (1, 2)
    assert deliveries(database) == [
        ("due_soon", "-5d", "skipped", "missed"),
        ("due_soon", "-5d", "skipped", "missed"),
        ("due_soon", "-1d", "planned", None),
        ("due_soon", "-1d", "planned", None),
    ]


def test_planning_a_thousand_times_is_planning_once(database, invoice_id):
    """Even if the memory of what was decided is lost, the key holds, and nothing is superseded."""
    take(database, invoice_id, THE_DAY_BEFORE)
    before = deliveries(database)
    for _ in range(10):
        assert not take(database, invoice_id, THE_DAY_BEFORE, again=True)
    assert deliveries(database) == before


def test_a_later_step_takes_the_place_of_one_that_did_not_leave(database, invoice_id):
    """The reminder of the day supersedes the one of the day before."""
    take(database, invoice_id, THE_DAY_BEFORE)
    take(database, invoice_id, THE_DAY_BEFORE + timedelta(days=1))
    assert deliveries(database)[2:] == [
        ("due_soon", "-1d", "skipped", "superseded"),
        ("due_soon", "-1d", "skipped", "superseded"),
        ("due_today", "0d", "planned", None),
        ("due_today", "0d", "planned", None),
    ]


def test_the_row_knows_when_to_be_asked_again(database, invoice_id):
    """At the opening of the next step's day; after the last step, never."""
    take(database, invoice_id, THE_DAY_BEFORE)
    with database.read() as session:
        plan_at = session.get_one(Invoice, invoice_id).plan_at
    assert plan_at == datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
    take(database, invoice_id, THE_DAY_BEFORE + timedelta(days=60))
    with database.read() as session:
        assert session.get_one(Invoice, invoice_id).plan_at is None


def test_a_disabled_channel_is_owed_nothing(database, invoice_id):
    """No delivery is planned that could only be cancelled."""
    with database.write() as session:
        session.scalars(
            select(Channel).where(Channel.label.like("telegram%"))
        ).one().disabled_at = THE_DAY_BEFORE
    assert take(database, invoice_id, THE_DAY_BEFORE).deliveries == 1


def test_what_a_look_by_hand_finds_leaves_no_earlier_than_the_daemon_s_own(database, invoice_id):
    """`earliest` keeps it; without it the window is open and it would go at once."""
    patient = replace(RULES, earliest=THE_DAY_BEFORE + timedelta(minutes=30))
    with database.write() as session:
        take_due_steps(session, session.get_one(Invoice, invoice_id), patient, now=THE_DAY_BEFORE)
    with database.read() as session:
        found = session.scalars(
            select(Delivery.not_before).where(Delivery.state == "planned")
        ).all()
    assert set(found) == {THE_DAY_BEFORE + timedelta(minutes=30)}


def test_an_older_answer_never_overwrites_a_younger_one(database, invoice_id):
    """Two looks overlap: the one that asked first must not have the last word."""
    with database.write() as session:
        row = session.get_one(Invoice, invoice_id)
        asked = row.confirmed_at - timedelta(seconds=1)
        paid = facts_with(
            facts_of(row), state=InvoiceState.PAID, raw_state="paid", balance=Decimal(0)
        )
        assert (
            apply_single(session, row, paid, RULES, asked_at=asked, now=THE_DAY_BEFORE).changed == 0
        )
        assert row.state == "pending"
    assert deliveries(database) == []


def test_what_is_revived_after_its_time_stays_ended(database, invoice_id):
    """A reminder for yesterday is not planned again today."""
    take(database, invoice_id, THE_DAY_BEFORE)
    with database.write() as session:
        end_planned(session, invoice_id, DEMANDS, Reason.NOT_OWED, now=THE_DAY_BEFORE)
        invoice = session.get_one(Invoice, invoice_id)
        revive(session, invoice, RULES, now=THE_DAY_BEFORE + timedelta(days=1))
    assert {row[2] for row in deliveries(database)} == {"skipped", "cancelled"}
    with database.write() as session:
        invoice = session.get_one(Invoice, invoice_id)
        revive(session, invoice, RULES, now=THE_DAY_BEFORE + timedelta(hours=1))
    assert [row[2] for row in deliveries(database)[2:]] == ["planned", "planned"]


LAW = replace(RULES, calendar=Calendar.of("America/Argentina/Cordoba", preset("AR").hours))


def test_a_reminder_that_the_night_leaves_no_time_is_skipped_for_the_hours(database, invoice_id):
    """Found at 20:00 of the day before: the window opens when the reminder is worthless."""
    evening = THE_DAY_BEFORE + timedelta(hours=8)
    assert not take(database, invoice_id, evening)
    assert set(deliveries(database)[2:]) == {("due_soon", "-1d", "skipped", "quiet_hours")}


def test_a_step_without_a_slot_is_on_record_with_its_reason(database):
    """Due on Tuesday 24 March 2026, a holiday after a bridge day: Saturday's word stands alone."""
    with database.write() as session:
        account = add_account(session, add_isp(session))
        add_channel(session, account)
        seen = datetime(2026, 3, 16, tzinfo=UTC)
        invoice_id = add_invoice(
            session,
            account,
            first_seen_at=seen,
            steps_until=seen,
            first_due_date=date(2026, 3, 24),
            second_due_date=None,
        ).id
    for day in (19, 21, 22, 23, 24, 25):
        take(database, invoice_id, datetime(2026, 3, day, 15, 0, tzinfo=UTC), rules=LAW)
    assert deliveries(database) == [
        ("due_soon", "-5d", "skipped", "superseded"),
        ("due_soon", "-1d", "planned", None),
        ("due_today", "0d", "skipped", "holiday"),
    ]


def test_a_step_that_nobody_can_be_reached_for_never_waits(database, invoice_id):
    """The customer's hours and the ISP's exclude each other."""
    never = replace(RULES, calendar=RULES.calendar.within(ContactHours.parse("20:00-22:00")))
    assert not take(database, invoice_id, THE_DAY_BEFORE, rules=never)
    assert {line[2:] for line in deliveries(database)} == {("skipped", "quiet_hours")}
