"""The worker itself is in trouble: its operator hears of it, each story to a real inbox."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from billing.isps import Tuning
from billing.watch.ticks import Work
from models import questions
from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, ZONE, Town
from tests.support.vigils import Rounds
from tests.support.watcher import UUID, Watcher
from worker.doctor import examine

NOC = "guardia@interatos.example"
BY_MAIL = "noc@interatos.example"
AWAY = "421 4.3.2 not now"
WELL = "250 OK"

pytestmark = [on_sqlite]


@pytest.fixture
def noc() -> Iterator[Inbox]:
    """Run the mail server of somebody else, where the operator reads too."""
    with Inbox() as running:
        yield running


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    """Run somebody outside who expects to be called."""
    with Watcher() as running:
        yield running


@pytest.fixture
def rounds(town: Town, noc: Inbox) -> Rounds:
    """Give the ISP a customer, and an operator with a way of their own beside the ISP's mail.

    An hour of silence is enough here; the daemon has been running for two.
    """
    town.settled(town.customer("Ana Paz"))
    town.house.operators.add(SLUG, BY_MAIL, now=town.now)
    own = f"mailto://127.0.0.1:{noc.port}?from=alerta@interatos.example&to={NOC}"
    town.house.operators.add(SLUG, own, now=town.now)
    town.house.mornings.set(SLUG, "never", None)
    town.house.isps.tune(SLUG, Tuning(no_look_hours=1, no_send_hours=1))
    running = Rounds(town)
    running.go(hours=2)
    return running


def at(town: Town) -> str:
    """Return the time on the ISP's wall."""
    return f"{town.now.astimezone(ZoneInfo(ZONE)):%a %H:%M}"


def subjects(box: Inbox, address: str) -> list[str]:
    """Return the subjects that came for an address."""
    return [one.subject for one in box.to(address)]


def way(town: Town) -> str:
    """Return what the doctor says of how the operator is told."""
    return next(one.found for one in examine(town.house, SLUG) if one.what.endswith("'s way"))


# -- no look is complete --------------------------------------------------------------------------


