"""People write to the bot of an ISP: what it does, what it answers, and what it never says."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from billing.bot_turns import NUMBERS_HOLD_FOR, Report
from billing.chat import Said
from billing.codes import MOST_WRONG, WRONG_WINDOW
from billing.conversing import MOST_ANSWERS, Conversing
from billing.delivery.providers import Accounts
from billing.held import HoldKind
from billing.isps import IspSetup, SetupError
from billing.listening import LEASE, Listening
from billing.ports import Unpaced
from models.account import Account, Channel
from models.alert import Provider
from models.bot import Bot as BotRow
from models.bot import BotQuestion
from models.bot_leases import BotLease
from models.hold import Hold
from models.isp import Transport
from models.operator import OperatorNotice
from models.pair_code import PairCode
from tests.support.bots import ANA, EVA, STRANGER, TOKEN, BotTown
from tests.support.marks import on_sqlite
from tests.support.telegram import TelegramServer
from tests.support.town import SLUG, Town
from worker.house import House, utc_now

NEUTRAL = "Para recibir los avisos de tu cuenta, abrí el enlace"


@pytest.fixture
def place(telegram: TelegramServer, town: Town) -> BotTown:
    """A town whose ISP has a bot."""
    return BotTown(town, telegram)


# -- pairing ----------------------------------------------------------------------------------


def test_a_link_pairs_the_chat_that_opens_it_first(place: BotTown) -> None:
    """The account comes in with a silent baseline, as by `alerta pair`, and is told so."""
    ana = place.town.customer()
    place.town.bill(ana)  # before we knew her: history
    code = place.code(ana)
    said = place.write(ANA, f"/start {code}")

    assert said.startswith("¡Listo, Ana! Los avisos de tus facturas de Interatos sas")
    assert "todavía" in place.write(ANA, "/saldo").lower()  # nobody looked yet: no wrong zero
    report = place.town.sync()
    assert (report.fetched, report.alerts, report.deliveries) == (1, 0, 0)
    with place.house.database.read() as session:
        line = session.scalars(select(Channel)).one()
    assert (line.label, line.disabled_at) == ("telegram …001", None)
    assert "2.590,00" in place.write(ANA, "/facturas")
    assert place.bot.violations == 0


def test_a_code_works_once(place: BotTown) -> None:
    """A second person with the same link learns nothing; the same person again is welcome."""
    ana = place.town.customer()
    code = place.code(ana)
    place.write(ANA, f"/start {code}")
    assert "Este código no sirve" in place.write(EVA, f"/start {code}")
    assert NEUTRAL in place.write(EVA, "/saldo")
    assert "¡Listo, Ana!" in place.write(ANA, f"/start {code}")  # a thumb that taps twice
    with place.house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Channel)) == 1


def test_a_code_expires_at_its_end_and_not_before(place: BotTown) -> None:
    """A second before it pairs, at the second itself it does not."""
    ana, eva = place.town.customer(), place.town.customer("Eva Blanco")
    late, in_time = place.code(ana), place.code(eva)
    place.town.wait(days=7, seconds=-2)
    assert "¡Listo, Eva!" in place.write(EVA, f"/start {in_time}")
    place.town.wait(seconds=2)
    assert "Este código no sirve" in place.write(ANA, f"/start {late}")


def test_five_wrong_codes_and_the_right_one_has_to_wait(place: BotTown) -> None:
    """The limit is on the chat that tries: nobody else is kept out."""
    ana, eva = place.town.customer(), place.town.customer("Eva Blanco")
    code = place.code(ana)
    for number in range(MOST_WRONG):
        said = place.write(STRANGER, f"/start wrong-code-{number}")
        assert "Este código no sirve" in said
    assert "Esperá un cuarto de hora" in place.write(STRANGER, f"/start {code}")
    assert "¡Listo, Eva!" in place.write(EVA, f"/start {place.code(eva)}")
    place.town.wait(seconds=WRONG_WINDOW.total_seconds())
    assert "¡Listo, Ana!" in place.write(STRANGER, f"/start {code}")  # it was not used up


def test_only_a_keyed_hash_of_a_code_is_kept(place: BotTown) -> None:
    """Neither the code nor the chat stands in the tables."""
    code = place.code(place.town.customer())
    place.write(ANA, f"/start {code}")
    assert len(code) == 24
    with place.house.database.read() as session:
        row = session.scalars(select(PairCode)).one()
        asked = session.scalars(select(BotQuestion)).one()
        assert code not in str(vars(row)) + str(vars(asked))
        assert str(ANA) not in str(vars(row)) + str(vars(asked))
        assert (row.created_by, asked.verb, asked.fate, asked.answer) == (
            "staff", "start", "sent", None,
        )  # fmt: skip


def test_an_invited_customer_is_not_paired_and_costs_no_look(place: BotTown) -> None:
    """Until the link is opened nobody asks Wispro about them."""
    place.link(place.town.customer())
    assert place.town.sync().accounts == 0
    with place.house.database.read() as session:
        account = session.scalars(select(Account)).one()
        assert (account.paired, account.next_look_at) == (False, None)


def test_who_was_invited_and_never_came_is_forgotten(place: BotTown) -> None:
    """Months after the code ran out, code and account go; who was ever paired stays."""
    place.link(place.town.customer())
    place.paired(place.town.customer("Eva Blanco"), EVA)
    place.town.house.maintenance.tidy(now=place.town.wait(days=90))
    with place.house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 2
    place.town.house.maintenance.tidy(now=place.town.wait(days=10))
    with place.house.database.read() as session:
        assert session.scalars(select(Account.name)).all() == ["Eva Blanco"]
        assert session.scalars(select(BotQuestion)).all() == []


@on_sqlite
def test_leaving_makes_links_that_lie_around_useless(place: BotTown) -> None:
    """Whoever finds the printed sheet of somebody who stopped the alerts pairs nobody."""
    ana = place.town.customer()
    place.paired(ana)
    left = place.code(ana)
    place.write(ANA, "/baja todo")
    assert "Este código no sirve" in place.write(EVA, f"/start {left}")


@on_sqlite
def test_the_code_of_another_isp_pairs_nobody(place: BotTown) -> None:
    """A bot hears its own ISPs' codes only."""
    code = place.code(place.town.customer())
    with place.house.database.write() as session:
        session.execute(update(PairCode).values(isp_id=_other_isp(place)))
    assert "Este código no sirve" in place.write(ANA, f"/start {code}")


