"""The operator hears of what goes wrong by itself: few notices, whatever the number of troubles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from billing.isps import IspSetup
from billing.letter import Fate, Outcome
from billing.watch import closings
from models.account import Channel
from models.alert import Delivery
from models.isp import Isp, Transport
from models.operator import OperatorNotice
from notifications.door import warm
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, TOKEN, ZONE, Town
from tests.unit.notifications.servers import Provider

OPERATOR = "noc@interatos.example"
GONE = Outcome(fate=Fate.REJECTED, detail="email: 550 5.1.1 at RCPT, no such user")
AWAY = Outcome(fate=Fate.HELD_UP, detail="email: 421 at MAIL, try again later")


@pytest.fixture
def told(town: Town) -> Town:
    """Give the ISP an operator with one e-mail address."""
    town.house.operators.add(SLUG, OPERATOR, now=town.now - timedelta(days=30))
    return town


@pytest.fixture
def answers(town: Town, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Answer for the customers' provider as long as there is something in the list."""
    scripted: list[Outcome] = []
    real = town.house.messenger.send

    def send(message: Any, envelope: Any, attachments: Any) -> Outcome:
        if scripted and envelope.destination != OPERATOR:
            return scripted.pop(0)
        return real(message, envelope, attachments)

    monkeypatch.setattr(town.house.messenger, "send", send)
    return scripted


def owed(town: Town, number: int) -> None:
    """Let so many customers be owed an announcement each."""
    clients = [town.customer(f"C{place} Paz") for place in range(number)]
    town.settled(*clients)
    for client in clients:
        town.bill(client)
    town.sync()


def watch(town: Town) -> list[str]:
    """Look once, tell what was found, and return the subjects that the operator got by it."""
    before = len(news(town))
    town.house.watching.run(now=town.now)
    town.house.telling.run(town.clock)
    return news(town)[before:]


def news(town: Town) -> list[str]:
    """Return the subjects of all that the operator got."""
    return [one.subject for one in town.letters if one.recipient == OPERATOR]


def last(town: Town) -> str:
    """Return the last thing that the operator got, on one line."""
    text = [one.text for one in town.letters if one.recipient == OPERATOR][-1]
    return " ".join(text.split())


def notices(town: Town, kind: str) -> list[OperatorNotice]:
    """Return the notices of a kind."""
    with town.house.database.read() as session:
        query = select(OperatorNotice).where(OperatorNotice.kind == kind)
        return list(session.scalars(query.order_by(OperatorNotice.id)))


# -- channels -------------------------------------------------------------------------------------


@pytest.mark.rule(number=14)
def test_the_first_closed_channel_is_told_at_once_and_a_wave_as_a_number(
    told: Town, answers: list[Outcome]
) -> None:
    """One, then thirty more within the hour, then ten in the evening: three notices in two days."""
    owed(told, 41)
    with told.house.database.read() as session:
        all_of_them = session.scalars(select(Delivery.id).order_by(Delivery.id)).all()

    def close(ids: Sequence[int]) -> None:
        answers.extend([GONE] * len(ids))
        with told.house.database.write() as session:
            session.execute(
                update(Delivery).where(Delivery.id.in_(ids)).values(not_before=told.now)
            )
        told.deliver()
        assert answers == []

    with told.house.database.write() as session:
        session.execute(update(Delivery).values(not_before=told.now + timedelta(days=9)))

    close(all_of_them[:1])
    assert watch(told) == [], "a wave that begins now is told with its first minute"
    told.wait(minutes=1)
    assert watch(told) == ["Interatos sas: se cerró un canal"]
    assert "1 (c…@clientes.example)" in last(told)
    assert "email: 550 5.1.1 at RCPT, no such user" in last(told)
    assert "Un cliente se quedó sin ningún canal abierto" in last(told)
    assert f"alerta explain {SLUG} 1" in last(told)

    close(all_of_them[1:31])
    told.wait(minutes=58)
    assert watch(told) == []
    told.wait(minutes=2)
    assert watch(told) == ["Interatos sas: se cerraron 30 canales"]
    assert "y 26 más" in last(told)

    close(all_of_them[31:])
    told.wait(hours=3)
    assert watch(told) == []
    told.wait(hours=17, minutes=-2)  # the next day, a minute before nine
    assert watch(told) == []
    told.wait(minutes=1)
    assert watch(told) == ["Interatos sas: se cerraron 10 canales"]
    told.wait(hours=4)
    assert watch(told) == []
    assert all("c0@" not in one.text for one in told.letters if one.recipient == OPERATOR)