def test_the_worker_that_looks_dies_at_night_and_the_operator_hears_it_by_another_way(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """Once, six hours later, at night too; its end once as well; nothing over the ISP's mail."""
    town.house.isps.tune(SLUG, Tuning(no_look_hours=6))
    town.wait(hours=8)
    rounds.go(hours=1)
    rounds.alive -= {Work.LOOK}
    town.now = town.now.replace(minute=0)
    rounds.go(hours=5)
    assert (at(town), noc.letters) == ("Wed 04:00", [])
    rounds.go(hours=1)
    (told,) = noc.letters
    assert told.subject == "Interatos sas: hace 6 h que no se completa una lectura de Wispro"
    text = " ".join(told.text.split())
    assert "Ninguna empezó siquiera: el proceso que lee Wispro no está corriendo." in text
    assert f"alerta doctor {SLUG}" in text
    rounds.go(hours=7)
    assert len(noc.letters) == 1, "a silence is told once"

    rounds.alive |= {Work.LOOK}
    rounds.go(hours=2)
    assert subjects(noc, NOC)[1:] == ["Interatos sas: las lecturas de Wispro vuelven a completarse"]
    assert town.letters == []


def test_a_second_silence_is_told_again(rounds: Rounds, town: Town, noc: Inbox) -> None:
    """Each stretch has its own beginning."""
    for _ in range(2):
        rounds.alive -= {Work.LOOK}
        rounds.go(hours=1.5)
        rounds.alive |= {Work.LOOK}
        rounds.go(hours=0.5)
    assert len(noc.letters) == 4
    assert town.letters == []


def test_wispro_is_away_for_long(rounds: Rounds, town: Town, noc: Inbox) -> None:
    """The ISP's mail said so in minutes; later the other way says it too, with the reason."""
    town.house.isps.tune(SLUG, Tuning(no_look_hours=2))
    town.lose_patience()
    town.break_wispro("http_500")
    rounds.go(hours=3)
    assert subjects(town.inbox, BY_MAIL) == ["Interatos sas: Wispro no responde como debe"]
    assert "Wispro falla de su lado." in " ".join(noc.letters[-1].text.split())
    town.mend_wispro()
    rounds.go(hours=2)
    assert subjects(noc, NOC) == [
        "Interatos sas: Wispro no responde como debe",
        "Interatos sas: hace 2 h que no se completa una lectura de Wispro",
        "Interatos sas: Wispro volvió a responder",
        "Interatos sas: las lecturas de Wispro vuelven a completarse",
    ]


def test_an_operator_who_has_no_other_way_is_told_over_what_there_is(town: Town, cli: Cli) -> None:
    """And the doctor says what that is worth while the mail account rests."""
    town.settled(town.customer())
    town.house.operators.add(SLUG, BY_MAIL, now=town.now)
    town.house.isps.tune(SLUG, Tuning(no_look_hours=1))
    assert "when that breaks, nobody hears of it" in way(town)
    rounds = Rounds(town)
    rounds.alive -= {Work.LOOK}
    rounds.go(hours=2)
    assert subjects(town.inbox, BY_MAIL) == [
        "Interatos sas: hace 1 h que no se completa una lectura de Wispro"
    ]
    town.bill(town.state.clients[0])
    town.inbox.answer = AWAY
    rounds.alive |= {Work.LOOK}
    rounds.go(hours=0.5)
    assert "email rests: nobody hears of trouble now" in way(town)
    assert cli.here("doctor", SLUG).code == 1


def test_nobody_is_told_of_an_isp_where_nobody_is_paired_any_more(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """There is nothing to look at; and what was told before ends without a word."""
    rounds.alive -= {Work.LOOK}
    rounds.go(hours=1.5)
    assert len(noc.letters) == 1
    town.house.pairing.unpair(SLUG, town.state.clients[0].id, now=town.now)
    rounds.go(hours=1)
    town.pair(town.state.clients[0])
    rounds.go(hours=0.8)
    assert len(noc.letters) == 1, "who was just paired has waited for no look"
    rounds.go(hours=0.4)
    assert len(noc.letters) == 1, "the silence is the one that was told"


# -- nothing leaves -------------------------------------------------------------------------------


def test_the_worker_that_sends_dies(rounds: Rounds, town: Town, noc: Inbox) -> None:
    """Alerts are due and nobody tries: told in an hour, and once more when they leave."""
    rounds.alive -= {Work.SEND}
    town.bill(town.state.clients[0])
    rounds.go(hours=0.9)
    assert noc.letters == []
    rounds.go(hours=0.9)
    (told,) = noc.letters
    assert told.subject == "Interatos sas: hay avisos para enviar y no sale ninguno"
    text = " ".join(told.text.split())
    assert "Avisos que esperan: 1" in text
    assert "el proceso que envía no está corriendo" in text
    rounds.go(hours=2)
    assert len(noc.letters) == 1

    rounds.alive |= {Work.SEND}
    rounds.go(hours=0.5)
    assert subjects(noc, NOC)[1:] == ["Interatos sas: los avisos vuelven a salir"]
    assert town.kinds() == ["issued"]


def test_the_worker_that_plans_dies(rounds: Rounds, town: Town, noc: Inbox) -> None:
    """Beat ticks, looks are complete, and a reminder's hour passes without anybody planning it."""
    town.bill(town.state.clients[0], due_in=2)
    rounds.go(hours=0.5)
    rounds.alive -= {Work.PLAN}
    town.wait(hours=8.5)  # 23:00: the reminder of tomorrow has its hour at midnight
    rounds.go(hours=2.5)
    (told,) = noc.letters
    assert "nadie los planea" in " ".join(told.text.split())
    rounds.alive |= {Work.PLAN}
    rounds.go(hours=0.5)
    assert subjects(noc, NOC)[1:] == ["Interatos sas: los avisos vuelven a salir"]


def test_the_mail_account_is_broken_and_the_other_way_is_not(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """What goes over the broken account waits; over the operator's own the news comes through."""
    town.inbox.answer = AWAY
    town.bill(town.state.clients[0])
    rounds.go(hours=2)
    assert subjects(noc, NOC) == [
        "Interatos sas: no sale nada por e-mail",
        "Interatos sas: hay avisos para enviar y no sale ninguno",
    ]
    assert "la cuenta de envío no deja pasar ninguno" in " ".join(noc.letters[-1].text.split())

    town.inbox.answer = WELL
    rounds.go(hours=1)
    assert sorted(subjects(noc, NOC)[2:]) == [
        "Interatos sas: los avisos vuelven a salir",
        "Interatos sas: por e-mail los avisos vuelven a salir",
    ]
    by_mail = subjects(town.inbox, BY_MAIL)
    assert "Interatos sas: hay avisos para enviar y no sale ninguno" not in by_mail


def test_what_is_refused_until_every_try_is_used_up_is_not_called_a_good_end(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """Nothing waits any more because everything failed: the end says so."""
    town.inbox.answer = "451 4.3.0 not this message"
    town.bill(town.state.clients[0])
    rounds.go(hours=3)
    assert subjects(noc, NOC) == [
        "Interatos sas: hay avisos para enviar y no sale ninguno",
        "Interatos sas: ya no espera ningún aviso, y no salió ninguno",
    ]
    assert f"alerta alerts {SLUG} --state failed" in noc.letters[-1].text


def test_the_operators_own_way_is_broken_too(rounds: Rounds, town: Town, noc: Inbox) -> None:
    """A quarter of an hour later the ISP's own account is tried after all."""
    noc.answer = AWAY
    rounds.alive -= {Work.LOOK}
    rounds.go(hours=1)
    assert town.letters == []
    rounds.go(hours=0.6)
    assert noc.letters == []
    assert len(subjects(town.inbox, BY_MAIL)) == 1


# -- after downtime -------------------------------------------------------------------------------


def test_after_a_weekend_without_power_nobody_is_woken(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """The daemon comes back and catches up: what it missed is over before it is anybody's news."""
    town.bill(town.state.clients[0])
    town.wait(hours=60)
    rounds.go(hours=3)
    assert noc.letters == []
    assert town.kinds() == ["issued"]


def test_after_a_weekend_what_does_not_come_back_is_told(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """It has an hour to catch up."""
    town.wait(hours=60)
    rounds.alive -= {Work.LOOK}
    rounds.go(hours=1)
    assert noc.letters == []
    rounds.go(hours=0.5)
    assert len(noc.letters) == 1


# -- heartbeats -----------------------------------------------------------------------------------


def complete(town: Town) -> int:
    """Return how many looks were complete so far."""
    with town.house.database.read() as session:
        runs = questions.last_runs(session, town.isp_id, limit=1000)
    return sum(run.outcome == "ok" for run in runs)


def test_a_heartbeat_follows_each_complete_look_and_stops_with_them(
    rounds: Rounds, town: Town, cli: Cli, watcher: Watcher
) -> None:
    """Once a look, none while there is none, and nobody once it was taken away."""
    said = cli.well_here("isp", "heartbeat", SLUG, "-", stdin=watcher.url + "\n")
    assert "127.0.0.1/…" in said.stdout
    before = complete(town) - 1  # the last one is told as well
    rounds.go(hours=2)
    assert len(watcher.calls) == complete(town) - before == 4
    rounds.round()
    assert len(watcher.calls) == 4, "a look is told once"
    town.lose_patience()
    town.break_wispro("http_500")
    rounds.go(hours=2)
    assert len(watcher.calls) == 4
    town.mend_wispro()
    rounds.go(hours=2)
    assert set(watcher.calls) == {f"/{UUID}"}
    assert len(watcher.calls) == complete(town) - before > 4

    cli.well_here("isp", "heartbeat", SLUG, "--off")
    told = len(watcher.calls)
    rounds.go(hours=1)
    assert len(watcher.calls) == told
    assert "nobody is called" in cli.well_here("isp", "heartbeat", SLUG).stdout


def test_failures_are_called_in_where_they_are_wanted(
    rounds: Rounds, town: Town, cli: Cli, watcher: Watcher
) -> None:
    """Once for a stretch of them; the next complete look says that it is over."""
    cli.well_here("isp", "heartbeat", SLUG, watcher.url, "--fail")
    town.lose_patience()
    town.break_wispro("http_500")
    rounds.go(hours=2)
    assert watcher.calls == [f"/{UUID}", f"/{UUID}/fail"]
    town.mend_wispro()
    rounds.go(hours=2)  # it rested for up to an hour and a quarter
    assert watcher.calls[2:]
    assert set(watcher.calls[2:]) == {f"/{UUID}"}


def test_a_heartbeat_that_fails_disturbs_nothing_and_is_tried_again(
    rounds: Rounds, town: Town, cli: Cli, watcher: Watcher
) -> None:
    """Looks go on, the doctor says what is wrong, and no secret is anywhere."""
    cli.settings["LOG_LEVEL"] = "DEBUG"
    cli.well_here("isp", "heartbeat", SLUG, "-", stdin=watcher.url + "\n")
    watcher.status = 500
    before = complete(town)
    rounds.go(hours=1)
    assert len(watcher.calls) == 5, "at each tick"
    assert complete(town) > before
    assert "answers 500" in cli.here("doctor", SLUG).text
    assert "answers 500" in cli.well_here("isp", "heartbeat", SLUG).stdout
    watcher.status = 200
    rounds.round()
    assert cli.well_here("isp", "heartbeat", SLUG, "--json").json["trouble"] is None
    assert len(watcher.calls) == 6

    assert UUID not in "".join(cli.said)
    for path in (p for p in cli.home.rglob("*") if p.is_file()):
        assert UUID.encode() not in path.read_bytes(), path


@pytest.fixture
def watched(rounds: Rounds, town: Town, watcher: Watcher) -> Rounds:
    """Give the installation a heartbeat of its own."""
    wanted = {"heartbeat_url": SecretStr(watcher.url)}
    town.house.settings = town.house.settings.model_copy(update=wanted)
    town.house.__dict__.pop("heartbeats", None)
    return rounds


@pytest.mark.parametrize("work", [Work.LOOK, Work.PLAN, Work.SEND])
def test_the_installations_heartbeat_stops_with_any_of_its_workers(
    watched: Rounds, watcher: Watcher, cli: Cli, work: Work
) -> None:
    """Within the hour; it comes back with the worker. The doctor names the one that is missing."""
    watched.go(hours=0.4)
    assert len(watcher.calls) == 2
    watched.alive -= {work}
    watched.go(hours=0.6)
    before = len(watcher.calls)
    watched.go(hours=0.6)
    assert len(watcher.calls) == before < 6
    found = [one.found for one in examine(watched.town.house, SLUG) if not one.ok]
    assert any(one.startswith(f"nobody does: {work}") for one in found)
    assert any(f"withheld: no tick of {work}" in one for one in found)
    watched.alive |= {work}
    watched.go(hours=0.4)
    assert len(watcher.calls) == before + 2
    # A command reads the real clock, to which all of this is long ago.
    assert UUID not in cli.here("doctor", HEARTBEAT_URL=watcher.url).text


def test_what_others_do_to_an_isp_does_not_stop_the_installations_heartbeat(
    watched: Rounds, town: Town, watcher: Watcher
) -> None:
    """A Wispro and a mail server that are away are that ISP's trouble, and told there."""
    town.bill(town.state.clients[0])
    town.inbox.answer = AWAY
    watched.go(hours=1)
    town.lose_patience()
    town.break_wispro("http_500")
    watched.go(hours=1)
    assert len(watcher.calls) == 10


# -- mornings -------------------------------------------------------------------------------------


def test_each_morning_the_operator_reads_what_happened(
    rounds: Rounds, town: Town, noc: Inbox, cli: Cli
) -> None:
    """At eight, once, on every channel; a day on which nothing happened is told of by nothing."""
    said = cli.well_here("isp", "operator-digest", SLUG, "daily", "--at", "7:30").stdout
    assert "daily at 07:30" in said
    town.bill(town.state.clients[0])
    gone = town.customer("Eva Sol")
    town.pair(gone, f"json://127.0.0.1:{town.sandbox.port}/nobody-takes-this")
    rounds.go(hours=0.5)
    town.bill(gone)
    rounds.go(hours=1)
    town.wait(hours=14.5)
    rounds.go(hours=1)
    assert at(town) == "Wed 07:00"
    assert subjects(noc, NOC) == ["Interatos sas: se cerró un canal"]
    rounds.go(hours=0.5)
    told = noc.letters[-1]
    assert told.subject == "Interatos sas, ayer: 1 enviado, 1 falló, 1 canal cerrado"
    text = " ".join(told.text.split())
    assert "Facturas nuevas: 1" in text
    assert "Fallaron, el proveedor los rechazó: 1 (1002)" in text
    assert f"alerta alerts {SLUG} --state failed" in text
    assert "Última lectura completa: miércoles 11/03, 07:" in text
    assert "Lecturas completas: " in text
    assert told.html
    assert subjects(town.inbox, BY_MAIL)[-1] == told.subject
    rounds.go(hours=1)
    town.wait(hours=22)
    rounds.go(hours=2)
    assert at(town) == "Thu 08:30"
    assert len(noc.letters) == 2


def test_after_days_without_a_daemon_one_digest_tells_of_all(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """Three mornings were missed: one message, at the next one, and none at the hour of return."""
    town.house.mornings.set(SLUG, "daily", "08:00")
    town.bill(town.state.clients[0])
    rounds.go(hours=1)
    town.wait(hours=56)  # Thursday, 23:00
    rounds.go(hours=0.5)
    town.wait(hours=8)
    rounds.go(hours=0.2)
    assert (at(town), noc.letters) == ("Fri 07:42", [])
    rounds.go(hours=1)
    assert subjects(noc, NOC) == ["Interatos sas, del martes 10/03 al jueves 12/03: 1 enviado"]


def test_a_digest_that_could_not_be_told_does_not_come_together_with_the_next(
    rounds: Rounds, town: Town, noc: Inbox
) -> None:
    """It is of no use any more by then."""
    town.house.mornings.set(SLUG, "daily", None)
    town.bill(town.state.clients[0])
    rounds.go(hours=1)
    noc.answer = AWAY
    town.wait(hours=17)  # Wednesday, 08:00
    rounds.go(hours=1)
    eva = town.customer("Eva Sol")
    town.pair(eva)
    rounds.go(hours=0.5)
    town.bill(eva)
    rounds.go(hours=0.5)
    town.wait(hours=19)
    noc.answer = WELL
    rounds.go(hours=4)
    assert subjects(noc, NOC) == ["Interatos sas, ayer: 1 enviado"]


@pytest.mark.parametrize(
    "words",
    [
        ("isp", "heartbeat", SLUG, f"http://hc-ping.com/{UUID}"),
        ("isp", "heartbeat", SLUG, UUID),
        ("isp", "heartbeat", "nobody", f"https://hc-ping.com/{UUID}"),
        ("isp", "heartbeat", SLUG, "--fail"),
        ("isp", "heartbeat", SLUG, f"https://hc-ping.com/{UUID}", "--off"),
        ("isp", "heartbeat", SLUG, "-"),
        ("isp", "operator-digest", SLUG, "monthly"),
        ("isp", "operator-digest", SLUG, "daily", "--at", "25:00"),
        ("isp", "operator-digest", SLUG, "daily", "--at", "noon"),
        ("isp", "operator-digest", "nobody", "daily"),
        ("isp", "tune", SLUG, "--no-look-hours", "0"),
        ("isp", "tune", SLUG, "--no-send-hours", "169"),
    ],
)
def test_what_cannot_be_set_is_one_line(town: Town, cli: Cli, words: tuple[str, ...]) -> None:
    """On stderr, with exit 1, and without what was typed where that may be a secret."""
    del town
    ran = cli.here(*words)
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert UUID not in ran.stderr


def test_the_hours_of_silence_are_the_operators_choice(town: Town, cli: Cli) -> None:
    """Six without a look and two without a send, unless told otherwise."""
    del town
    assert "no_look_hours 6, no_send_hours 2" in cli.well_here("isp", "tune", SLUG).stdout
    said = cli.well_here("isp", "tune", SLUG, "--no-look-hours", "12", "--no-send-hours", "1")
    assert "no_look_hours 12, no_send_hours 1" in said.stdout