def _other_isp(place: BotTown) -> int:
    setup = IspSetup(
        slug="vecinos", name="Vecinos", base_url=place.town.sandbox.base_url, token="x" * 20
    )
    return place.house.isps.add(setup, now=place.town.now)


# -- who is told what -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["/saldo", "/facturas", "/baja", "/idioma en", "/pausar", "hola", "", None, "/start"]
)
@on_sqlite
def test_a_stranger_learns_how_to_be_paired_and_nothing_else(
    place: BotTown, text: str | None
) -> None:
    """Whatever they ask: no name, no amount, no word on whether anybody is a customer."""
    ana = place.town.customer()
    place.paired(ana)
    place.town.bill(ana, number="A-0001-801")
    place.town.sync()
    said = place.write(STRANGER, text)
    assert NEUTRAL in said
    for hidden in ("Ana", "Álvarez", "2.590", "A-0001", "clientes.example"):
        assert hidden not in said


@on_sqlite
def test_a_group_gets_no_word(place: BotTown) -> None:
    """Strangers read along there, whoever asks; nor is a code used up."""
    ana = place.town.customer()
    code = place.code(ana)
    for kind in ("group", "supergroup", "channel"):
        assert place.write(-100_123, f"/start {code}", kind=kind) == ""
        assert place.write(-100_123, "/saldo", kind=kind) == ""
    assert place.bot.sent == []
    assert place.bot.waiting == [place.row().next_update - 1]  # heard, not yet asked from behind
    assert "¡Listo, Ana!" in place.write(ANA, f"/start {code}")


@on_sqlite
def test_a_group_that_was_paired_by_hand_gets_no_word_either(place: BotTown) -> None:
    """Staff may send alerts to a group; questions are answered in private only."""
    ana = place.town.customer()
    place.town.pair(ana, "telegram:-100123")
    place.house.inviting.listen(SLUG, now=place.town.now)
    assert place.write(-100_123, "/saldo", kind="group") == ""


