"""What hurt the users of other systems, and does not happen here: a story for each of 24 rules.

They stand in the order of the rules. Stories elsewhere that say more about a rule bear its mark
too; `pytest -m "rule(number=7)"` runs all of one rule.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from billing.calendar import DEFAULT_HOURS
from billing.gate import Rule
from billing.held import HoldKind
from billing.isps import Tuning
from billing.policy_file import default_text
from notifications.door import warm
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT
from tests.support.town import SLUG, TOKEN, ZONE, Town
from tests.unit.notifications.servers import Provider
from wispro.sandbox.model import Client


class Hurt(NamedTuple):
    """What hurt people elsewhere; `told` = how much of our answer the stories cover."""

    what: str
    told: str = "all of it"


RULES = {
    1: Hurt("a job run every minute sent 100 copies"),
    2: Hurt("the job was down that day: the reminder never came"),
    3: Hurt("… or three came at once"),
    4: Hurt("reminded although paid"),
    5: Hurt("overdue the morning after the first sight"),
    6: Hurt("date off by one, evening runs see tomorrow"),
    7: Hurt("SMS at midnight"),
    8: Hurt("nagged although credit covers it"),
    9: Hurt("partial payment ignored"),
    10: Hurt("due date moved, old date kept"),
    11: Hurt("first import told everyone about old debts"),
    12: Hurt("provider limits block the whole run"),
    13: Hurt("Telegram 429 lost messages, blind retry sent twice"),
    14: Hurt("403 bot was blocked, retried for ever"),
    15: Hurt("cannot tell which channel failed; retry re-sends to all"),
    16: Hurt("subject in one language, body in another"),
    17: Hurt(
        "PDF missing or too big",
        "what is no PDF, or above 1 MB, stays behind with a note; there is no link to it",
    ),
    18: Hurt("nobody knows why a message went, or did not"),
    19: Hurt("settings changed and 300 messages left"),
    20: Hurt("an API glitch marked everyone unpaid"),
    21: Hurt("a disputed invoice kept being chased"),
    22: Hurt("five contracts, five messages"),
    23: Hurt("staff resync spammed the customer"),
    24: Hurt("secrets in logs and repositories"),
}

BOT = "123456789:AAbot-token-of-the-isp-that-nobody-sees"
TOO_MANY = {"description": "Too Many Requests: retry after 35", "parameters": {"retry_after": 35}}
BLOCKED = {"description": "Forbidden: bot was blocked by the user"}
UNPAID = "no registramos el pago"


def at(town: Town, day: int, clock: str, zone: str = ZONE) -> None:
    """Set the clock: so many days after Tuesday 10 March 2026, at this time on the wall."""
    moment = datetime.combine(date(2026, 3, 10) + timedelta(days=day), time.fromisoformat(clock))
    town.now = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def plain(text: str) -> str:
    """Return a text with every white space a single blank."""
    return " ".join(text.split())


def one_customer(town: Town, due_in: int | None = 10, **given: Any) -> Client:
    """Add a customer who was looked at once, silently, and then got an invoice."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=due_in, **given)
    return ana


def hours_of(town: Town) -> list[time]:
    """Return the times on the wall at which something went."""
    sent = [line.sent_at for line in town.lines("sent") if line.sent_at]
    return [moment.astimezone(ZoneInfo(ZONE)).time() for moment in sent]


def hold(town: Town, who: Client, days: int, invoice: str | None = None) -> None:
    """Ask nothing of a customer, or for one invoice, until a day is over."""
    until = town.today + timedelta(days=days)
    town.house.holds.put(
        SLUG, who.id, kind=HoldKind.HOLD, until=until, reason="disputes it", author="eva",
        invoice=invoice, now=town.now,
    )  # fmt: skip


def policy(town: Town, *steps: str) -> None:
    """Give the ISP a policy of these steps."""
    text = "".join(f"[[step]]\n{step}\n" for step in steps)
    town.house.policies.set(SLUG, text, author="eva", now=town.now)


@pytest.fixture
def daytime(make_town: Callable[..., Town]) -> Town:
    """Give the test a town whose ISP named no contact hours of its own."""
    town = make_town()
    town.add_isp(contact_hours=DEFAULT_HOURS)
    return town


