"""Support looks after the channels of one customer, and a new channel learns that it works."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notifications.door import AppriseDoor, warm
from tests.support.cli import Cli, Ran
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from tests.unit.notifications.servers import Provider
from wispro.sandbox.model import Client

BOT = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
BLOCKED = {"description": "Forbidden: bot was blocked by the user"}
WHAPI = "whapi://" + "a" * 32 + "/5493546555001"
#: Colombia's: one contact a day, one channel a week.
ONE_CHANNEL = """
preset = "CO"
[[step]]
kind = "issued"
[[step]]
kind = "due_soon"
anchor = "first_due"
days = -5
[[step]]
kind = "due_soon"
anchor = "first_due"
days = -1
"""


@pytest.fixture
def telegram(town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Give the ISP a bot, and Telegram an address on loopback."""
    warm()
    server = Provider()
    api = f"http://127.0.0.1:{server.port}"
    monkeypatch.setattr(town.house.messenger, "_telegram_api", api)
    town.house.isps.set_transport(SLUG, "telegram", f"tgram://{BOT}", now=town.now)
    yield server
    server.close()


@pytest.fixture
def alerta(town: Town, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command at the time of the town."""
    monkeypatch.setattr("worker.house.utc_now", town.clock)
    return cli.here


def channels(alerta: Callable[..., Ran], who: Client) -> list[dict[str, Any]]:
    """Return what `channels list` says."""
    ran = alerta("channels", "list", SLUG, who.id, "--json")
    assert ran.code == 0, ran.text
    return list(ran.json)


def subjects(town: Town) -> list[str]:
    """Return the subjects of what arrived."""
    return [letter.subject for letter in town.letters]


# -- a new channel is told ------------------------------------------------------------------------


def test_a_new_channel_is_told_once_in_the_customers_language(town: Town) -> None:
    """Who writes, what will come and how to stop; in hours, and never a second time."""
    ana = town.customer()
    paired = town.house.pairing.pair(
        SLUG, ana.id, ["ana@clientes.example"], now=town.now, locale="pt_BR"
    )
    town.go_round()
    town.pair(ana, quiet=False)
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    town.pair(ana, quiet=False)
    town.wait(hours=1)
    town.go_round()

    assert paired.welcomed == 1
    assert subjects(town) == ["Interatos sas: seus avisos chegam aqui"]
    (letter,) = town.letters
    assert "Cada fatura nova" in letter.text
    assert "peça ao suporte" in " ".join(letter.text.split())
    assert town.ends() == [("welcome", "added", "sent", None)]


@on_sqlite
def test_a_channel_that_existed_before_is_not_welcomed(town: Town) -> None:
    """Not when its account is paired again, and not when it is opened again."""
    ana = town.customer()
    town.pair(ana)
    town.house.channels.remove(SLUG, ana.id, 1, author="eva", now=town.now)
    again = town.house.pairing.add(SLUG, ana.id, [str(ana.email)], now=town.now)
    town.pair(ana, quiet=False)
    town.go_round()

    assert (again.known, again.welcomed) == (("a…@clientes.example",), 0)
    assert town.lines() == []


@on_sqlite
def test_a_welcome_waits_for_the_contact_hours_and_counts_for_no_cap(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """Paired at night: told in the morning; the day's one reminder goes all the same."""
    head = 'hours = "09:00-19:00"\n[caps]\nper_day = 1\n'
    step = '[[step]]\nkind = "overdue"\nanchor = "first_due"\ndays = 3\n'
    town.house.policies.set(SLUG, head + step, author="eva", now=town.now)
    town.wait(hours=11)  # 23:00
    ana = town.customer()
    town.pair(ana, quiet=False)
    town.go_round()
    assert subjects(town) == []
    told = alerta("explain", SLUG, ana.id).stdout
    waits = "bienvenida al canal Espera: está fuera del horario de contacto; va a salir el 11/03"
    assert waits in " ".join(told.split())
    assert alerta("simulate", SLUG, "--days", "3", "--json").json["kinds"] == {"welcome": 1}
    for kind in ("welcome", "test"):
        shown = alerta("preview", kind, "--isp", SLUG, "--account", ana.id)
        assert (shown.code, "Interatos sas" in shown.stdout) == (0, True)

    town.wait(hours=10)
    town.go_round()
    assert subjects(town) == ["Interatos sas: tus avisos te llegan acá"]
    town.bill(ana, due_in=1)
    town.sync()
    for _ in range(4):
        town.wait(days=1)
        town.go_round()
    before = len(town.letters)
    town.house.pairing.add(SLUG, ana.id, ["otra@clientes.example"], now=town.now)
    town.go_round()

    assert town.kinds()[:before] == ["welcome", "overdue"]
    assert town.kinds()[before:] == ["welcome"]
    assert town.letters[-1].recipient == "otra@clientes.example"
    assert "Un recordatorio antes" not in town.letters[-1].text  # this policy has none
    assert "Un aviso si no registramos" in town.letters[-1].text


@on_sqlite
def test_a_welcome_can_be_left_out_by_hand_and_by_the_policy(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """`--quiet` leaves nothing; `confirm = false` leaves a row that says why."""
    ana = town.customer()
    assert alerta("pair", SLUG, ana.id, "--to", "ana@clientes.example", "--quiet").code == 0
    step = '[[step]]\nkind = "issued"\n'
    town.house.policies.set(SLUG, "confirm = false\n" + step, author="eva", now=town.now)
    ran = alerta("channels", "add", SLUG, ana.id, "--to", "otra@clientes.example")
    town.go_round()

    assert ran.code == 0, ran.text
    assert town.letters == []
    assert town.ends() == [("welcome", "added", "skipped", "not_in_policy")]


@on_sqlite
def test_what_is_planned_for_a_channel_that_is_taken_away_ends_with_it(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """A wrong address that is mended at once hears nothing, not even a welcome."""
    ana = town.customer()
    town.pair(ana, "mal@clientes.example", quiet=False)
    alerta("channels", "add", SLUG, ana.id, "--to", "ana@clientes.example", "--first")
    assert [one["number"] for one in channels(alerta, ana)] == [2, 1]
    ran = alerta("channels", "remove", SLUG, ana.id, "1", "--by", "eva")
    town.go_round()

    assert ran.code == 0, ran.text
    assert "alerts that had not left for it: 1" in ran.stdout
    assert [letter.recipient for letter in town.letters] == ["ana@clientes.example"]
    assert [(one.state, one.reason) for one in town.lines()] == [
        ("cancelled", "channel_removed"), ("sent", None),
    ]  # fmt: skip


# -- staff look after them ------------------------------------------------------------------------


def test_channels_are_listed_closed_opened_taken_away_and_put_in_order(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """Numbers stay, places change, reasons are kept, and what was sent stays on record."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.go_round()
    to = "uno@clientes.example\n\njson://u:s3cret@hook.example/x"
    ran = alerta("channels", "add", SLUG, ana.id, "--file", "-", "--quiet", stdin=to)
    assert ran.code == 0, ran.text
    assert "s3cret" not in ran.text
    assert alerta("channels", "order", SLUG, ana.id, "3", "1").stdout.startswith("in this order: ")
    shown = [(one["number"], one["order"], one["state"]) for one in channels(alerta, ana)]
    assert shown == [(3, 1, "open"), (1, 2, "open"), (2, 3, "open")]

    why = ("--reason", "solo quiere uno", "--by", "eva")
    assert alerta("channels", "disable", SLUG, ana.id, "2", *why).code == 0
    assert alerta("channels", "remove", SLUG, ana.id, "1", "--by", "eva").code == 0
    third, second, first = channels(alerta, ana)
    assert (third["number"], third["condition"], third["delivered_at"]) == (3, "untried", None)
    assert (second["state"], second["why"], second["closed_by"]) == (
        "closed", "solo quiere uno", "eva",
    )  # fmt: skip
    assert (first["state"], first["order"], first["delivered"]) == ("removed", None, 1)
    assert first["why"] == "taken away by eva"
    assert [(one.kind, one.state) for one in town.lines()] == [("issued", "sent")]
    table = alerta("channels", "list", SLUG, ana.id).stdout
    assert "solo quiere uno" in table
    assert "s3cret" not in table

    again = alerta("channels", "remove", SLUG, ana.id, "1")
    assert (again.code, "there is: 2 u…@clientes.example, 3 json" in again.text) == (1, True)
    assert alerta("channels", "enable", SLUG, ana.id, "2").code == 0
    assert "is open" in alerta("channels", "enable", SLUG, ana.id, "2").text
    assert alerta("channels", "add", SLUG, ana.id, "--to", "ana@clientes.example").code == 0
    shown = [(one["number"], one["order"], one["state"]) for one in channels(alerta, ana)]
    assert shown == [(3, 1, "open"), (2, 2, "open"), (1, 3, "open")]
    for words in (("accounts", SLUG), ("explain", SLUG, ana.id)):
        assert alerta(*words).code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("disable", "1"), "--reason"),
        (("disable", "1", "--reason", " "), "--reason: say why"),
        (("disable", "7", "--reason", "x"), "no channel 7; there is: 1 a…@clientes.example"),
        (("remove", "0"), "no channel 0"),
        (("enable", "1"), "is open"),
        (("test", "2"), "no channel 2"),
        (("order", "1", "9"), "no channel 9"),
        (("add",), "at least one destination"),
        (("add", "--file", "/nowhere"), "--file: cannot read"),
        (("add", "--file", "-"), "no destination in it"),
        (("add", "--to", WHAPI), "WhatsApp may ban the number"),
    ],
)
@on_sqlite
def test_what_cannot_be_done_with_a_channel_is_said_in_one_line(
    town: Town, alerta: Callable[..., Ran], words: tuple[str, ...], says: str
) -> None:
    """Exit 1 or 2, what is wrong, and nothing changed."""
    ana = town.customer()
    town.pair(ana)
    verb, *more = words
    ran = alerta("channels", verb, SLUG, ana.id, *more)

    assert ran.code in {1, 2}
    assert says in " ".join(ran.text.split())
    assert [one["state"] for one in channels(alerta, ana)] == ["open"]


@on_sqlite
def test_a_gateway_that_whatsapp_may_ban_is_somebodys_own_decision(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """Refused in every command that takes one; accepted, it is kept who did so and when."""
    ana = town.customer()
    refused = alerta("pair", SLUG, ana.id, "--to", WHAPI)
    assert (refused.code, "--accept-ban-risk" in refused.text) == (1, True)
    transport = alerta("isp", "transport", SLUG, "telegram", WHAPI)
    assert (transport.code, "may ban" in transport.text) == (1, True)

    risky = ("--to", WHAPI, "--accept-ban-risk", "--by", "eva", "--quiet")
    ran = alerta("pair", SLUG, ana.id, *risky)
    assert ran.code == 0, ran.text
    (line,) = channels(alerta, ana)
    assert (line["kind"], line["ban_risk_accepted_by"]) == ("whapi", "eva")
    assert line["ban_risk_accepted_at"].startswith("2026-03-10T15:00")


# -- a test ---------------------------------------------------------------------------------------


def test_a_test_message_takes_the_way_of_alerts_and_is_on_record(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """At night too, marked, in the customer's language, without waiting for anybody else."""
    head = 'hours = "09:00-19:00"\n[[step]]\nkind = "issued"\n'
    town.house.policies.set(SLUG, head, author="eva", now=town.now)
    town.wait(hours=11)  # 23:00
    ana = town.customer()
    town.house.pairing.pair(
        SLUG, ana.id, ["ana@clientes.example"], now=town.now, locale="en", quiet=True
    )
    ran = alerta("channels", "test", SLUG, ana.id, "1", "--by", "eva")
    town.wait(seconds=1)
    again = alerta("channels", "test", SLUG, ana.id, "1", "--json")

    assert ran.code == again.code == 0, ran.text
    assert "test to a…@clientes.example of Ana Álvarez: sent" in ran.stdout
    assert again.json["state"] == "sent"
    assert subjects(town) == ["TEST: message from Interatos sas"] * 2
    assert [(line.kind, line.state) for line in town.lines()] == [("test", "sent")] * 2
    told = alerta("explain", SLUG, ana.id, "--lang", "en").stdout
    assert "About the channels" in told
    assert "good: 2 of 2 arrived" in told
    proof = alerta("evidence", SLUG, "--from", "2026-03-10", "--to", "2026-03-11", "--csv", "-")
    assert [row["kind"] for row in csv.DictReader(proof.stdout.splitlines())] == ["test", "test"]


@on_sqlite
def test_a_test_says_plainly_what_went_wrong(
    town: Town, alerta: Callable[..., Ran], telegram: Provider
) -> None:
    """Refused for good: the channel is closed, and the command says so; a closed one has none."""
    ana = town.customer()
    town.pair(ana, "ana@clientes.example", "ntfy:ana-7f3k2")
    town.inbox.answer = "451 4.3.0 later"
    later = alerta("channels", "test", SLUG, ana.id, "1")
    assert (later.code, "not yet, provider_trouble" in later.text) == (1, True)
    missing = alerta("channels", "test", SLUG, ana.id, "2")
    assert "not yet, no_transport" in missing.text
    town.wait(minutes=1)  # the sending account rested
    town.inbox.answer = "550 5.1.1 no such user"
    refused = alerta("channels", "test", SLUG, ana.id, "1")
    assert (refused.code, "failed, rejected" in refused.text) == (1, True)
    assert "the channel is closed now" in refused.text
    closed = alerta("channels", "test", SLUG, ana.id, "1")
    assert (closed.code, "is closed" in closed.text) == (1, True)

    town.wait(minutes=11)
    town.inbox.answer = "250 kept"
    town.go_round()
    assert town.letters == []
    assert {(one.state, one.reason) for one in town.lines()} == {
        ("cancelled", "channel_disabled"), ("skipped", "missed"), ("failed", "rejected"),
    }  # fmt: skip
    mail, push = channels(alerta, ana)
    assert (mail["condition"], mail["failed"]) == ("closed", 2)
    assert push["condition"] == "untried"


# -- at once --------------------------------------------------------------------------------------


class Meanwhile(AppriseDoor):
    """The door to people, with somebody who acts while a message is being written."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[Callable[[], object]] = []

    def render(self, *given: Any, **named: Any) -> Any:
        """Let them act, and write."""
        if self.acts:
            self.acts.pop()()
        return super().render(*given, **named)


@pytest.mark.parametrize("what", ["disable", "remove", "unpair", "stop"])
def test_what_is_claimed_and_not_begun_does_not_leave_a_closed_channel(
    town: Town, what: str
) -> None:
    """Closed between the gate's last word and the journal: nothing leaves, the reason is kept."""
    ana = town.customer()
    door = Meanwhile()
    vars(town.house)["messenger"] = door
    town.settled(ana)
    town.bill(ana, due_in=5)
    town.bill(ana, due_in=5, contract=0)
    town.sync()
    acts: dict[str, Callable[[], object]] = {
        "disable": lambda: town.house.channels.disable(
            SLUG, ana.id, 1, reason="no more", author="eva", now=town.now
        ),
        "remove": lambda: town.house.channels.remove(SLUG, ana.id, 1, author="eva", now=town.now),
        "unpair": lambda: town.house.pairing.unpair(SLUG, ana.id, now=town.now),
        "stop": lambda: town.house.channels.disable(
            SLUG, ana.id, 1, reason="said stop", author="bea", now=town.now
        ),
    }
    door.acts = [acts[what]]
    town.deliver()
    town.wait(hours=1)
    town.go_round()

    reason = {"remove": "channel_removed", "unpair": "unpaired"}.get(what, "channel_disabled")
    assert door.acts == []
    assert town.letters == []
    assert {(one.state, one.reason) for one in town.lines()} == {("cancelled", reason)}


# -- the next channel -----------------------------------------------------------------------------


@on_sqlite
def test_the_next_channel_goes_where_one_a_week_is_allowed(town: Town, telegram: Provider) -> None:
    """Under Colombia's caps the first channel is used; once it is blocked, the next one is."""
    town.house.policies.set(SLUG, ONE_CHANNEL, author="eva", now=town.now)
    ana = town.customer()
    town.pair(ana, "telegram:12345", "ana@clientes.example", "ana@trabajo.example")
    town.house.channels.order(SLUG, ana.id, [1, 3])
    town.sync()
    town.bill(ana, due_in=5)
    telegram.answers = [(403, BLOCKED)]
    town.go_round()

    assert {one.channel: (one.kind, one.state, one.reason) for one in town.lines()} == {
        "telegram …345": ("due_soon", "failed", "rejected"),
        "a…@trabajo.example": ("due_soon", "sent", None),
        "a…@clientes.example": ("due_soon", "skipped", "cap_week"),
    }
    assert [one.recipient for one in town.letters] == ["ana@trabajo.example"]


@on_sqlite
def test_what_a_cap_ended_is_taken_up_again_when_the_first_channel_closes(
    town: Town, telegram: Provider
) -> None:
    """Doubtful on the first, so capped on the next; refused after all, so owed again there."""
    text = (
        "digest_from = 0\n[caps]\nchannels_per_week = 1\n"
        '[[step]]\nkind = "due_soon"\nanchor = "first_due"\ndays = -5\n'
    )
    town.house.policies.set(SLUG, text, author="eva", now=town.now)
    ana = town.customer()
    town.pair(ana, "telegram:12345", "ana@clientes.example")
    town.sync()
    town.bill(ana, due_in=5)
    telegram.answers = [(0, {})]  # it may have arrived: it counts
    town.go_round()
    uncertain, capped = town.lines()
    assert (uncertain.state, capped.state, capped.reason) == ("uncertain", "skipped", "cap_week")

    town.house.resending.resend(uncertain.id, author="eva", now=town.now)
    telegram.answers = [(403, BLOCKED)]
    town.deliver()
    town.deliver()
    assert [(one.state, one.reason) for one in town.lines()] == [
        ("failed", "rejected"), ("sent", None),
    ]  # fmt: skip


def test_the_next_channel_takes_over_what_was_laid_before_it_came(
    town: Town, alerta: Callable[..., Ran], telegram: Provider
) -> None:
    """An alert with no other way goes to the channel that was added since; it is not sent twice."""
    ana = town.customer()
    town.pair(ana, "telegram:12345")
    town.sync()
    town.bill(ana, due_in=20)
    town.sync()
    town.house.pairing.add(SLUG, ana.id, ["ana@clientes.example"], now=town.now, quiet=True)
    telegram.answers = [(403, BLOCKED)]
    for _ in range(3):
        town.go_round()
        town.wait(minutes=5)

    assert {(one.channel, one.state, one.reason) for one in town.lines()} == {
        ("telegram …345", "failed", "rejected"),
        ("a…@clientes.example", "sent", None),
    }
    assert town.kinds() == ["issued"]

    chat, mail = channels(alerta, ana)
    assert (chat["condition"], mail["condition"]) == ("closed", "good")


@on_sqlite
def test_what_arrived_elsewhere_is_taken_over_by_nobody(town: Town, telegram: Provider) -> None:
    """The chat is gone, the mail has it: a third channel, added since, does not get it too."""
    ana = town.customer()
    town.pair(ana, "ana@clientes.example", "telegram:12345")
    town.sync()
    town.bill(ana, due_in=20)
    town.sync()
    town.house.pairing.add(SLUG, ana.id, ["ana@trabajo.example"], now=town.now, quiet=True)
    telegram.answers = [(403, BLOCKED)]
    town.go_round()
    town.go_round()

    assert [one.recipient for one in town.letters] == ["ana@clientes.example"]
    assert len(town.lines()) == 2


@on_sqlite
def test_one_message_about_several_invoices_is_one_try(
    town: Town, alerta: Callable[..., Ran]
) -> None:
    """The health of a channel counts messages, not what they were about."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=5)
    town.bill(ana, due_in=5)
    town.go_round()

    assert len(town.letters) == 1
    assert [one.state for one in town.lines()] == ["sent", "sent"]
    (line,) = channels(alerta, ana)
    assert (line["condition"], line["delivered"]) == ("good", 1)


@on_sqlite
def test_a_channel_takes_over_only_what_policy_and_customer_want_there(
    town: Town, telegram: Provider
) -> None:
    """A step for chats only is not told by mail because the chat is gone."""
    text = '[[step]]\nkind = "issued"\nchannels = ["chat"]\n'
    town.house.policies.set(SLUG, text, author="eva", now=town.now)
    ana = town.customer()
    town.pair(ana, "telegram:12345")
    town.sync()
    town.bill(ana, due_in=20)
    town.sync()
    town.house.pairing.add(SLUG, ana.id, ["ana@clientes.example"], now=town.now, quiet=True)
    telegram.answers = [(403, BLOCKED)]
    town.go_round()
    town.go_round()

    assert town.letters == []
    assert [(one.channel, one.state, one.reason) for one in town.lines()] == [
        ("telegram …345", "failed", "rejected")
    ]


def test_staff_who_replace_a_channel_lose_nothing_that_waits(town: Town) -> None:
    """A new address is added and the old one taken away: what waited goes to the new one, once."""
    head = 'hours = "09:00-19:00"\n[[step]]\nkind = "issued"\n'
    town.house.policies.set(SLUG, head, author="eva", now=town.now)
    ana = town.customer()
    town.pair(ana, "vieja@clientes.example")
    town.sync()
    town.wait(hours=10)  # 22:00
    town.bill(ana, due_in=20)
    town.go_round()
    town.house.pairing.add(SLUG, ana.id, ["nueva@clientes.example"], now=town.now, quiet=True)
    done = town.house.channels.remove(SLUG, ana.id, 1, author="eva", now=town.now)
    town.wait(hours=12)
    town.go_round()

    assert (done.cancelled, done.taken_over, done.left) == (1, 1, 1)
    assert [one.recipient for one in town.letters] == ["nueva@clientes.example"]
    assert {(one.state, one.reason) for one in town.lines()} == {
        ("cancelled", "channel_removed"), ("sent", None),
    }  # fmt: skip