@on_sqlite
def test_whom_staff_unpaired_is_a_stranger(place: BotTown) -> None:
    """The channel is still in the rows; the account is not served any more."""
    ana = place.town.customer()
    place.paired(ana)
    place.house.pairing.unpair(SLUG, ana.id, now=place.town.now)
    assert NEUTRAL in place.write(ANA, "/saldo")


@on_sqlite
def test_a_bot_knows_nothing_of_other_isps_customers(place: BotTown) -> None:
    """The same person may be a customer of two ISPs: each bot speaks for its own."""
    place.paired(place.town.customer())
    other = _other_isp(place)
    with place.house.database.write() as session:
        session.execute(update(Account).values(isp_id=other))
    assert NEUTRAL in place.write(ANA, "/saldo")


@on_sqlite
def test_two_accounts_of_one_chat_are_told_apart(place: BotTown) -> None:
    """Each is answered by its name; one that leaves takes the other along only if asked there."""
    ana, eva = place.town.customer(), place.town.customer("Eva Blanco")
    place.paired(ana)
    place.paired(eva)
    place.town.bill(ana)
    place.town.sync()
    said = place.write(ANA, "/saldo")
    assert said.index("Ana Álvarez") < said.index("2.590,00") < said.index("Eva Blanco")
    assert "No tenés facturas por pagar" in said.partition("Eva Blanco")[2]
    assert place.bot.violations == 0  # two messages to one chat, a second apart


@on_sqlite
def test_who_writes_without_end_is_not_answered(place: BotTown) -> None:
    """A dozen answers a minute; then silence, and no row for each message."""
    place.paired(place.town.customer(), EVA)
    place.town.wait(minutes=2)
    for _ in range(MOST_ANSWERS + 5):
        place.bot.hears(STRANGER, "hola")
    place.listen()
    assert len(place.bot.to(STRANGER)) == MOST_ANSWERS
    place.town.wait(minutes=1)
    assert NEUTRAL in place.write(STRANGER, "hola")
    assert place.bot.violations == 0


# -- what people ask for ----------------------------------------------------------------------


def test_invoices_and_balance_say_what_is_open_and_as_of_when(place: BotTown) -> None:
    """Oldest first, with what was received, the pay link, the total and how old it is."""
    ana = place.town.customer()
    place.paired(ana)
    late = place.town.bill(ana, due_in=-3, number="A-0001-801")
    place.town.bill(ana, due_in=10, number=None)
    place.town.bill(ana, due_in=12, state="draft")
    place.town.state.pay(late, Decimal(590))
    place.town.wait(hours=1)
    place.town.sync()
    invoices = place.write(ANA, "/facturas")
    first, second = invoices.index("Factura A-0001-801"), invoices.index("Factura de")
    assert first < second < invoices.index("Total a pagar: $ 4.590,00")
    assert "$ 2.000,00, venció el 07/03/2026" in invoices
    assert "recibimos $ 590,00" in invoices
    assert f"https://pagos.interatos.example/{late.id}" in invoices
    assert "martes 10/03, 13:0" in invoices

    balance = place.write(ANA, "/saldo")
    assert "Tenés $ 4.590,00 por pagar, de 2 facturas. De eso, $ 2.000,00 ya venció." in balance
    assert "martes 10/03, 13:0" in balance


def test_a_pause_stops_what_asks_for_money_until_it_is_ended(place: BotTown) -> None:
    """It waits like a hold by staff, says who paused, and goes at once after /seguir."""
    ana = place.town.customer()
    place.paired(ana)
    said = place.write(ANA, "/pausar 3")
    assert "hasta el viernes 13 de marzo inclusive" in said
    place.town.bill(ana)
    place.town.go_round()
    assert [(line.state, line.reason) for line in place.town.lines()] == [("planned", "hold")]
    with place.house.database.read() as session:
        row = session.scalars(select(Hold)).one()
        assert (row.kind, row.author) == ("pause", "customer, telegram …001")

    assert "la pausa terminó" in place.write(ANA, "/seguir")
    assert "No había ninguna pausa" in place.write(ANA, "/seguir")
    place.telegram.burst = 5
    place.town.deliver()
    assert [line.state for line in place.town.lines()] == ["sent"]


