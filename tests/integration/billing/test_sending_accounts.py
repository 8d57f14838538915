"""Sending accounts: their limits and pauses, and what one customer's trouble costs others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from billing.delivery import providers
from billing.delivery.delivering import Delivering
from billing.delivery.resending import ResendError
from billing.isps import SetupError
from billing.letter import Fate, Outcome
from billing.ports import Unpaced
from models.alert import Attempt, Provider
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from worker.doctor import examine

AWAY = Outcome(fate=Fate.HELD_UP, detail="email: 421 at MAIL, try again later")


def owed(town: Town, number: int) -> None:
    """Let so many customers be owed an announcement each."""
    clients = [town.customer(f"C{place} Paz") for place in range(number)]
    town.settled(*clients)
    for client in clients:
        town.bill(client)
    town.sync()


@pytest.fixture
def answers(town: Town, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Answer for the provider as long as there is something in the list, in its order."""
    scripted: list[Outcome] = []
    real = town.house.messenger.send

    def send(*given: Any) -> Outcome:
        return scripted.pop(0) if scripted else real(*given)

    monkeypatch.setattr(town.house.messenger, "send", send)
    return scripted


@pytest.mark.rule(number=12)
def test_a_minute_takes_what_the_provider_takes(town: Town) -> None:
    """Three a minute: seven messages need three minutes, and none is lost or repeated."""
    town.house.isps.set_limits(SLUG, "email", "3/minute")
    owed(town, 7)
    sent = []
    for _ in range(3):
        sent.append(town.deliver().sent)
        assert town.deliver().touched == 0
        town.wait(minutes=1)
    assert sent == [3, 3, 1]
    assert len({letter.recipient for letter in town.letters}) == 7


@pytest.mark.rule(number=12)
def test_a_day_is_spread_over_its_hours(town: Town) -> None:
    """Of ten a day two leave in one hour."""
    town.house.isps.set_limits(SLUG, "email", "10/day")
    owed(town, 5)
    sent = []
    for _ in range(3):
        sent.append(town.deliver().sent)
        town.wait(hours=1)
    assert sent == [2, 2, 1]


@on_sqlite
def test_what_waits_for_its_turn_hears_that_the_provider_wants_a_rest(
    town: Town, answers: list[Outcome]
) -> None:
    """Of three in their lanes one is told to wait 30 s: nobody calls on the other two."""
    told = threading.Event()

    class Line(Unpaced):
        """The first goes at once, the others when it has its answer."""

        def reserve(self, gaps: Sequence[tuple[str, float]], *, within: float) -> float:
            """Say whose turn it is."""
            del gaps, within
            self.turns = getattr(self, "turns", -1) + 1
            return float(self.turns)

        @contextmanager
        def passing(self, key: str, gap: float, *, number: int = 1) -> Iterator[None]:
            """Note that one was answered."""
            del key, gap, number
            yield
            told.set()

    house = town.house
    house.isps.set_limits(SLUG, "email", "30/second")
    delivering = Delivering(
        house.database,
        house.vault,
        house.wispro,
        house.messenger,
        max_pdf_bytes=10**6,
        pace=Line(),
        lanes=3,
        sleep=lambda _: None if told.wait(30) else pytest.fail("nobody was answered"),
    )
    owed(town, 3)
    wait = Outcome(fate=Fate.HELD_UP, detail="answered 429", retry_after=30)
    answers.append(wait)

    report = delivering.run_batch(town.isp_id, route="email", clock=town.clock)

    assert (report.deferred, report.sent, town.letters) == (3, 0, [])
    assert delivering.next_due(town.isp_id, route="email", now=town.now) == town.now + timedelta(
        seconds=30
    )
    town.wait(seconds=30)
    assert town.deliver().sent == 3


@on_sqlite
def test_what_is_turned_away_together_is_one_trouble(town: Town, answers: list[Outcome]) -> None:
    """Four lanes meet the same closed door: the account rests for 15 s, not for minutes."""
    house = town.house
    delivering = Delivering(
        house.database, house.vault, house.wispro, house.messenger, max_pdf_bytes=10**6, lanes=4
    )
    owed(town, 4)
    answers += [AWAY] * 4

    delivering.run_batch(town.isp_id, route="email", clock=town.clock)

    with house.database.read() as session:
        row = session.scalars(select(Provider)).one()
        assert (row.failures, row.paused_until) == (1, town.now + timedelta(seconds=15))


@on_sqlite
def test_a_rest_is_not_made_longer_by_who_asked_before_it_began(town: Town) -> None:
    """What is left is rounded up to a second in every answer; a longer rest is kept."""
    with town.house.database.write() as session:
        for until in (20.0, 20.9, 21.5, 5.0):
            until_at = town.now + timedelta(seconds=until)
            providers.pause(session, "k", until_at, "429", now=town.now)
        row = session.get_one(Provider, "k")
        assert (row.paused_until, row.failures) == (town.now + timedelta(seconds=21.5), 4)


@on_sqlite
def test_two_isps_that_share_an_account_share_its_limits(town: Town) -> None:
    """The provider counts one login, whoever uses it."""
    town.house.isps.set_limits(SLUG, "email", "3/minute")
    owed(town, 2)
    assert town.deliver().sent == 2
    with town.house.database.read() as session:
        assert len(set(session.scalars(select(Attempt.provider)))) == 1
    town.house.isps.set_limits(SLUG, "email", "2/minute")
    town.bill(town.state.clients[0])
    town.sync()
    assert town.deliver().touched == 0


