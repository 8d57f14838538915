"""Who may send what."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from models import claims
from models.account import Account, Channel
from models.alert import Delivery
from models.database import Database
from models.isp import Isp
from models.leases import SyncLease
from tests.integration.models.rows import (
    NOW,
    add_account,
    add_channel,
    add_delivery,
    add_invoice,
    add_isp,
)

LEASE = timedelta(minutes=5)


@pytest.fixture
def isp_id(database):
    """Forty due deliveries of one ISP."""
    with database.write() as session:
        isp = add_isp(session)
        account = add_account(session, isp)
        channel, invoice = add_channel(session, account), add_invoice(session, account)
        for number in range(40):
            add_delivery(session, invoice, channel, step=f"{number}")
        return isp.id


def claim(database, isp_id, *, limit=10, now=NOW, account_id=None):
    with database.write() as session:
        return claims.claim(
            session,
            isp_id,
            limit=limit,
            now=now,
            lease_until=now + LEASE,
            account_id=account_id,
        )


def begin(database, delivery_id, attempt, *, now=NOW):
    """Journal an attempt; False = the claim was lost."""
    wanted = [claims.Begin(delivery_id=delivery_id, attempt=attempt)]
    with database.write() as session:
        return bool(claims.begin_attempts(session, wanted, now=now, lease_until=now + LEASE))


def state_of(database, delivery_id):
    with database.read() as session:
        row = session.get_one(Delivery, delivery_id)
        return row.state, row.reason


@pytest.mark.rule(number=1)
def test_many_workers_claim_each_delivery_once(database, database_url, isp_id):
    """Four connections at once: forty claims, forty different deliveries."""

    def work(_):
        mine = Database(database_url)
        try:
            found = []
            while batch := claim(mine, isp_id, limit=3):
                found += batch
            return found
        finally:
            mine.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = [item for found in pool.map(work, range(4)) for item in found]
    assert len(claimed) == len(set(claimed)) == 40


def test_a_claim_for_one_account_leaves_the_others_alone(database, isp_id):
    """What support sends by hand is one customer's."""
    with database.read() as session:
        somebody = session.scalars(select(Delivery.account_id)).first()
    assert claim(database, isp_id, account_id=somebody + 1) == []
    assert claim(database, isp_id, account_id=somebody) != []


def test_what_is_not_due_is_not_claimed(database, isp_id):
    """A second before its time it stays."""
    assert claim(database, isp_id, now=NOW - timedelta(seconds=1)) == []


def test_a_claim_that_expired_before_any_call_is_given_back(database, isp_id):
    """The worker died between claim and journal: nothing was sent, it may go again."""
    [(delivery_id, attempt)] = claim(database, isp_id, limit=1)
    later = NOW + LEASE
    with database.write() as session:
        assert claims.recover(session, now=later) == (1, 0)
    assert state_of(database, delivery_id) == ("planned", None)
    assert not begin(database, delivery_id, attempt, now=later)


def test_a_claim_that_expired_after_the_journal_is_uncertain(database, isp_id):
    """The provider may have it; nobody sends it again by itself."""
    [(delivery_id, attempt)] = claim(database, isp_id, limit=1)
    assert begin(database, delivery_id, attempt)
    with database.write() as session:
        assert claims.recover(session, now=NOW + LEASE) == (0, 1)
    assert state_of(database, delivery_id) == ("uncertain", "interrupted")


def call_off(database, isp_id):
    with database.write() as session:
        return claims.call_off(session, Delivery.isp_id == isp_id, reason="x", now=NOW)


def test_what_is_called_off_is_not_begun_any_more(database, isp_id):
    """Planned or claimed, it ends; whoever holds a claim finds it lost."""
    [(delivery_id, attempt)] = claim(database, isp_id, limit=1)
    assert len(call_off(database, isp_id)) == 40
    assert state_of(database, delivery_id) == ("cancelled", "x")
    assert not begin(database, delivery_id, attempt)
    assert call_off(database, isp_id) == []


def test_what_is_begun_is_not_called_off(database, isp_id):
    """It is on its way, and ends by its outcome; one that went before is no longer touched."""
    [(delivery_id, attempt)] = claim(database, isp_id, limit=1)
    assert begin(database, delivery_id, attempt)
    assert delivery_id not in call_off(database, isp_id)
    assert state_of(database, delivery_id) == ("sending", None)


def test_what_is_being_begun_at_this_instant_is_not_called_off(database, database_url, isp_id):
    """The one who calls off waits until the attempt is journaled, and then sees it."""
    [(delivery_id, attempt)] = claim(database, isp_id, limit=1)
    other = Database(database_url)
    wanted = [claims.Begin(delivery_id=delivery_id, attempt=attempt)]
    with ThreadPoolExecutor(1) as pool:
        with database.write() as session:
            claims.begin_attempts(session, wanted, now=NOW, lease_until=NOW + LEASE)
            found = pool.submit(call_off, other, isp_id)
            if session.get_bind().dialect.name == "postgresql":
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                while not session.scalar(text(waits)):
                    assert not found.done()
        assert delivery_id not in found.result()
    other.close()
    assert state_of(database, delivery_id) == ("sending", None)