@on_sqlite
def test_a_customers_pause_leaves_what_staff_holds_alone(place: BotTown) -> None:
    """Neither /pausar shortens a dispute nor /seguir ends it."""
    ana = place.town.customer()
    place.paired(ana)
    place.house.holds.put(
        SLUG, ana.id, kind=HoldKind.HOLD, until=date(2026, 4, 10), reason="dispute", author="eva",
        now=place.town.now,
    )  # fmt: skip
    place.write(ANA, "/pausar 1")
    place.write(ANA, "/seguir")
    lines = place.house.holds.lines(SLUG, ana.id, now=place.town.now)
    assert [(one.kind, one.released_at is None) for one in lines] == [
        ("pause", False),
        ("hold", True),
    ]


def test_baja_stops_this_chat_at_once_and_leaves_the_others(place: BotTown) -> None:
    """What was planned for the chat is cancelled; the e-mail address goes on, and is named."""
    ana = place.town.customer()
    place.paired(ana)
    place.town.pair(ana)  # her e-mail as well
    place.town.bill(ana)
    place.town.sync()
    said = place.write(ANA, "/baja")
    assert "acá no te llega ningún aviso más" in said
    assert "Siguen los de a…@clientes.example" in said
    ends = {line.channel: (line.state, line.reason) for line in place.town.lines()}
    assert ends == {
        "telegram …001": ("cancelled", "no_consent"),
        "a…@clientes.example": ("planned", None),
    }
    assert NEUTRAL in place.write(ANA, "/saldo")


def test_baja_on_the_last_channel_unpairs(place: BotTown) -> None:
    """Nothing is sent and nobody is looked at; a new link brings them back, silently."""
    ana = place.town.customer()
    place.paired(ana)
    place.town.bill(ana)
    place.town.sync()
    assert "no te enviamos más avisos" in place.write(ANA, "/baja")
    place.town.deliver()
    assert [(line.state, line.reason) for line in place.town.lines()] == [
        ("cancelled", "no_consent")
    ]
    assert place.town.sync().accounts == 0

    place.paired(ana)
    assert place.town.sync().alerts == 0
    assert "2.590,00" in place.write(ANA, "/facturas")


@on_sqlite
def test_idioma_changes_the_language_of_everything(place: BotTown) -> None:
    """The account's locale; of the ISP's own language the ISP's kind is meant."""
    ana = place.town.customer()
    place.paired(ana)
    assert "/idioma en: English" in place.write(ANA, "/idioma")
    assert "/idioma en: English" in place.write(ANA, "/idioma klingon")
    assert "escrevemos em português" in place.write(ANA, "/idioma pt")
    assert "Você não tem faturas a pagar" in place.write(ANA, "/saldo")
    assert "in English" in place.write(ANA, "/language en")
    assert "en español" in place.write(ANA, "/idioma es")
    with place.house.database.read() as session:
        assert session.scalars(select(Account.locale)).one() == "es_AR"


@on_sqlite
def test_a_strangers_own_program_says_their_language(place: BotTown) -> None:
    """Nothing else is known of them."""
    place.house.inviting.listen(SLUG, now=place.town.now)
    assert "open the link" in place.write(STRANGER, "/saldo", language="en-US")
    assert "abra o link" in place.write(EVA, "/saldo", language="pt-br")
    assert NEUTRAL in place.write(ANA, "/saldo", language="kl")


# -- one poller, nothing lost -----------------------------------------------------------------


def test_an_isp_without_a_bot_that_listens_costs_nothing(place: BotTown) -> None:
    """A bot that only sends is not polled: its messages may be read by somebody else."""
    assert place.house.listening.glance(place.town.clock) == Report()
    assert place.bot.calls == {}


def test_an_update_that_comes_again_does_nothing(place: BotTown) -> None:
    """Telegram repeats what was not confirmed; wrong tries are not counted twice by it."""
    place.house.inviting.listen(SLUG, now=place.town.now)
    number = place.bot.hears(STRANGER, "/start wrong")
    place.bot.hears(STRANGER, "/start wrong", update_id=number)  # once more
    place.house.listening.glance(place.town.clock)
    assert place.bot.waiting == [number, number]  # answered, not yet confirmed
    place.listen()
    assert place.bot.waiting == []
    with place.house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(BotQuestion)) == 1
    assert len(place.bot.to(STRANGER)) == 1


