"""One beat ticks at a time, by the database's clock; the others stand by and are seen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from models import beat_lease
from models.beat_lease import BeatLease
from models.clock import database_now
from models.database import Database
from worker.beat import ASK_EVERY, LEASE, Turn

LENGTH = timedelta(seconds=15)


def take(database: Database, token: str, *, host: str = "one") -> bool:
    """Ask for the lease as a process would."""
    with database.write() as session:
        return beat_lease.take(session, token=token, host=host, pid=7, length=LENGTH)


def shift(database: Database, **by: float) -> None:
    """Let time pass, or go back, for the lease."""
    with database.write() as session:
        held = beat_lease.read(session)
        assert held is not None
        session.execute(update(BeatLease).values(until=held.until - timedelta(**by)))


def test_the_first_ticks_and_the_second_stands_by(database: Database) -> None:
    """The lease is longer each time it is asked for, by its holder only; both can be seen."""
    assert take(database, "a", host="one")
    assert not take(database, "b", host="two")
    with database.read() as session:
        first = beat_lease.read(session)
    assert take(database, "a", host="one")
    with database.read() as session:
        again = beat_lease.read(session)
    assert first is not None
    assert again is not None
    assert (again.host, again.pid, again.since) == ("one", 7, first.since)
    assert again.seen_at > first.seen_at
    assert again.until > first.until
    assert (again.standby_host, again.standby_seen_at is not None) == ("two", True)


def test_a_lease_that_ran_out_goes_to_who_asks(database: Database) -> None:
    """The new holder's time begins; the old one, back again, stands by."""
    take(database, "a")
    shift(database, seconds=16)
    assert take(database, "b", host="two")
    assert not take(database, "a")
    with database.read() as session:
        held = beat_lease.read(session)
    assert held is not None
    assert held.host == "two"
    assert held.since == held.seen_at


def test_one_that_is_given_is_free_at_once(database: Database) -> None:
    """Who does not hold it gives nothing away."""
    take(database, "a")
    with database.write() as session:
        beat_lease.give(session, token="b")
    assert not take(database, "b")
    with database.write() as session:
        beat_lease.give(session, token="a")
    assert take(database, "b")


def test_a_lease_of_a_wrong_clock_keeps_nobody_out(database: Database) -> None:
    """The server's clock was a year ahead when it was taken, and was put right."""
    take(database, "a")
    shift(database, days=-365)
    assert take(database, "b")


def test_of_many_that_ask_at_once_one_ticks(database: Database) -> None:
    """Also the very first time, and when it has run out."""
    tokens = [str(number) for number in range(8)]
    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(lambda token: take(database, token), tokens)) == 1
        shift(database, seconds=16)


def test_the_clock_is_the_databases(database: Database) -> None:
    """It is aware, in UTC, and goes on within a transaction."""
    with database.write() as session:
        first = database_now(session)
        second = database_now(session)
    assert first.tzinfo is UTC
    assert first <= second
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.fixture
def turns(database_url: str) -> Iterator[tuple[Turn, Turn, list[float]]]:
    """Two beats on one database, and the clock that both read."""
    clock = [0.0]
    first, second = (Turn(Database(database_url), clock=lambda: clock[0]) for _ in range(2))
    yield first, second, clock
    first.give()
    second.give()


def test_a_turn_is_asked_for_now_and_then(
    turns: tuple[Turn, Turn, list[float]], database: Database
) -> None:
    """Between two askings the last answer holds; after a long sleep nothing is believed."""
    first, second, clock = turns
    assert first.is_ours()
    assert not second.is_ours()
    shift(database, seconds=16)
    clock[0] += ASK_EVERY / 2
    assert first.is_ours(), "asked too often"
    clock[0] += ASK_EVERY
    assert second.is_ours()
    assert not first.is_ours(), "it ticked although another one does"
    assert LEASE.total_seconds() >= 3 * ASK_EVERY


def test_without_a_database_nobody_ticks(database: Database) -> None:
    """Nothing could be done anyway; it goes on once the database is back."""
    clock = [0.0]
    engine = database.engine
    turn = Turn(database, clock=lambda: clock[0])
    BeatLease.__table__.drop(engine)  # type: ignore[attr-defined]
    assert not turn.is_ours()
    BeatLease.__table__.create(engine)  # type: ignore[attr-defined]
    clock[0] += ASK_EVERY
    assert turn.is_ours()
