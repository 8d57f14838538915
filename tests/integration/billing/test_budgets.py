"""What an ISP pays for SMS in a month: counted by the segment, kept by all workers together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from sqlalchemy import select

from billing.delivery.budgets import Month, Purse, budget_now, spent
from billing.delivery.delivering import Delivering
from billing.isps import SetupError
from billing.terms import rules_of
from models.alert import Attempt
from models.database import Database
from models.isp import Isp
from notifications.door import warm
from notifications.gsm import segments
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from tests.unit.notifications.servers import Provider
from wispro.sandbox.model import Client

OPERATOR = "noc@interatos.example"
ACCEPTED = {"result": [{"status": "ok", "message_id": "1"}]}


@pytest.fixture
def gateway() -> Iterator[Provider]:
    """Run a gateway of SMS that takes everything."""
    warm()
    server = Provider()
    server.answers = [(200, ACCEPTED)]
    yield server
    server.close()


def by_sms(town: Town, gateway: Provider, number: int, *, mail: bool = False) -> list[Client]:
    """Pair so many customers by SMS, and let each be owed an announcement."""
    clients = [town.customer(f"C{len(town.state.clients)} Paz") for _ in range(number)]
    for client in clients:
        phone = f"smseagle://token@127.0.0.1:{gateway.port}/+54935150{client.public_id:05}"
        town.pair(client, phone, *([str(client.email)] if mail else []))
    town.sync()
    for client in clients:
        town.bill(client, due_in=40)
    town.sync()
    return clients


def budget(town: Town, number: int | None) -> None:
    """Give the ISP a budget of so many segments a month."""
    town.house.isps.set_budget(SLUG, "sms", number, now=town.now)


def used(town: Town) -> int:
    """Return the segments of this month."""
    with town.house.database.read() as session:
        isp = session.scalars(select(Isp).where(Isp.slug == SLUG)).one()
        return budget_now(session, isp, now=town.now).spent


def news(town: Town) -> list[str]:
    """Look, tell, and return the subjects of what the operator got so far."""
    town.house.watching.run(now=town.now)
    town.house.telling.run(town.clock)
    return [one.subject for one in town.letters if one.recipient == OPERATOR]


@pytest.fixture
def each(town: Town, gateway: Provider) -> int:
    """Return how many segments one announcement takes; one went already, without a budget."""
    by_sms(town, gateway, 1)
    town.deliver()
    assert len(gateway.requests) == 1
    return used(town)


def test_a_month_takes_what_the_budget_has(town: Town, gateway: Provider, each: int) -> None:
    """What has no room waits for the first of the month; mail goes on, and the operator is told."""
    town.house.operators.add(SLUG, OPERATOR, now=town.now)
    budget(town, each * 3 + each - 1)
    by_sms(town, gateway, 4, mail=True)
    town.deliver()
    assert (len(gateway.requests), used(town)) == (3, each * 3)
    waiting = town.lines("planned")
    assert {line.reason for line in waiting} == {"budget"}
    begins = {line.not_before.isoformat() for line in waiting}
    assert begins == {"2026-04-01T03:00:00+00:00"}
    assert len([one for one in town.letters if one.recipient != OPERATOR]) == 4
    assert news(town) == ["Interatos sas: se agotó el presupuesto de SMS del mes"]

    town.wait(hours=2)
    town.deliver()
    assert len(gateway.requests) == 3
    assert len(news(town)) == 1
    town.wait(days=21, hours=10)
    town.go_round()
    assert (len(gateway.requests), used(town)) == (5, each * 2)


@on_sqlite
def test_a_larger_budget_lets_go_what_waits(town: Town, gateway: Provider, each: int) -> None:
    """At once, and so does none at all; two stay behind until then."""
    budget(town, each)
    by_sms(town, gateway, 2)
    town.deliver()
    assert len(gateway.requests) == 1
    budget(town, each * 2)
    town.deliver()
    assert len(gateway.requests) == 2
    budget(town, None)
    town.deliver()
    assert len(gateway.requests) == 3


@on_sqlite
def test_what_is_of_no_use_next_month_ends_with_the_reason(
    town: Town, gateway: Provider, each: int
) -> None:
    """A reminder of a date in this month does not wait for the next one."""
    budget(town, each)
    (ana,) = by_sms(town, gateway, 1)
    town.bill(ana, due_in=5)
    town.go_round()
    assert {(line.kind, line.state, line.reason) for line in town.lines() if line.reason} == {
        ("issued", "planned", "budget"),
        ("due_soon", "skipped", "budget"),
    }


@on_sqlite
def test_what_did_not_arrive_costs_nothing(town: Town, gateway: Provider, each: int) -> None:
    """A gateway that fails for an hour has eaten no budget; what may have arrived has."""
    budget(town, each * 3)
    gateway.answers = [(500, {})]
    by_sms(town, gateway, 1)
    for _ in range(4):
        town.deliver()
        town.wait(minutes=10)
    assert used(town) == each
    gateway.answers = [(0, {})]  # it took the request and closed
    town.wait(hours=1)
    town.deliver()
    assert [line.state for line in town.lines()] == ["sent", "uncertain"]
    assert used(town) == each * 2


@on_sqlite
def test_the_journal_holds_the_segments_of_the_text_that_left(
    town: Town, gateway: Provider, each: int
) -> None:
    """As many as the text takes, and none for an e-mail."""
    text = json.loads(gateway.requests[0][2])["params"]["message"]
    assert each == segments(text)
    ana = town.customer("Ana Ruiz")
    town.settled(ana)
    town.bill(ana)
    town.go_round()
    with town.house.database.read() as session:
        charged = session.execute(select(Attempt.segments, Attempt.charged_to)).all()
    assert sorted(map(tuple, charged), key=str) == [(each, town.isp_id), (None, None)]


@on_sqlite
def test_four_fifths_are_told_in_time(town: Town, gateway: Provider, each: int) -> None:
    """Below it nothing; from there one notice; spent, one more; a larger budget begins anew."""
    town.house.operators.add(SLUG, OPERATOR, now=town.now)
    budget(town, each * 5)
    by_sms(town, gateway, 2)
    town.deliver()
    assert news(town) == []
    by_sms(town, gateway, 1)
    town.deliver()
    low, out = (
        "Interatos sas: queda poco presupuesto de SMS este mes",
        "Interatos sas: se agotó el presupuesto de SMS del mes",
    )
    assert news(town) == [low]
    assert news(town) == [low]
    by_sms(town, gateway, 1)
    town.deliver()
    assert news(town) == [low, out]
    assert f"{each * 5} de {each * 5}" in town.letters[-1].text
    budget(town, each * 6)
    assert news(town) == [low, out, low]


@pytest.mark.rule(number=12)
def test_workers_side_by_side_spend_no_more_than_there_is(
    town: Town, gateway: Provider, each: int, database_url: str
) -> None:
    """Four at once have twelve messages and room for five."""
    budget(town, each * 6)
    by_sms(town, gateway, 12)
    ready = Barrier(4)

    def work(_: int) -> None:
        mine = Database(database_url)
        delivering = Delivering(
            mine, town.house.vault, town.house.wispro, town.house.messenger, max_pdf_bytes=0,
            lanes=2,
        )  # fmt: skip
        ready.wait()
        try:
            delivering.run_all(clock=town.clock, progress=lambda _: None)
        finally:
            mine.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert used(town) == each * 6
    assert len(gateway.requests) == 6
    assert [line.reason for line in town.lines("planned")] == ["budget"] * 7


def test_who_counts_a_budget_waits_for_who_counts_it_already(
    town: Town, gateway: Provider, each: int, database_url: str
) -> None:
    """Room for one is given once: the second worker sees what the first one journaled."""
    budget(town, each * 2)
    with town.house.database.read() as session:
        calendar = rules_of(session.scalars(select(Isp)).one()).calendar
        delivery_id = session.scalars(select(Attempt.delivery_id)).one()
    begun = Event()

    def second() -> Month | None:
        mine = Database(database_url)
        begun.set()
        try:
            with mine.write() as session:
                purse = Purse(session, town.now, {})
                purse.lock([town.isp_id])
                return purse.room(town.isp_id, each, calendar)
        finally:
            mine.close()

    isp_id = town.isp_id
    with ThreadPoolExecutor(1) as pool:
        with town.house.database.write() as session:
            purse = Purse(session, town.now, {})
            purse.lock([isp_id])
            assert purse.room(isp_id, each, calendar) is None
            purse.take(isp_id, each)
            assert purse.room(isp_id, 1, calendar) is not None, "one message more in the same go"
            waits = pool.submit(second)
            assert begun.wait(10)
            with pytest.raises(TimeoutError):
                waits.result(timeout=0.5)
            session.add(
                Attempt(
                    delivery_id=delivery_id, number=9, started_at=town.now, segments=each,
                    charged_to=isp_id,
                )
            )  # fmt: skip
        assert waits.result(timeout=10) is not None


@on_sqlite
def test_a_month_ends_on_the_isps_wall(town: Town, gateway: Provider, each: int) -> None:
    """What left at eleven in the evening of the 31st is March's, though it is April in UTC."""
    town.now = town.now.replace(month=4, day=1, hour=2, minute=0)
    by_sms(town, gateway, 1)
    town.deliver()
    assert used(town) == each * 2
    town.wait(hours=1)
    assert used(town) == 0
    with town.house.database.read() as session:
        isp = session.scalars(select(Isp)).one()
        march = Month.of(rules_of(isp).calendar, town.now - timedelta(days=3))
        assert spent(session, isp.id, march) == each * 2


@on_sqlite
def test_a_budget_that_is_none_is_refused(town: Town) -> None:
    """Zero, and what is not paid for by the piece."""
    with pytest.raises(SetupError, match="1 to"):
        town.house.isps.set_budget(SLUG, "sms", 0, now=town.now)
    with pytest.raises(SetupError, match="only sms"):
        town.house.isps.set_budget(SLUG, "email", 5, now=town.now)