@pytest.fixture
def present(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands read the clock of the town."""
    monkeypatch.setattr("worker.house.utc_now", town.clock)


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


@pytest.mark.rule(number=1)
@on_sqlite
def test_a_job_run_every_minute_sends_one_copy(town: Town) -> None:
    """A hundred minutes of plan and deliver, and a look every ten: one announcement."""
    one_customer(town)
    for minute in range(100):
        if minute % 10 == 0:
            town.sync()
        town.deliver()
        town.wait(minutes=1)

    assert town.kinds() == ["issued"]


@pytest.mark.rule(number=1)
def test_a_job_started_four_times_at_once_sends_one_copy(make_town: Callable[..., Town]) -> None:
    """Whoever claims a delivery sends it; the others find nothing left, on both databases."""
    town = make_town()
    town.add_isp()
    people = [town.customer(name) for name in ("Ana", "Bea", "Caro")]
    town.settled(*people)
    for who in people:
        town.bill(who)
    town.sync()
    workers = [make_town() for _ in range(4)]
    with ThreadPoolExecutor(len(workers)) as pool:
        for _ in range(3):
            list(pool.map(Town.deliver, workers))

    assert Counter(one.recipient for one in town.letters) == {str(who.email): 1 for who in people}


@pytest.mark.rule(number=2)
@pytest.mark.parametrize(
    ("asleep", "awake", "went", "says"),
    [
        ((4, "23:00"), (6, "10:00"), "due_soon -5d", "vence el viernes 20 de marzo"),
        ((8, "20:00"), (10, "08:00"), "due_today 0d", "vence hoy, viernes 20 de marzo"),
        ((12, "22:00"), (15, "09:00"), "overdue +3d", UNPAID),
    ],
)
@on_sqlite
def test_a_job_that_was_down_on_that_day_sends_the_reminder_on_the_next(
    town: Town, asleep: tuple[int, str], awake: tuple[int, str], went: str, says: str
) -> None:
    """No step asks whether today is its day; what it says is true on the day on which it goes."""
    one_customer(town, due_in=10)
    town.go_round()
    at(town, *asleep)
    town.go_round()
    before = len(town.letters)
    at(town, *awake)
    town.go_round()

    assert [f"{one.kind} {one.step}" for one in town.lines("sent")][before:] == [went]
    assert says in plain(town.letters[-1].text).lower()


@pytest.mark.rule(number=3)
@on_sqlite
def test_two_weeks_without_the_job_cost_each_customer_one_message_at_most(town: Town) -> None:
    """Whatever came due meanwhile, the latest step goes while it is of use, the rest is missed."""
    latest = {6: "+7d", 13: None, 14: "0d", 19: "-5d"}  # by the days left at the start
    people = {days: town.customer(f"P{days} Gómez") for days in latest}
    town.settled(*people.values())
    for days, who in people.items():
        town.bill(who, due_in=days)
    town.go_round()
    announced = len(town.letters)
    town.wait(days=14)
    for _ in range(3):
        town.go_round()

    went = {line.name: line.step for line in town.lines("sent") if line.kind != "issued"}
    assert went == {f"P{days} Gómez": step for days, step in latest.items() if step}
    assert len(town.letters) - announced == len(went)
    others = {(line.state, line.reason) for line in town.lines() if line.state != "sent"}
    assert others == {("skipped", "missed")}


@pytest.mark.rule(number=4)
@on_sqlite
def test_who_paid_a_minute_before_is_not_reminded(town: Town) -> None:
    """At nine, two are to be reminded; one of them paid since the last look, and hears of that."""
    people = [town.customer(name) for name in ("Ana", "Bea")]
    town.settled(*people)
    paid, _ = (town.bill(who, due_in=6) for who in people)
    town.go_round()
    at(town, 1, "08:00")
    town.sync()
    at(town, 1, "08:59")
    town.state.pay(paid)
    at(town, 1, "09:00")
    town.deliver()
    town.go_round()

    heard = zip(town.kinds(), (one.recipient[:3] for one in town.letters), strict=True)
    assert sorted(list(heard)[2:]) == [("due_soon", "bea"), ("paid", "ana")]


@pytest.mark.rule(number=4)
@pytest.mark.parametrize(("seconds", "goes"), [(300, True), (301, False)])
@on_sqlite
def test_without_a_look_of_five_minutes_nobody_is_reminded(
    town: Town, seconds: int, *, goes: bool
) -> None:
    """While Wispro does not answer about an invoice, what it said five minutes ago still counts."""
    one_customer(town, due_in=1)
    town.sync()
    town.break_wispro("http_500", path="invoicing/invoices/")
    town.wait(seconds=seconds)

    assert (town.deliver().sent == 1) is goes
    assert town.ends()[-1][2:] == (("sent", None) if goes else ("planned", "stale_data"))


@pytest.mark.rule(number=5)
@on_sqlite
def test_nobody_is_overdue_the_morning_after_the_first_sight(daytime: Town) -> None:
    """Seen on an evening, four days late: announced in the morning, overdue on the third one."""
    town = daytime
    ana = town.customer()
    town.settled(ana)
    at(town, 0, "20:00")
    town.bill(ana, due_in=-4)
    town.go_round()
    heard = []
    for day in range(1, 4):
        at(town, day, "09:00")
        town.go_round()
        heard.append(town.kinds())

    assert heard == [["issued"], ["issued"], ["issued", "overdue"]]
    assert [UNPAID in one.everything.lower() for one in town.letters] == [False, True]


@pytest.mark.rule(number=5)
@on_sqlite
def test_a_reminder_that_waited_says_what_is_true_on_the_day_it_goes(town: Town) -> None:
    """Planned five days before, held for three: it does not speak of a Friday, but of tomorrow."""
    policy(town, 'kind = "due_soon"\nanchor = "first_due"\ndays = -5')
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=5)
    town.sync()
    hold(town, ana, 3)
    town.deliver()
    assert town.letters == []
    town.wait(days=4)
    town.go_round()

    assert "mañana" in town.letters[0].subject.lower()


@pytest.mark.rule(number=6)
@pytest.mark.parametrize("zone", [ZONE, "America/Mexico_City", "America/Noronha"])
@on_sqlite
def test_an_evening_run_does_not_see_tomorrow(make_town: Callable[..., Town], zone: str) -> None:
    """Nothing is due today a minute before midnight of the ISP's own zone; a minute later it is."""
    town = make_town()
    town.add_isp(timezone=zone)
    one_customer(town, first_due_date="2026-03-13", second_due_date=None)
    for clock in ("18:00", "21:30", "23:59"):
        at(town, 2, clock, zone)
        town.go_round()
    assert "due_today" not in town.kinds()
    assert "mañana" in town.letters[-1].subject.lower()

    at(town, 3, "00:00", zone)
    town.go_round()
    assert town.kinds()[-1] == "due_today"
    assert "viernes 13 de marzo" in plain(town.letters[-1].text)


@pytest.mark.rule(number=6)
@on_sqlite
def test_the_clocks_go_back_and_nine_is_still_nine(make_town: Callable[..., Town]) -> None:
    """Chile leaves summer time on 5 April: each reminder goes at nine on the wall, not at eight."""
    santiago = "America/Santiago"
    town = make_town()
    town.add_isp(timezone=santiago, contact_hours=DEFAULT_HOURS)
    one_customer(town, first_due_date="2026-04-07", second_due_date=None)
    town.go_round()
    heard = []
    for day in (23, 27):  # of the 2nd and of the 6th of April
        for clock in ("08:59", "09:00"):
            at(town, day, clock, santiago)
            town.go_round()
            heard.append((f"{town.now:%d %H:%M}", len(town.letters)))

    assert heard == [("02 11:59", 1), ("02 12:00", 2), ("06 12:59", 2), ("06 13:00", 3)]


@pytest.mark.rule(number=7)
@on_sqlite
def test_nobody_is_written_to_at_midnight(daytime: Town) -> None:
    """Five days, every two hours, and things happen at night: all of it goes by day."""
    town = daytime
    ana, bea, caro, dora = (town.customer(name) for name in ("Ana", "Bea", "Caro", "Dora"))
    town.settled(ana, bea, caro, dora)
    town.bill(ana, due_in=2)
    paid, voided, moved = (town.bill(who, due_in=20) for who in (bea, caro, dora))
    town.sync()
    happens = {
        (1, 2): lambda: town.state.pay(paid),
        (2, 22): lambda: town.state.set_state(voided, "void"),
        (3, 0): lambda: town.state.change_invoice(moved, first_due_date="2026-04-20"),
        (4, 20): lambda: town.bill(bea),
    }
    for hours in range(12, 5 * 24 + 12, 2):
        day, hour = divmod(hours, 24)
        at(town, day, f"{hour:02}:00")
        if (day, hour) in happens:
            happens[day, hour]()
            town.sync()
        town.deliver()

    went = hours_of(town)
    assert all(time(9) <= one < time(19) for one in went), went
    events = {"issued", "paid", "voided", "changed"}
    assert set(town.kinds()) == events | {"due_soon", "due_today", "overdue"}


@pytest.mark.rule(number=7)
@pytest.mark.parametrize(
    ("clock", "goes"), [("08:59", False), ("09:00", True), ("18:59", True), ("19:00", False)]
)
@on_sqlite
def test_the_window_opens_at_nine_and_closes_at_seven(
    daytime: Town, clock: str, *, goes: bool
) -> None:
    """A minute before each end of a day, and the end itself."""
    at(daytime, 1, clock)
    one_customer(daytime)
    daytime.go_round()

    assert bool(daytime.letters) is goes


@pytest.mark.rule(number=7)
@on_sqlite
def test_what_was_put_off_in_the_evening_waits_for_the_morning(daytime: Town) -> None:
    """Planned for an hour at which it may go, it is asked again when it does go."""
    at(daytime, 1, "18:58")
    one_customer(daytime)
    daytime.inbox.answer = "451 4.3.0 try again later"
    daytime.go_round()
    daytime.inbox.answer = "250 kept"
    for day, clock, arrived in ((1, "19:00", 0), (2, "08:59", 0), (2, "09:00", 1)):
        at(daytime, day, clock)
        daytime.deliver()
        assert len(daytime.letters) == arrived


@pytest.mark.rule(number=8)
@pytest.mark.parametrize(
    ("credit", "end"),
    [
        ("2590.00", ("skipped", "credit_covers")),
        ("2490.01", ("skipped", "below_minimum")),
        ("2490.00", ("sent", None)),
    ],
)
@on_sqlite
def test_nobody_is_nagged_for_what_credit_covers(
    make_town: Callable[..., Town], credit: str, end: tuple[str, str | None]
) -> None:
    """What the account owes decides, not the invoice: nothing, a cent too little, just enough."""
    town = make_town()
    town.add_isp(minimum_amount=Decimal(100))
    ana = town.customer(credit=Decimal(credit))
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.go_round()

    assert town.ends()[-1] == ("due_soon", "-1d", *end)
    assert len(town.letters) == (end[0] == "sent")


@pytest.mark.rule(number=9)
@on_sqlite
def test_a_part_that_was_paid_is_not_ignored_by_a_digest_of_old_debts(town: Town) -> None:
    """Of three old debts a part of one was paid: its line says so, the total asks for the rest."""
    ana = town.customer()
    owed = [town.bill(ana, due_in=days, number=f"A-{days + 100}") for days in (-90, -60, -30)]
    town.state.pay(owed[1], Decimal(1000))
    town.settled(ana)
    town.house.baseline.release(SLUG, now=town.now)
    town.deliver()

    (letter,) = town.letters
    assert "6.770,00" in letter.subject
    for text in (plain(letter.text), plain(letter.html)):
        assert text.count("ecibimos $ 1.000,00, este es el saldo pendiente") == 1
    assert "A-40, venció el 09/01/2026: $ 1.590,00 Recibimos $ 1.000,00" in plain(letter.text)


@pytest.mark.rule(number=10)
@pytest.mark.parametrize(("hours", "again"), [(71, False), (72, True)])
@on_sqlite
def test_a_moved_due_date_takes_its_reminders_along(town: Town, hours: int, *, again: bool) -> None:
    """Nobody hears of the old date again; the same step of the new one not within three days."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=5, second_due_date=None)
    town.go_round()
    assert town.kinds() == ["due_soon"]
    later = town.today + timedelta(days=8)
    town.state.change_invoice(invoice, first_due_date=f"{later}")
    town.go_round()
    town.wait(hours=hours)
    town.go_round()

    assert town.kinds() == ["due_soon", "changed", *["due_soon"] * again]
    assert all(f"{later:%d/%m}" in one.subject for one in town.letters[2:])
    at(town, 5, "12:00")  # the day that it was due on
    town.go_round()
    assert "due_today" not in town.kinds()


@pytest.mark.rule(number=11)
@on_sqlite
def test_the_first_import_tells_nobody_about_old_debts(town: Town) -> None:
    """A week after the import of three debtors nobody heard; then the operator names a limit."""
    people = [town.customer(f"P{place} Gómez") for place in range(3)]
    for place, who in enumerate(people):
        for age in (30 + place, 400 + place):
            town.bill(who, due_in=-age)
    town.settled(*people)
    for _ in range(7):
        town.wait(days=1)
        town.go_round()
    assert (town.letters, town.lines()) == ([], [])

    for released in (2, 3, 3):
        town.house.baseline.release(SLUG, now=town.now, limit=2)
        town.go_round()
        assert len({one.recipient for one in town.letters}) == len(town.letters) == released
    oldest = {one.email for one in people[-2:]}
    assert {one.recipient for one in town.letters[:2]} == oldest


@pytest.mark.rule(number=12)
@on_sqlite
def test_one_provider_that_takes_no_more_holds_up_no_other(town: Town, telegram: Provider) -> None:
    """The mail server has had enough; who is on Telegram hears, the others later and once."""
    ana, bea, caro = (town.customer(name) for name in ("Ana", "Bea", "Caro"))
    for who in (ana, bea):
        town.pair(who)
    town.pair(caro, "telegram:12345")
    town.sync()
    for who in (ana, bea, caro):
        town.bill(who)
    town.sync()
    town.inbox.answer = "452 4.5.3 too many messages"
    report = town.deliver()
    assert (report.sent, report.deferred) == (1, 2)
    assert {line.name: line.state for line in town.lines()} == {
        "Ana": "planned", "Bea": "planned", "Caro": "sent",
    }  # fmt: skip
    assert town.letters == []

    town.inbox.answer = "250 kept"
    for _ in range(3):
        town.wait(minutes=5)
        town.deliver()
    assert sorted(one.recipient[:3] for one in town.letters) == ["ana", "bea"]
    assert town.lines("sent")[-1].reason is None


@pytest.mark.rule(number=13)
@on_sqlite
def test_a_bot_that_is_to_wait_loses_nothing_and_repeats_nothing(
    town: Town, telegram: Provider
) -> None:
    """Told to come back in 35 s: one call, the row kept, no call at 34 s, and then the message."""
    ana = town.customer()
    town.pair(ana, "telegram:12345")
    town.sync()
    town.bill(ana)
    town.sync()
    telegram.answers = [(429, TOO_MANY), (200, {})]
    assert (town.deliver().deferred, len(telegram.requests)) == (1, 1)
    assert town.ends() == [("issued", "first_sight", "planned", "provider_trouble")]

    town.wait(seconds=34)
    assert (town.deliver().touched, len(telegram.requests)) == (0, 1)
    town.wait(seconds=1)
    assert town.deliver().sent == 1
    for _ in range(3):
        town.wait(hours=1)
        town.go_round()
    (line,) = town.lines()
    assert (line.state, line.attempts) == ("sent", 2)
    assert [path.rpartition("/")[2] for path, _, _ in telegram.requests] == [
        "sendPhoto", "sendPhoto", "sendDocument",
    ]  # fmt: skip


@pytest.mark.rule(number=14)
@on_sqlite
def test_who_blocked_the_bot_is_not_called_for_ever(
    town: Town, telegram: Provider, cli: Cli
) -> None:
    """One call in a week, staff are told once, read why, and the customer's mail goes on."""
    town.house.operators.add(SLUG, "noc@interatos.example", now=town.now - timedelta(days=1))
    ana = town.customer()
    town.pair(ana, "telegram:12345", str(ana.email))
    town.sync()
    town.bill(ana, due_in=6)
    telegram.answers = [(403, BLOCKED)]
    for _ in range(7):
        town.go_round()
        town.wait(minutes=2)
        town.house.watching.run(now=town.now)
        town.house.telling.run(town.clock)
        town.wait(days=1)

    assert len(telegram.requests) == 1
    (told,) = [one for one in town.letters if one.recipient == "noc@interatos.example"]
    assert "se cerró un canal" in told.subject
    assert f"{ana.public_id} (telegram …345)" in told.text
    assert "Los avisos siguen por los otros canales" in plain(told.text)
    assert "12345" not in told.text
    lines = [line for line in town.lines() if line.channel.startswith("telegram")]
    assert [(line.kind, line.state, line.reason) for line in lines] == [
        ("issued", "failed", "rejected")
    ]
    assert len([one for one in town.letters if one.recipient == ana.email]) == 4
    chat, mail = cli.well_here("explain", SLUG, ana.id, "--json").json["account"]["channels"]
    assert chat["label"] == "telegram …345"
    assert "403" in chat["disabled_reason"]
    assert mail["disabled_at"] is None


@pytest.mark.rule(number=15)
@on_sqlite
def test_one_channel_fails_and_only_that_one_is_tried_again(town: Town, telegram: Provider) -> None:
    """Mail says later, Telegram took it: each is a row of its own, and only mail is repeated."""
    ana = town.customer()
    town.pair(ana, "telegram:12345", str(ana.email), "ana@trabajo.example")
    town.sync()
    town.bill(ana)
    town.sync()
    town.inbox.answer = "451 4.3.0 try again later"
    town.deliver()
    assert {line.channel: line.state for line in town.lines()} == {
        "telegram …345": "sent",
        "a…@clientes.example": "planned",
        "a…@trabajo.example": "planned",
    }
    calls = len(telegram.requests)
    town.inbox.answer = "250 kept"
    for _ in range(3):
        town.wait(minutes=2)
        town.go_round()

    assert len(telegram.requests) == calls
    assert sorted(one.recipient for one in town.letters) == [
        "ana@clientes.example", "ana@trabajo.example",
    ]  # fmt: skip
    assert {line.channel: line.attempts for line in town.lines()} == {
        "telegram …345": 1, "a…@clientes.example": 2, "a…@trabajo.example": 2,
    }  # fmt: skip


#: What stands in the subject and in the body of a reminder in each language, and in no other.
WORDS = {"es_AR": "tu factura", "pt_BR": "sua fatura", "en": "your invoice"}


@pytest.mark.rule(number=16)
@on_sqlite
def test_subject_and_body_are_in_one_language(
    make_town: Callable[..., Town], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer's, else the ISP's, else Spanish: the whole message, and its preview too."""
    town = make_town()
    town.add_isp(locale="pt_BR")
    monkeypatch.setattr("worker.house.utc_now", town.clock)
    wishes = {"Ana": None, "Bea": "es_AR", "Caro": "en", "Dora": "fr"}
    speaks = {"Ana": "pt_BR", "Bea": "es_AR", "Caro": "en", "Dora": "es_AR"}
    for name, locale in wishes.items():
        who = town.customer(name)
        to = [str(who.email)]
        town.house.pairing.pair(SLUG, who.id, to, now=town.now, locale=locale, quiet=True)
    town.sync()
    for who in town.state.clients:
        town.bill(who, due_in=5)
    town.go_round()

    for who in town.state.clients:
        (letter,) = town.inbox.to(str(who.email))
        for part in (letter.subject, letter.text, letter.html):
            found = [code for code, words in WORDS.items() if words in plain(part).lower()]
            assert found == [speaks[who.name]], (who.name, part)
        shown = cli.well_here("preview", "due_soon", "--isp", SLUG, "--account", who.id).stdout
        assert plain(shown).startswith(plain(letter.subject))


@pytest.mark.rule(number=17)
@pytest.mark.parametrize(("size", "goes"), [(1_000_000, True), (1_000_001, False)])
@on_sqlite
def test_a_pdf_that_is_too_big_stays_behind_and_the_alert_goes(
    town: Town, size: int, *, goes: bool
) -> None:
    """A megabyte is attached; a byte more is a note in the journal, and the pay link is there."""
    one_customer(town)
    town.break_wispro("pdf_huge", path="download_pdf", size=size)
    town.go_round()

    (letter,) = town.letters
    assert (letter.pdf is not None) is goes
    assert ("en PDF va adjunta" in letter.text) is goes
    assert "https://pagos.interatos.example/" in letter.text
    assert str(town.lines()[0].detail).startswith("without PDF: ") is not goes


@pytest.mark.rule(number=18)
@on_sqlite
def test_every_message_that_went_or_did_not_says_why(town: Town, cli: Cli, present: None) -> None:
    """Each row has its sentence; what is still to come has the word of every rule."""
    people = [town.customer(name) for name in ("Ana", "Bea", "Caro", "Dora")]
    _, paid, covered, held = people
    covered.credit = Decimal(5000)
    town.settled(*people)
    bills = {who.name: town.bill(who, due_in=5) for who in people}
    town.sync()
    town.state.pay(bills[paid.name])
    hold(town, held, 1)
    town.deliver()

    says = {}
    for who in people:
        (story,) = cli.well_here("explain", SLUG, who.id, "--json").json["invoices"]
        entries = {(one["kind"], one["step"]): one for one in story["entries"]}
        rows = {(one.kind, one.step) for one in town.lines() if one.name == who.name}
        assert rows <= entries.keys()
        assert all(one["sentence"] for one in entries.values())
        for one in entries.values():
            if one["state"] in {"will_go", "waits"}:
                assert [line["rule"] for line in one["rules"]] == list(Rule)
        says[who.name] = entries["due_soon", "-5d"]["sentence"]
    hers = "a…@clientes.example por e-mail"
    assert says == {
        "Ana": f"Se envió el 10/03 a las 12:00 a {hers}",
        "Bea": "No salió: la factura ya estaba pagada",
        "Caro": "No salió: el saldo a favor del cliente cubre lo que debe",
        "Dora": "Espera: hay una pausa hasta el 11/03 (eva, «disputes it»); "
        f"va a salir el 12/03 a las 00:00 a {hers.replace('a…', 'd…')}",
    }


@pytest.mark.rule(number=19)
@pytest.mark.parametrize(("people", "asks"), [(20, False), (21, True)])
@on_sqlite
def test_a_change_of_settings_sends_nothing_unseen(
    town: Town, cli: Cli, tmp_path: Path, present: None, people: int, *, asks: bool
) -> None:
    """What a new step will send is shown first; above twenty messages a person has to say yes."""
    many = [town.customer(f"P{place} Gómez") for place in range(people)]
    for who in many:
        town.bill(who, due_in=6)
    town.settled(*many)
    new_step = '[[step]]\nkind = "due_soon"\nanchor = "first_due"\ndays = -3\n'
    file = tmp_path / "policy.toml"
    file.write_text(default_text() + new_step, "utf-8")
    ran = cli.here("policy", "set", SLUG, str(file))

    assert f"messages in the next 7 days: 13/03 +{people}" in ran.stdout
    assert (ran.code, "add --yes" in ran.stderr) == ((1, True) if asks else (0, False))
    assert (cli.well_here("policy", "show", SLUG).stdout == default_text()) is asks
    cli.well_here("policy", "set", SLUG, str(file), "--yes")
    town.house.planning.tick(now=town.now)
    assert town.lines() == []
    at(town, 3, "12:00")
    town.house.planning.tick(now=town.now)
    assert [one.step for one in town.lines("planned")] == ["-3d"] * people


@pytest.mark.rule(number=20)
@on_sqlite
def test_a_glitch_that_marks_everyone_unpaid_reminds_nobody(town: Town) -> None:
    """Six who paid owe again, all at once: the run is held, the operator asked, nothing goes."""
    town.house.operators.add(SLUG, "noc@interatos.example", now=town.now)
    town.house.isps.tune(SLUG, Tuning(hold_at_least=6))
    people = [town.customer(f"P{place} Gómez") for place in range(6)]
    bills = [town.bill(who, due_in=1, state="paid") for who in people]
    town.settled(*people)
    for bill in bills:
        town.state.set_state(bill, "pending")
    town.wait(hours=20)
    report = town.sync()
    town.deliver()
    assert (report.outcome, report.reason) == ("held", "mass_change")
    assert [copy.state for copy in town.copies()] == ["paid"] * 6
    town.house.telling.run(clock=town.clock)
    (told,) = town.letters
    assert told.recipient == "noc@interatos.example"
    assert f"alerta sync {SLUG} --reject {report.run}" in told.everything

    for bill in bills:
        town.state.set_state(bill, "paid")
    town.wait(hours=1)
    assert town.sync().outcome == "ok"
    town.deliver()
    assert len(town.letters) == 1


@pytest.mark.rule(number=21)
@on_sqlite
def test_a_disputed_invoice_is_left_alone_until_the_hold_is_over(
    town: Town, cli: Cli, present: None
) -> None:
    """Reason, author and last day are on record; the day after, the latest step goes, once."""
    ana = town.customer()
    town.settled(ana)
    disputed = town.bill(ana, due_in=1, second_due_date=None)
    town.sync()
    hold(town, ana, 9, invoice=disputed.id)
    (line,) = cli.well_here("holds", SLUG, "--json").json
    assert (line["invoice"], line["until"]) == (str(disputed.number), "2026-03-19")
    assert (line["reason"], line["author"]) == ("disputes it", "eva")
    for day in (0, 1, 4, 8, 9):
        at(town, day, "23:59")
        town.go_round()
    assert town.letters == []

    for clock in ("00:00", "09:00", "21:00"):
        at(town, 10, clock)
        town.go_round()
    assert [(one.kind, one.step) for one in town.lines("sent")] == [("overdue", "+7d")]


@pytest.mark.rule(number=22)
@on_sqlite
def test_five_contracts_are_one_message_a_day(daytime: Town) -> None:
    """What is due on a day is one message; its total is all that is open and was announced."""
    town = daytime
    at(town, 0, "20:00")
    ana = town.customer(contracts=5)
    for contract, due_in in enumerate((-6, -2, 1, 2, 6)):
        town.bill(ana, due_in=due_in, contract=contract, second_due_date=None)
    town.settled(ana)
    heard: dict[str, str] = {}
    for day in range(1, 6):
        for clock in ("09:00", "18:59"):
            at(town, day, clock)
            before = len(town.letters)
            town.go_round()
            heard |= {f"{day} {clock}": one.subject for one in town.letters[before:]}

    assert heard == {
        "1 09:00": "Una vence hoy: tenés 3 facturas por pagar · $ 7.770,00",
        "2 09:00": "Hoy vence tu factura 30004",
        "3 09:00": "4 ya vencieron: tenés 5 facturas por pagar · $ 12.950,00",
        "4 09:00": "No registramos el pago de tu factura 30003",
        "5 09:00": "4 ya vencieron: tenés 5 facturas por pagar · $ 12.950,00",
    }


@pytest.mark.rule(number=23)
@on_sqlite
def test_six_looks_by_hand_send_the_customer_nothing(town: Town, cli: Cli, present: None) -> None:
    """Each shows what was and what is; what they found goes once, at the daemon's own next look."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, amount="2999.00")
    seen = []
    for amount in range(3000, 3006):
        town.state.change_invoice(invoice, amount=amount)
        shown = cli.well_here("resync", SLUG, ana.id, "--json").json
        seen.append(tuple([one["amount"] for one in shown[when]] for when in ("before", "after")))
        assert shown["sent"] is None
        town.wait(minutes=1)
        town.deliver()
    assert seen[0] == ([], ["3000.00"])
    assert seen[1:] == [([f"{one - 1}.00"], [f"{one}.00"]) for one in range(3001, 3006)]
    assert town.letters == []

    town.wait(minutes=30)
    for _ in range(3):
        town.go_round()
    assert town.kinds() == ["issued"]
    assert "3.005,00" in town.letters[0].text


@pytest.mark.rule(number=24)
@on_sqlite
def test_nothing_that_staff_read_names_a_secret(
    town: Town, cli: Cli, telegram: Provider, present: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a send, a refusal and a glitch every command is read, and what was logged meanwhile."""
    ana = town.customer()
    town.pair(ana, str(ana.email), "telegram:987654321")
    town.house.operators.add(SLUG, "noc@interatos.example", now=town.now)
    town.bill(ana, due_in=-20)
    town.sync()
    town.bill(ana, due_in=6)
    telegram.answers = [(403, BLOCKED)]
    town.go_round()
    town.break_wispro("body_401", times=1)
    assert town.sync().outcome == "failed"
    who = (SLUG, ana.id)
    for words in (
        ("accounts",), ("accounts", "--json"), ("alerts", *who), ("alerts", *who, "--json"),
        ("explain", *who), ("explain", *who, "--json"), ("invoices", *who), ("resync", *who),
        ("account", "show", *who), ("policy", "show", SLUG), ("baseline", SLUG), ("holds", SLUG),
        ("simulate", SLUG, "--json"), ("isp", "list", "--json"),
    ):  # fmt: skip
        cli.well_here(*words)
    cli.here("doctor", SLUG)
    cli.well_here("preview", "due_soon", "--isp", SLUG, "--account", ana.id)
    month = ("--from", "2026-03-01", "--to", "2026-03-31")
    cli.well_here("evidence", SLUG, *month, "--csv", "-")

    read = "".join((*cli.said, *capfd.readouterr()))
    assert read.count("a…@clientes.example") > 5
    for name, secret in {
        "token": TOKEN, "bot token": BOT.partition(":")[2], "address": str(ana.email),
        "chat": "987654321", "operator": "noc@", "national id": str(ana.national_id),
    }.items():  # fmt: skip
        assert secret not in read, f"the {name} was shown"


# -- no rule without a story ----------------------------------------------------------------------


class Story(NamedTuple):
    """A test that bears the mark of a rule."""

    number: int
    file: str
    name: str


@cache
def stories() -> tuple[Story, ...]:
    """Return them all, file by file, in the order of their lines."""
    return tuple(
        Story(int(number), path.name, node.name)
        for room in ("functional", "integration")
        for path in sorted((ROOT / "tests" / room).rglob("test_*.py"))
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for mark in map(ast.unparse, node.decorator_list)
        if mark.startswith("pytest.mark.rule")
        for number in (mark.removeprefix("pytest.mark.rule(number=").removesuffix(")"),)
    )


@pytest.mark.parametrize("number", RULES)
def test_no_rule_is_without_a_story(number: int) -> None:
    """A rule that nobody tells of would be a promise that nobody checks."""
    here = Path(__file__).name
    assert [one.name for one in stories() if (one.number, one.file) == (number, here)]


def test_the_stories_stand_in_the_order_of_the_rules() -> None:
    """One after the other, all 24; and no mark, here or elsewhere, names a rule that is not one."""
    here = [one.number for one in stories() if one.file == Path(__file__).name]

    assert list(RULES) == sorted(set(here)) == list(range(1, 25))
    assert here == sorted(here)
    assert {one.number for one in stories()} == RULES.keys()