@on_sqlite
def test_what_people_close_is_nobodys_news(told: Town, answers: list[Outcome]) -> None:
    """A customer who leaves is no trouble, nor one that comes back."""
    owed(told, 2)
    told.house.pairing.unpair(SLUG, told.state.clients[0].id, now=told.now)
    told.wait(minutes=2)
    told.pair(told.state.clients[0], "otra@clientes.example")
    told.wait(minutes=2)
    assert watch(told) == []


@on_sqlite
def test_who_is_told_later_does_not_hear_of_before(town: Town, answers: list[Outcome]) -> None:
    """Nobody was there when the channel closed; the operator who comes then hears of the next."""
    owed(town, 2)
    answers.append(GONE)
    town.deliver()
    town.wait(minutes=5)
    town.house.operators.add(SLUG, OPERATOR, now=town.now)
    assert watch(town) == []


@pytest.mark.rule(number=14)
@on_sqlite
def test_an_address_that_no_key_opens_closes_its_channel_and_is_told(told: Town) -> None:
    """Its neighbour goes on; once a key opens it the channel is open again."""
    owed(told, 2)
    with told.house.database.write() as session:
        channel = session.scalars(select(Channel).order_by(Channel.id)).first()
        assert channel is not None
        sealed, channel.destination_sealed = channel.destination_sealed, "v1:nonsense"
    report = told.deliver()
    assert (report.failed, report.sent) == (1, 1)
    assert [line.reason for line in told.lines("failed")] == ["unreadable_secret"]
    told.wait(minutes=1)
    assert watch(told) == ["Interatos sas: se cerró un canal"]
    assert "La dirección guardada no se puede leer." in last(told)

    told.house.maintenance.reseal()
    assert closed(told) == 1
    with told.house.database.write() as session:
        session.execute(
            update(Channel).where(Channel.id == channel.id).values(destination_sealed=sealed)
        )
    told.house.maintenance.reseal()
    assert closed(told) == 0


@on_sqlite
def test_a_channel_that_was_taken_away_stays_away_when_its_key_comes_back(told: Town) -> None:
    """It had closed because no key opened it, and then staff removed it: nothing opens it again."""
    owed(told, 1)
    with told.house.database.write() as session:
        channel = session.scalars(select(Channel)).one()
        sealed, channel.destination_sealed = channel.destination_sealed, "v1:nonsense"
    told.deliver()
    assert closed(told) == 1
    told.house.channels.remove(SLUG, told.state.clients[0].id, 1, author="eva", now=told.now)
    with told.house.database.write() as session:
        session.execute(update(Channel).values(destination_sealed=sealed))

    told.house.maintenance.reseal()

    assert closed(told) == 1


def closed(town: Town) -> int:
    """Count the channels that are closed."""
    with town.house.database.read() as session:
        return len(session.scalars(select(Channel).where(Channel.disabled_at.is_not(None))).all())


# -- what no key opens ----------------------------------------------------------------------------


