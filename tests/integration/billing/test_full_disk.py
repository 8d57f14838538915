"""A disk that fills while alerts go out: what cannot be written down is not sent."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import SQLAlchemyError

from models.alert import Attempt, Delivery
from tests.support.marks import on_sqlite
from tests.support.town import Town

#: Customers who are owed something, each of them one e-mail.
OWED = 30


@pytest.fixture
def owed(town: Town) -> Town:
    """Let thirty customers have a new invoice that nobody told them about."""
    people = [town.customer(f"Vecino{n} Prueba", email=f"v{n}@x.example") for n in range(OWED)]
    town.settled(*people)
    for one in people:
        town.bill(one)
    town.sync()
    assert len(town.lines("planned")) == OWED
    return town


@contextmanager
def disk_with(town: Town, pages: int) -> Iterator[None]:
    """Let the database grow by so many pages only, as on a disk that is nearly full."""
    engine = town.house.database.engine
    engine.dispose()
    with sqlite3.connect(str(engine.url.database)) as plain:
        plain.execute("VACUUM")  # or it would first use what it has in stock
        size = plain.execute("PRAGMA page_count").fetchone()[0]

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {size + pages}")

    event.listen(engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


@contextmanager
def commits_fail(town: Town) -> Iterator[None]:
    """Let PostgreSQL say at the commit of each attempt that its disk is full (SQLSTATE 53100)."""
    on = (
        """
        CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
        END $$
        """,
        """
        CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON attempt
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION disk_is_full()
        """,
    )
    with town.house.database.write() as session:
        for statement in on:
            session.execute(text(statement))
    try:
        yield
    finally:
        with town.house.database.write() as session:
            session.execute(text("DROP TRIGGER full_disk ON attempt"))
            session.execute(text("DROP FUNCTION disk_is_full"))


def message_ids_with_attempt(town: Town) -> set[str]:
    """Return the messages for which an attempt is written down."""
    with town.house.database.read() as session:
        known = select(Delivery.message_id).join(Attempt, Attempt.delivery_id == Delivery.id)
        return {one.partition("@")[0] for one in session.scalars(known)}


def arrived(town: Town) -> Counter[str]:
    """Return the messages that arrived, each with how often it did."""
    return Counter(letter.message_id.strip("<>").partition("@")[0] for letter in town.letters)


def goes_on(town: Town) -> None:
    """Let time pass with room on the disk, as often as an e-mail may be tried again."""
    for _ in range(4):
        town.wait(minutes=31)
        town.deliver()


@on_sqlite
@pytest.mark.parametrize("pages", [0, 1, 2, 16])
def test_a_file_that_cannot_grow_any_more(owed: Town, pages: int) -> None:
    """However little room is left: every e-mail that left has its attempt, and none is lost."""
    with disk_with(owed, pages):
        full = 0
        for _ in range(4):
            try:
                owed.house.delivering.run_all(clock=owed.clock, progress=lambda _: None)
            except SQLAlchemyError as error:
                full += "full" in str(error)
        assert full or pages > 1
        assert set(arrived(owed)) <= message_ids_with_attempt(owed)
    goes_on(owed)

    assert len({letter.recipient for letter in owed.letters}) == OWED
    assert not owed.lines("planned")
    assert not owed.lines("sending")
    # Twice, under its one Message-ID, only what left and could not be recorded: a batch at most.
    copies = arrived(owed)
    assert len(copies) == OWED
    assert set(copies.values()) <= {1, 2}


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_commit_that_finds_the_disk_full(owed: Town) -> None:
    """The attempt is not committed, so nobody is written to; afterwards everybody is, once."""
    with commits_fail(owed):
        for _ in range(3):
            with pytest.raises(SQLAlchemyError, match="No space left"):
                owed.deliver()
            owed.wait(seconds=30)
        assert owed.letters == []
        assert not message_ids_with_attempt(owed)
        assert not owed.lines("sending"), "what was claimed was not given back"
    owed.now += timedelta(minutes=7)
    owed.deliver()
    assert sorted(owed.kinds()) == ["issued"] * OWED
    assert {(line.state, line.attempts) for line in owed.lines()} <= {
        ("sent", number) for number in range(1, 6)
    }