def test_of_several_channels_the_first_in_order_comes_first(database, isp_id):
    """Whatever was written down first; the deliveries of one channel keep their own order."""
    with database.write() as session:
        account = session.scalars(select(Account)).one()
        invoice = add_invoice(session, account, wispro_id="i-2")
        last = add_channel(session, account, destination_digest="d-2", position=3)
        first = add_channel(session, account, destination_digest="d-3", position=2)
        session.scalars(select(Channel).order_by(Channel.id)).first().position = 1
        for number, channel in enumerate((last, first)):
            add_delivery(session, invoice, channel, step=f"x{number}")
        wanted = [first.id, last.id]
    claimed = claim(database, isp_id, limit=100)
    with database.read() as session:
        groups = claims.by_destination(session, claimed)
    assert [channel for _, channel in groups][1:] == wanted
    assert all(group == sorted(group) for group in groups.values())


def test_nothing_is_begun_under_a_claim_that_expired(database, isp_id):
    """Before anybody recovers it, too: the sweep may call it free at this very moment."""
    [(delivery_id, attempt)] = claim(database, isp_id, limit=1)
    late = NOW + LEASE
    assert not begin(database, delivery_id, attempt, now=late)


def test_a_lease_that_runs_is_left_alone(database, isp_id):
    """A second before its end the worker may still be at it."""
    claim(database, isp_id, limit=1)
    with database.write() as session:
        assert claims.recover(session, now=NOW + LEASE - timedelta(seconds=1)) == (0, 0)


def test_nobody_settles_under_a_claim_they_lost(database, isp_id):
    """A stalled worker that wakes up changes nothing: the attempt is the fencing token."""
    [(delivery_id, old)] = claim(database, isp_id, limit=1)
    with database.write() as session:
        claims.recover(session, now=NOW + LEASE)
    again = claim(database, isp_id, limit=40, now=NOW + LEASE)
    [(_, new)] = [item for item in again if item[0] == delivery_id]
    for attempt, state in ((old, "failed"), (new, "sent"), (old, "skipped")):
        ended = claims.Settled(delivery_id=delivery_id, attempt=attempt, state=state)
        with database.write() as session:
            claims.settle_all(session, [ended])
    assert state_of(database, delivery_id) == ("sent", None)


@pytest.mark.rule(number=1)
def test_a_delivery_exists_once_per_alert_and_channel(database, isp_id):
    """Sameness is a constraint."""
    with database.write() as session:
        first = session.scalars(select(Delivery)).first()
        session.add(
            Delivery(
                isp_id=isp_id,
                account_id=first.account_id,
                alert_id=first.alert_id,
                channel_id=first.channel_id,
                state="planned",
                message_id="m",
                planned_at=NOW,
                not_before=NOW,
                created_at=NOW,
            )
        )
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()


def test_one_sync_of_an_isp_at_a_time(database, isp_id):
    """The second waits, and a holder that slept too long notices."""
    first, second = (SyncLease(database, isp_id, LEASE) for _ in range(2))
    assert first.take(now=NOW)
    assert not second.take(now=NOW + LEASE - timedelta(seconds=1))
    assert second.take(now=NOW + LEASE)
    assert not first.renew(now=NOW + LEASE)
    first.give()
    assert second.renew(now=NOW + LEASE)


def test_whatever_is_due_to_one_account_is_claimed_together(database, isp_id):
    """A batch that ends in the middle of a channel takes the rest along, and no other channel's."""
    with database.write() as session:
        isp = session.get_one(Isp, isp_id)
        eva = add_account(session, isp, client_id="c-2")
        channel = add_channel(session, eva, destination_digest="d-2")
        phone = add_channel(session, eva, destination_digest="d-3")
        invoice = add_invoice(session, eva, wispro_id="i-2")
        hers = {add_delivery(session, invoice, channel, step=f"{number}").id for number in range(3)}
        other = add_delivery(session, invoice, phone, step="9", route="telegram").id
    with database.write() as session:
        until = NOW + LEASE
        first = claims.claim(
            session, isp_id, limit=1, now=NOW, lease_until=until, account_id=eva.id
        )
        mates = claims.claim_mates(session, first, limit=50, now=NOW, lease_until=until)
        groups = claims.by_destination(session, [*first, *mates])

    assert {one for one, _ in [*first, *mates]} == hers | {other}
    assert [{one for one, _ in group} for group in groups.values()] == [hers, {other}]