@on_sqlite
def test_with_another_ring_of_keys_everything_waits(told: Town) -> None:
    """Neither a channel closes nor a delivery fails: the ring is mended, and all of it goes."""
    owed(told, 2)
    with told.house.database.write() as session:
        isp = session.scalars(select(Isp)).one()
        channels = session.scalars(select(Channel)).all()
        kept = [(row, row.destination_sealed) for row in channels]
        token, isp.token_sealed = isp.token_sealed, "v1:another key"
        for row in channels:
            row.destination_sealed = "v1:another key"
    told.deliver()
    told.wait(minutes=6)
    told.deliver()
    assert {(line.state, line.reason) for line in told.lines()} == {
        ("planned", "unreadable_secret")
    }
    assert closed(told) == 0
    assert watch(told) == ["Interatos sas: no se puede leer un secreto guardado"]
    assert "El token de Wispro de Interatos sas no se puede descifrar" in last(told)
    assert watch(told) == []

    with told.house.database.write() as session:
        session.execute(update(Isp).values(token_sealed=token))
        for row, sealed in kept:
            session.execute(
                update(Channel).where(Channel.id == row.id).values(destination_sealed=sealed)
            )
    told.wait(minutes=6)
    assert told.deliver().sent == 2


@on_sqlite
def test_a_sending_account_that_no_key_opens_is_told_and_its_alerts_wait(told: Town) -> None:
    """The command that mends it stands there; with the account entered again they go."""
    owed(told, 1)
    with told.house.database.write() as session:
        session.execute(update(Transport).values(url_sealed="v1:nonsense"))
    told.deliver()
    assert [(line.state, line.reason) for line in told.lines()] == [
        ("planned", "unreadable_secret")
    ]
    assert told.house.watching.run(now=told.now) == 1
    (row,) = notices(told, "secret_unreadable")
    assert row.details == {"accounts": "email", "account": "email"}

    told.house.isps.set_transport(SLUG, "email", told.inbox.url, now=told.now)
    assert told.house.watching.run(now=told.now) == 0
    told.wait(minutes=6)
    assert told.deliver().sent == 1


# -- sending accounts -----------------------------------------------------------------------------


def test_an_account_that_rests_is_told_once_and_again_when_it_works(
    told: Town, answers: list[Outcome]
) -> None:
    """Down for two hours: one notice after a quarter, none in between, one at its end."""
    owed(told, 3)
    began = told.now
    answers += [AWAY] * 1000
    seen = []
    for _ in range(24):
        told.deliver()
        seen += [(told.now - began, subject) for subject in watch(told)]
        told.wait(minutes=5)
    ((after, subject),) = seen
    assert (after, subject) == (timedelta(minutes=15), "Interatos sas: no sale nada por e-mail")
    assert "email: 421 at MAIL, try again later" in last(told)
    assert "Avisos que esperan: 3." in last(told)
    assert f"alerta isp transport {SLUG} email URL" in last(told)

    answers.clear()
    told.deliver()
    assert watch(told) == ["Interatos sas: por e-mail los avisos vuelven a salir"]
    assert "El problema había empezado el martes 10/03, 12:00." in last(told)
    assert watch(told) == []


@on_sqlite
def test_a_stumble_is_nobodys_news(told: Town, answers: list[Outcome]) -> None:
    """Ten minutes of refusals, or one in the evening that nobody tried again."""
    owed(told, 1)
    answers += [AWAY, AWAY]
    told.deliver()
    told.wait(minutes=5)
    told.deliver()
    told.wait(minutes=5)
    assert watch(told) == []
    told.deliver()
    assert watch(told) == []

    told.bill(told.state.clients[0])
    told.sync()
    answers.append(AWAY)
    told.deliver()
    told.wait(hours=14)
    assert watch(told) == []
    answers.append(AWAY)
    told.deliver()
    assert watch(told) == [], "after the night it is a trouble of its own"


