"""Two who watch, call and sum up at once do it once; what is due is found from rows, cheaply."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from billing.isps import IspSetup, Tuning
from billing.watch.closings import closings
from billing.watch.heartbeats import Heartbeats
from billing.watch.mornings import Mornings
from billing.watch.ticks import GAP, SPARE, Ticks, Work, ticking
from billing.watch.watching import Watching
from models import day, lateness
from models.database import Database
from models.isp import Isp
from models.operator import OperatorNotice
from models.vigil import Heartbeat, Vigil
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, Town
from tests.support.watcher import UUID, Watcher
from tests.unit.notifications.servers import free_port

FOUR = 4


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    """Run somebody outside who expects to be called."""
    with Watcher() as running:
        yield running


@pytest.fixture
def told(town: Town) -> Town:
    """Give the ISP a customer who was told something, and an operator; the daemon has been up."""
    ana = town.customer()
    town.settled(ana)
    town.house.operators.add(SLUG, "noc@interatos.example", now=town.now)
    town.bill(ana)
    town.go_round()
    town.house.ticks.note(Work.WATCH, now=town.now)
    return town


def notices(town: Town, kind: str) -> int:
    """Count the notices of a kind."""
    with town.house.database.read() as session:
        query = select(func.count()).select_from(OperatorNotice)
        return session.scalar(query.where(OperatorNotice.kind == kind)) or 0


def keep_watching(town: Town, *, hours: float) -> None:
    """Let time pass with somebody watching, and nobody looking or sending."""
    ends = town.now + timedelta(hours=hours)
    while town.now < ends:
        town.now = min(town.now + GAP, ends)
        town.house.watching.run(now=town.now)


def test_four_watch_at_once_and_each_silence_is_written_once(told: Town, database_url: str) -> None:
    """By constraint for looks, under a lock for sends."""
    told.house.isps.tune(SLUG, Tuning(no_look_hours=2, no_send_hours=2))
    town = told
    town.bill(town.state.clients[0])
    town.sync()
    keep_watching(town, hours=1.9)
    assert notices(town, "no_looks") == notices(town, "no_sends") == 0
    town.wait(minutes=10)
    start = threading.Barrier(FOUR)

    def watch(place: int) -> int:
        mine = Database(database_url)
        try:
            start.wait(10)
            now = town.now + timedelta(seconds=place)  # no two clocks are the same
            return Watching(mine, town.house.vault).run(now=now)
        finally:
            mine.close()

    with ThreadPoolExecutor(FOUR) as pool:
        assert sum(pool.map(watch, range(FOUR))) == 2
    assert (notices(town, "no_looks"), notices(town, "no_sends")) == (1, 1)


def test_four_sum_up_at_once_and_the_operator_reads_one(told: Town, database_url: str) -> None:
    """One row says which day was told."""
    told.wait(hours=20)  # 08:00
    start = threading.Barrier(FOUR)

    def sum_up(_: int) -> int:
        mine = Database(database_url)
        try:
            start.wait(10)
            return Mornings(mine).run(now=told.now)
        finally:
            mine.close()

    with ThreadPoolExecutor(FOUR) as pool:
        assert sum(pool.map(sum_up, range(FOUR))) == 1
    assert notices(told, "operator_digest") == 1
    with told.house.database.read() as session:
        assert session.get_one(Vigil, told.isp_id).digested_until == date(2026, 3, 10)
        row = session.scalars(
            select(OperatorNotice).where(OperatorNotice.kind == "operator_digest")
        ).one()
    assert row.subject == "day:2026-03-10"
    assert (row.details["sent"], row.details["by_kind"]) == ("1", "issued:1")


def test_two_call_at_once_and_the_look_is_told_once(
    told: Town, database_url: str, watcher: Watcher
) -> None:
    """Whoever comes second finds the call taken, while it is under way and afterwards."""
    told.house.heartbeats.set(SLUG, watcher.url)
    watcher.hold = threading.Barrier(2)
    other = Database(database_url)
    second = Heartbeats(other, told.house.vault, told.house.heartbeats._door)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(told.house.heartbeats.run, told.clock)
        watcher.wait_for(1, seconds=10)
        assert second.run(told.clock) == 0
        watcher.hold.wait(10)
        assert first.result(10) == 1
    watcher.hold = None
    assert second.run(told.clock) == 0
    other.close()
    assert watcher.calls == [f"/{UUID}"]


def test_a_worker_that_dies_while_it_calls_is_not_missed_for_long(
    told: Town, watcher: Watcher
) -> None:
    """Its claim runs out, and the look is told after all."""
    told.house.heartbeats.set(SLUG, watcher.url)
    with told.house.database.write() as session:
        session.execute(update(Heartbeat).values(lease_until=told.now + timedelta(minutes=2)))
    assert told.house.heartbeats.run(told.clock) == 0
    told.wait(minutes=2)
    assert told.house.heartbeats.run(told.clock) == 1


@on_sqlite
def test_a_host_that_does_not_answer_is_asked_once_a_round(told: Town, watcher: Watcher) -> None:
    """Ten ISPs wait for one host: nobody waits ten times. One that answers wrongly stops none."""
    setup = IspSetup(slug="x", name="X", base_url=told.sandbox.base_url, token=TOKEN)
    slugs = [SLUG]
    for number in range(9):
        slugs.append(f"isp-{number}")
        told.house.isps.add(replace(setup, slug=slugs[-1]), now=told.now)
    with told.house.database.write() as session:
        session.execute(update(Isp).values(synced_at=told.now))
    gone = f"http://127.0.0.1:{free_port()}/x"
    for slug in slugs:
        told.house.heartbeats.set(slug, gone)
    assert told.house.heartbeats.run(told.clock) == 0
    with told.house.database.read() as session:
        troubles = session.scalars(select(Heartbeat.trouble)).all()
    assert sorted(filter(None, troubles)) == ["cannot be reached"]

    watcher.status = 404
    for slug in slugs:
        told.house.heartbeats.set(slug, watcher.url)
    assert told.house.heartbeats.run(told.clock) == 0
    assert len(watcher.calls) == 10


@on_sqlite
def test_an_address_that_no_key_opens_is_a_trouble_of_its_own(told: Town, watcher: Watcher) -> None:
    """The doctor says so; nothing is called, and the others go on."""
    told.house.heartbeats.set(SLUG, watcher.url)
    with told.house.database.write() as session:
        session.execute(update(Heartbeat).values(url_sealed="v1:nonsense"))
    assert told.house.heartbeats.run(told.clock) == 0
    stands = told.house.heartbeats.standing(SLUG)
    assert stands is not None
    assert "cannot be decrypted" in str(stands.trouble)
    assert watcher.calls == []


def test_ticks_are_written_seldom_and_say_since_when(town: Town) -> None:
    """A tick soon after another costs no write; a long gap begins anew."""
    ticks = Ticks(town.house.database)

    def now() -> tuple[float, float]:
        with town.house.database.read() as session:
            found = ticking(session)[Work.PLAN]
        return (found.at - begun).total_seconds(), (found.since - begun).total_seconds()

    begun = town.now
    ticks.note(Work.PLAN, now=town.now)
    ticks.note(Work.PLAN, now=town.now + SPARE - timedelta(seconds=1))
    assert now() == (0, 0)
    ticks.note(Work.PLAN, now=town.now + SPARE)
    assert now() == (30, 0)
    ticks.note(Work.PLAN, now=town.now + SPARE + GAP)
    assert now() == (930, 0)
    ticks.note(Work.PLAN, now=town.now + SPARE + 2 * GAP + timedelta(seconds=1))
    assert now() == (1831, 1831)
    ticks.note(Work.PLAN, now=town.now)  # the clock was set back by half an hour
    assert now() == (0, 0)


@on_sqlite
def test_what_is_asked_follows_what_happened_and_what_is_due(town: Town) -> None:
    """No plan of SQLite reads all that was ever sent, all accounts or all invoices of an ISP."""
    span = day.Span(town.now - timedelta(days=1), town.now)
    engine, asked = town.house.database.engine, []

    def note(_c: Any, _cur: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with town.house.database.read() as session:
        day.ended(session, [1, 2], span)
        day.sent_by_kind(session, [1, 2], span)
        day.who(session, 1, span, state="failed", reason="rejected", most=3)
        lateness.last_sent(session, 1, after=town.now)
        closings(session, 1, since=span.begins, until=span.ends)
        lateness.unplanned(session, before=town.now)
        lateness.unsent(session, before=town.now, now=town.now, troubles=("x",))
    event.remove(engine, "before_cursor_execute", note)
    plans = []
    with engine.connect() as connection:
        for statement, parameters in asked:
            lines = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(next(str(line[3]) for line in lines))  # what is read first
    assert [one.partition(" INDEX ")[2].partition(" ")[0] for one in plans] == [
        *["ix_delivery_settled_at_isp_id_state_reason_route"] * 4,
        "ix_channel_disabled_at",
        "ix_invoice_plan_at",
        "ix_delivery_state_isp_id_route_not_before",
    ], plans
    assert "COVERING" in plans[0]