def test_nothing_is_confirmed_before_it_is_kept(place: BotTown) -> None:
    """Where the database refuses, the update comes again and is handled then."""
    ana = place.town.customer()
    code = place.code(ana)
    number = place.bot.hears(ANA, f"/start {code}")
    lease = BotLease(place.house.database, place.bot.id, timedelta(seconds=60))
    assert lease.take(now=place.town.now)
    assert place.house.listening.glance(place.town.clock).heard == 0  # somebody else's turn
    assert place.bot.waiting == [number]
    lease.give()
    assert place.listen().paired
    assert place.bot.waiting == []


def test_a_lease_that_is_lost_writes_and_sends_nothing(place: BotTown) -> None:
    """Whoever was overtaken during the long poll leaves the updates to the other."""
    ana = place.town.customer()
    code = place.code(ana)
    place.listen()  # all is well, and was noted just now
    done = threading.Event()

    def overtake() -> None:
        with place.house.database.write() as session:
            session.execute(update(BotRow).values(lease_token="somebody else"))
        place.bot.hears(ANA, f"/start {code}")
        done.set()

    place.bot.before_updates = overtake
    report = place.house.listening.glance(place.town.clock)
    assert done.is_set()
    assert (report.heard, report.paired, place.bot.sent) == (0, [], [])
    with place.house.database.read() as session:
        assert session.scalars(select(PairCode.used_at)).one() is None


def test_a_poller_that_died_is_missed_for_the_length_of_its_lease(place: BotTown) -> None:
    """A second before its end nobody else may listen; at its end somebody does."""
    place.house.inviting.listen(SLUG, now=place.town.now)
    assert BotLease(place.house.database, place.bot.id, LEASE).take(now=place.town.now)
    place.town.wait(seconds=LEASE.total_seconds() - 1)
    assert place.house.listening.due(now=place.town.now) == []
    place.town.wait(seconds=1)
    assert len(place.house.listening.due(now=place.town.now)) == 1


def test_answers_wait_for_the_turn_of_alerts(place: BotTown) -> None:
    """The bot has one line, and so has the chat: both are asked for, by the names alerts use."""
    asked: list[tuple[list[tuple[str, float]], float]] = []

    class Line(Unpaced):
        """A line in which somebody stands before us."""

        turn = 5.0

        def reserve(self, gaps: Sequence[tuple[str, float]], *, within: float) -> float:
            """Say when it is our turn."""
            asked.append((list(gaps), within))
            return self.turn

    line, slept = Line(), list[float]()
    house = place.house
    house.listening = Listening(
        house.database, house.vault, house.chat, house.messenger, pace=line, sleep=slept.append
    )
    place.paired(place.town.customer())
    assert place.bot.sent == []  # five seconds are too long to stand and wait
    line.turn = 0.2
    place.listen()
    assert (len(place.bot.sent), slept) == (1, [0.2])
    gaps, within = asked[-1]
    with house.database.read() as session:
        digest = session.scalars(select(Channel.destination_digest)).one()
        transport = session.scalars(select(Transport).where(Transport.scheme == "telegram")).one()
    key = Accounts(house.vault, house.messenger).of_transport(transport).key
    assert [name for name, _ in gaps] == [key, f"{key}:{digest[:32]}"]
    assert gaps[0][1] == pytest.approx(1 / 30)
    assert (gaps[1][1], within < 1) == (1.0, True)


def test_a_pause_of_the_bot_holds_for_alerts_and_answers_alike(place: BotTown) -> None:
    """Telegram refuses the whole bot: whoever meets it first tells the other."""
    place.paired(place.town.customer())
    place.bot.blocked_until = place.telegram.clock() + 60
    place.house.listening.glance(place.town.clock)
    with place.house.database.read() as session:
        paused = session.scalars(select(Provider.paused_until)).one()
    assert paused is not None
    assert paused > place.town.now
    place.town.now = paused
    place.bot.blocked_until = 0.0
    place.listen()
    with place.house.database.write() as session:
        session.execute(update(Provider).values(paused_until=place.town.now + timedelta(hours=1)))
    assert place.house.listening.due(now=place.town.now) == []
    place.town.wait(hours=1)
    assert len(place.house.listening.due(now=place.town.now)) == 1