@on_sqlite
def test_who_could_not_be_reached_meanwhile_hears_of_the_end_only(
    told: Town, answers: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's mail leaves over the account that is in trouble."""
    owed(told, 1)
    answers += [AWAY] * 1000
    for _ in range(5):
        told.deliver()
        told.house.watching.run(now=told.now)
        told.wait(minutes=5)
    answers.clear()
    told.deliver()
    assert watch(told) == ["Interatos sas: por e-mail los avisos vuelven a salir"]
    (trouble,) = notices(told, "provider_resting")
    assert (trouble.state, trouble.reason) == ("skipped", "superseded")


@on_sqlite
def test_isps_that_share_an_account_are_both_told(town: Town, answers: list[Outcome]) -> None:
    """Each hears of it as of its own, and a third one that never sent over it hears nothing."""
    town.house.operators.add(SLUG, OPERATOR, now=town.now)
    owed(town, 1)
    for slug in ("vecinos", "otros"):
        setup = IspSetup(
            slug=slug, name=slug.title(), base_url=town.sandbox.base_url, token=TOKEN,
            timezone=ZONE, contact_hours="00:00-24:00", requests_per_second=1000.0,
        )  # fmt: skip
        town.house.isps.add(setup, now=town.now)
        town.house.isps.set_transport(slug, "email", town.inbox.url, now=town.now)
        town.house.operators.add(slug, OPERATOR, now=town.now)
    ana = town.customer("Ana Ruiz")
    town.house.pairing.pair("vecinos", ana.id, ("ana@vecinos.example",), now=town.now)
    with town.house.database.read() as session:
        other = session.scalars(select(Isp.id).where(Isp.slug == "vecinos")).one()
    town.house.sync.run(other, clock=town.clock, trigger="hand", due_only=False)
    town.bill(ana)
    town.house.sync.run(other, clock=town.clock, trigger="hand", due_only=False)
    answers += [AWAY] * 1000
    for _ in range(4):
        town.deliver()
        town.wait(minutes=5)
    assert sorted(watch(town)) == [
        "Interatos sas: no sale nada por e-mail", "Vecinos: no sale nada por e-mail",
    ]  # fmt: skip
    answers.clear()
    town.deliver()
    assert sorted(watch(town)) == [
        "Interatos sas: por e-mail los avisos vuelven a salir",
        "Vecinos: por e-mail los avisos vuelven a salir",
    ]


def test_many_closed_channels_are_read_in_one_go(told: Town, answers: list[Outcome]) -> None:
    """The oldest is named first, and no more are read than were asked for."""
    owed(told, 5)
    answers += [GONE] * 5
    since = told.now - timedelta(seconds=1)
    told.deliver()
    with told.house.database.read() as session:
        found = closings.closings(session, told.isp_id, since=since, until=told.now)
        first = closings.closings(session, told.isp_id, since=since, until=told.now, most=1)
    assert len(found) == 5
    assert list(first) == list(found[:1])


@on_sqlite
def test_a_gateway_that_many_use_is_told_and_one_customers_own_is_not(told: Town) -> None:
    """No credit left at the SMS gateway concerns the ISP; a server at somebody's home does not."""
    warm()
    gateway, at_home = Provider(), Provider()
    gateway.answers = at_home.answers = [(503, {})]
    for place in range(2):
        phone = f"smseagle://token@127.0.0.1:{gateway.port}/+549351500000{place}"
        told.pair(told.customer(f"C{place} Paz"), phone)
    told.pair(told.customer("Ana Sol"), f"ntfy://ana:secret@127.0.0.1:{at_home.port}/casa")
    told.sync()
    for client in told.state.clients:
        told.bill(client)
    told.sync()
    for _ in range(5):
        told.deliver()
        told.wait(minutes=5)
    assert watch(told) == ["Interatos sas: no sale nada por smseagle"]
    assert "alerta isp transport" not in last(told)
    gateway.answers = [(200, {"result": [{"status": "ok", "message_id": "1"}]})]
    told.deliver()
    gateway.close()
    at_home.close()
    assert watch(told) == ["Interatos sas: por smseagle los avisos vuelven a salir"]