def test_a_provider_that_is_away_costs_no_message_its_tries(
    town: Town, answers: list[Outcome]
) -> None:
    """Down for three hours nothing is given up; one message at a time asks, then all of it goes."""
    owed(town, 5)
    answers += [AWAY] * 1000
    asked = len(answers)
    for _ in range(3 * 12):
        town.deliver()
        town.wait(minutes=5)
    asked -= len(answers)
    assert asked <= 3 * 12 + 1, "it is asked every five minutes, with one message"
    assert {line.state for line in town.lines()} == {"planned"}

    answers.clear()
    for _ in range(8):
        town.wait(minutes=1)
        town.deliver()
    assert {line.state for line in town.lines()} == {"sent"}
    assert len({letter.recipient for letter in town.letters}) == len(town.letters) == 5


@pytest.mark.rule(number=13)
def test_a_pause_binds_everything_that_leaves_over_the_account(
    town: Town, answers: list[Outcome]
) -> None:
    """The provider said "in ten minutes": nobody asks before, and then it goes."""
    owed(town, 4)
    answers.append(Outcome(fate=Fate.HELD_UP, detail="429", retry_after=600))
    town.deliver()
    assert town.letters == []
    town.wait(minutes=9, seconds=59)
    assert town.deliver().touched == 0
    with town.house.database.read() as session:
        until = session.scalars(select(Provider.paused_until)).one()
    assert until == town.now + timedelta(seconds=1)
    (said,) = [one for one in examine(town.house, None) if one.what.endswith("email transport")]
    assert not said.ok
    assert "nothing got through (429)" in said.found
    town.wait(minutes=1)
    town.deliver()
    town.deliver()
    assert len(town.letters) == 4
    with town.house.database.read() as session:
        assert session.scalars(select(Provider.failures)).one() == 0


@on_sqlite
def test_one_message_that_is_refused_holds_nobody_up(town: Town, answers: list[Outcome]) -> None:
    """A fault of the message spends its tries; the others go at once."""
    owed(town, 3)
    answers.append(Outcome(fate=Fate.FAILED, detail="email: 554 at the message"))
    assert (report := town.deliver()).sent == 2, report
    assert [line.reason for line in town.lines("planned")] == ["provider_trouble"]
    town.wait(minutes=2)
    assert town.deliver().sent == 1


@pytest.mark.rule(number=14)
@on_sqlite
def test_a_refused_channel_is_closed_and_its_neighbours_go_on(
    town: Town, answers: list[Outcome]
) -> None:
    """The mailbox does not exist: this channel ends, nothing is sent there again."""
    owed(town, 2)
    answers.append(Outcome(fate=Fate.REJECTED, detail="email: 550 5.1.1 at RCPT"))
    report = town.deliver()
    assert (report.failed, report.sent) == (1, 1)
    for client in town.state.clients:
        town.bill(client)
    town.go_round()
    assert [line.reason for line in town.lines("failed")] == ["rejected"]
    assert len(town.letters) == 2


@on_sqlite
def test_limits_that_cannot_be_read_change_nothing(town: Town) -> None:
    """And a kind without a sending account has none."""
    town.house.isps.set_limits(SLUG, "email", "3/minute")
    with pytest.raises(SetupError, match="limits cannot be read"):
        town.house.isps.set_limits(SLUG, "email", "a lot")
    with pytest.raises(SetupError, match="has no sending account"):
        town.house.isps.set_limits(SLUG, "ntfy", "3/minute")
    owed(town, 4)
    assert town.deliver().sent == 3


@on_sqlite
def test_only_what_may_be_missing_is_sent_again_by_hand(town: Town, answers: list[Outcome]) -> None:
    """Uncertain twice, it waits for a person; what was sent is refused, what was paid ends."""
    owed(town, 2)
    answers += [Outcome(fate=Fate.UNCERTAIN, detail="no answer")] * 4
    town.deliver()
    town.wait(minutes=10)
    town.deliver()
    first, second = (line.id for line in town.lines("uncertain"))
    town.state.pay(town.state.invoices[1])
    for one in (first, second):
        town.house.resending.resend(one, author="eva", now=town.now)
    town.go_round()
    assert {line.id: line.state for line in town.lines() if line.kind == "issued"} == {
        first: "sent",
        second: "cancelled",
    }
    for one, why in ((first, "was sent"), (second, "is not to be sent"), (99, "no delivery 99")):
        with pytest.raises(ResendError, match=why):
            town.house.resending.resend(one, author="eva", now=town.now)


@on_sqlite
def test_an_invoice_is_fetched_once_for_several_messages(town: Town) -> None:
    """Its announcement and its reminder carry one paper; once it changed, another one."""
    ana = town.customer()
    town.settled(ana)
    bill = town.bill(ana, due_in=6)
    town.go_round()
    town.wait(days=1)
    town.go_round()
    asked = [path for path in town.state.served if "download_pdf" in str(path)]
    fetched = sum(town.state.served[path] for path in asked)
    assert (len(town.letters), fetched) == (2, 1)
    assert len({letter.pdf for letter in town.letters}) == 1

    town.state.change_invoice(bill, amount="3000.00", balance="3000.00")
    town.go_round()
    fetched = sum(town.state.served[path] for path in asked)
    assert (town.kinds()[-1], fetched) == ("changed", 2)