def test_two_pollers_at_once_answer_everybody_once(
    place: BotTown, telegram: TelegramServer
) -> None:
    """On the clock of the wall: forty people, two processes' worth of listeners, one bot."""
    telegram.clock = time.monotonic
    place.house.inviting.listen(SLUG, now=place.town.now)
    people = range(6_000_000_001, 6_000_000_041)
    for chat in people:
        place.bot.hears(chat, "hola")
    houses = [House(place.town.settings) for _ in range(2)]
    failures: list[BaseException] = []
    over = time.monotonic() + 60

    def run(house: House) -> None:
        try:
            while len(place.bot.sent) < len(people) and time.monotonic() < over:
                for bot in house.listening.due(now=utc_now()):
                    house.listening.serve(bot, utc_now, utc_now() + timedelta(seconds=1), Report())
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in (*houses, houses[0])]
    for one in threads:
        one.start()
    for one in threads:
        one.join(90)
    for house in houses:
        house.close()
    assert failures == []
    assert [len(place.bot.to(chat)) for chat in people] == [1] * len(people)
    assert place.bot.violations == 0
    assert place.row().trouble is None


def test_of_two_who_hand_in_one_code_at_once_one_is_paired(place: BotTown) -> None:
    """Chat and page may hand in the same code in the same instant."""
    code = place.code(place.town.customer())
    house, now = place.house, place.town.now
    ready = threading.Barrier(2)
    paired: list[int | None] = []

    def hand_in(chat: int) -> None:
        with house.database.write() as session:
            if session.get_bind().dialect.name != "sqlite":
                ready.wait(10)  # SQLite lets one writer in at a time
            heard = Conversing(house.vault, house.messenger).hear(
                session,
                place.bot.id,
                (place.town.isp_id,),
                Said(update_id=1, chat_id=chat, private=True, text=f"/start {code}"),
                now=now,
            )
            assert heard is not None
            paired.append(heard.paired)

    threads = [threading.Thread(target=hand_in, args=(chat,)) for chat in (ANA, EVA)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(paired, key=bool) == [None, 1]
    with house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Channel)) == 1


def test_an_answer_that_was_not_sent_goes_with_the_next_turn(place: BotTown) -> None:
    """A crash between the unit of work and the send loses no answer."""
    ana = place.town.customer()
    place.paired(ana)
    place.telegram.retry_after = 5
    place.bot.blocked_until = place.telegram.clock() + 5  # everything is refused meanwhile
    place.bot.hears(ANA, "/saldo")
    before = len(place.bot.to(ANA))
    place.house.listening.glance(place.town.clock)
    row = place.row()
    assert row.rest_until is not None
    assert (row.trouble, row.rest_until - place.town.now) == (None, timedelta(seconds=5))
    assert place.house.listening.due(now=place.town.now) == []
    place.town.wait(seconds=5)
    place.listen()
    assert len(place.bot.to(ANA)) == before + 1


@on_sqlite
def test_who_blocked_the_bot_holds_nobody_up(place: BotTown) -> None:
    """Their answer is dropped with the reason; the next person gets theirs."""
    place.paired(place.town.customer())
    place.bot.blocked.add(ANA)
    place.bot.gone.add(STRANGER)
    place.bot.hears(ANA, "/saldo")
    place.bot.hears(STRANGER, "hola")
    assert NEUTRAL in place.write(EVA, "hola")
    with place.house.database.read() as session:
        fates = session.scalars(select(BotQuestion.fate).order_by(BotQuestion.id)).all()
    assert fates == ["sent", "gone", "gone", "sent"]


@on_sqlite
def test_numbers_that_begin_anew_after_a_quiet_week_are_heard(place: BotTown) -> None:
    """Telegram may go on with smaller numbers; within the week smaller ones are repetitions."""
    place.paired(place.town.customer())
    old = place.row().next_update
    place.bot.hears(ANA, "/saldo", update_id=old - 1)
    assert place.listen().heard == 0
    place.town.wait(seconds=NUMBERS_HOLD_FOR.total_seconds())
    place.bot.offset = 0
    assert "No tenés facturas" in place.write(ANA, "/saldo", update_id=1000)
    assert place.row().next_update == 1001


@on_sqlite
def test_a_message_nobody_foresaw_does_not_come_for_ever(place: BotTown) -> None:
    """Pictures, edits and records of kinds that do not exist yet are passed over."""
    place.paired(place.town.customer())
    place.bot.happens({"edited_message": {"strange": True}})
    place.bot.happens({"message": {"chat": {"id": "no number", "type": 7}}})
    assert "Acá te llegan los avisos" in place.write(ANA, None)  # a picture: the help
    assert place.bot.hears(ANA, "/saldo", is_bot=True)
    assert place.listen().heard == 0
    assert place.row().trouble is None


# -- trouble ----------------------------------------------------------------------------------


def notices(place: BotTown) -> list[tuple[str, str]]:
    with place.house.database.read() as session:
        rows = session.scalars(select(OperatorNotice).order_by(OperatorNotice.id)).all()
        return [(row.kind, row.details["reason"]) for row in rows]


def test_a_revoked_token_is_told_once_and_rests_until_there_is_another(place: BotTown) -> None:
    """The operator hears of it once; a new token is tried at once."""
    place.house.operators.add(SLUG, "noc@interatos.example", now=place.town.now)
    place.paired(place.town.customer())
    place.bot.revoked = True
    for _ in range(3):
        place.house.listening.glance(place.town.clock)
        place.town.wait(hours=1, minutes=1)
    assert notices(place) == [("bot_trouble", "token_refused")]
    place.house.telling.run(place.town.clock)
    (letter,) = place.town.letters
    assert f"alerta isp transport {SLUG} telegram" in letter.text.replace("\n", " ")
    assert TOKEN not in letter.everything

    place.house.listening.glance(place.town.clock)
    assert place.house.listening.due(now=place.town.now) == []
    newer = place.telegram.bot("123456789:AAanother-token")
    place.house.isps.set_transport(SLUG, "telegram", f"tgram://{newer.token}", now=place.town.now)
    assert len(place.house.listening.due(now=place.town.now)) == 1
    newer.hears(ANA, "/saldo", update_id=place.row().next_update)  # it is the same bot
    place.listen()
    assert len(newer.to(ANA)) == 1
    assert place.row().trouble is None


def test_a_webhook_is_named_and_taken_away_only_when_told(place: BotTown) -> None:
    """Somebody set it for a reason; `--take-over` is the operator's word."""
    place.house.operators.add(SLUG, "noc@interatos.example", now=place.town.now)
    place.paired(place.town.customer())
    place.bot.webhook = "https://elsewhere.example/hook"
    place.bot.hears(ANA, "/saldo")
    place.house.listening.glance(place.town.clock)
    assert notices(place) == [("bot_trouble", "webhook")]
    assert place.house.inviting.listen(SLUG, now=place.town.now).trouble == "webhook"
    assert place.bot.webhook is not None
    place.house.inviting.listen(SLUG, now=place.town.now, take_over=True)
    before = len(place.bot.to(ANA))
    place.listen()
    assert len(place.bot.to(ANA)) == before + 1


def test_another_poller_is_told_when_it_stays(place: BotTown) -> None:
    """Once may be our own that lost its lease; three times in a row somebody else reads."""
    place.house.operators.add(SLUG, "noc@interatos.example", now=place.town.now)
    place.house.inviting.listen(SLUG, now=place.town.now)
    place.bot.other_poller = True
    for told in (0, 0, 1, 1):
        place.house.listening.glance(place.town.clock)
        assert len(notices(place)) == told
        place.town.wait(minutes=11)
    place.bot.other_poller = False
    place.house.listening.glance(place.town.clock)
    assert (place.row().trouble, place.row().failures) == (None, 0)


@on_sqlite
def test_telegram_that_is_away_is_asked_less_and_less(
    place: BotTown, telegram: TelegramServer
) -> None:
    """Nobody is told: it mends itself, and every delivery says so too."""
    place.house.inviting.listen(SLUG, now=place.town.now)
    telegram.__exit__()
    rests = []
    for _ in range(8):
        place.house.listening.glance(place.town.clock)
        row = place.row()
        assert row.rest_until is not None
        rests.append((row.rest_until - place.town.now).total_seconds())
        place.town.now = row.rest_until
    assert rests == [10, 20, 40, 80, 160, 320, 600, 600]
    assert (row.trouble, notices(place)) == ("unreachable", [])


def test_there_is_no_link_without_a_bot(town: Town) -> None:
    """The refusal says which command gives the ISP one."""
    with pytest.raises(SetupError, match="alerta isp transport interatos telegram tgram://TOKEN"):
        town.house.inviting.invite(SLUG, town.customer().id, author="x", now=town.now)
