"""Support answers "why did I get this?" and "why didn't I?" from `alerta explain` alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from billing.calendar import Caps, preset
from billing.explain import explain
from billing.explained import Entry, Explanation, Standing
from billing.gate import Rule
from billing.held import HoldKind
from billing.policy import DEFAULT_POLICY
from billing.values import AlertKind, Reason
from models.account import Account, Channel
from models.alert import Delivery
from models.isp import Isp
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client
from worker.cli.explaining import answer, words_for
from worker.cli.explaining_words import Language

DAYTIME = "09:00-19:00"
pytestmark = on_sqlite


def why(town: Town, client: Client | None = None, **how: Any) -> Explanation:
    """Explain a customer, or the first one."""
    with town.house.database.read() as session:
        query = select(Account).order_by(Account.id)
        if client is not None:
            query = query.where(Account.client_id == client.id)
        account = session.scalars(query).first()
        assert account is not None
        return explain(session, account, now=town.now, **how)


def entries(found: Explanation, kind: str, step: str | None = None) -> list[Entry]:
    """Return the entries of this kind, in order."""
    return [
        entry
        for story in found.invoices
        for entry in story.entries
        if entry.kind == kind and step in {None, entry.step}
    ]


def entry_of(found: Explanation, kind: str, step: str | None = None) -> Entry:
    """Return the only entry of this kind."""
    (entry,) = entries(found, kind, step)
    return entry


def said(found: Explanation, kind: str, step: str | None = None, lang: str = "es") -> str:
    """Return its sentence."""
    return words_for(found, Language(lang)).sentence(entry_of(found, kind, step))


def against(entry: Entry) -> dict[Rule, Reason | None]:
    """Return the rules that are not in favour, with their reasons."""
    return {line.rule: line.why for line in entry.rules if line.says != "ok"}


def set_policy(monkeypatch: pytest.MonkeyPatch, **over: Any) -> None:
    """Give every ISP the default policy with some things changed."""
    monkeypatch.setattr("billing.terms.DEFAULT_POLICY", replace(DEFAULT_POLICY, **over))


def change(town: Town, table: type[Any], **values: Any) -> None:
    """Change every row of a table."""
    with town.house.database.write() as session:
        session.execute(update(table).values(**values))


def at_wall(day: date, hour: int) -> datetime:
    """Return an instant on the ISP's wall, which is three hours behind."""
    return datetime(day.year, day.month, day.day, hour + 3, tzinfo=UTC)


@pytest.fixture
def open_town(make_town: Callable[..., Town]) -> Town:
    """Give the test a town that may be reached from nine to seven, at noon of a Tuesday."""
    town = make_town()
    town.add_isp(contact_hours=DAYTIME)
    return town


@pytest.mark.rule(number=18)
def test_what_was_sent_and_what_will_be(open_town: Town) -> None:
    """The plain case: the announcement went, the series follows, each at nine of its day."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.go_round()
    found = why(open_town)

    assert said(found, "issued") == (
        "Se envió el 10/03 a las 12:00 a a…@clientes.example por e-mail"
    )
    assert entry_of(found, "issued").evidence is not None
    assert said(found, "due_soon", "-5d") == (
        "Va a salir el 15/03 a las 09:00 a a…@clientes.example por e-mail"
    )
    assert said(found, "due_soon", "-5d", "en") == (
        "Will go on 15 Mar at 09:00 to a…@clientes.example by e-mail"
    )
    coming = entry_of(found, "due_today")
    assert (coming.state, coming.when) == (
        Standing.WILL_GO,
        at_wall(open_town.today + timedelta(days=10), 9),
    )
    assert [line.rule for line in coming.rules] == list(Rule)
    assert against(coming) == {}
    (story,) = found.invoices
    assert answer(story, words_for(found, Language.ES)) == (
        "Lo último: factura nueva. Se envió el 10/03 a las 12:00 a a…@clientes.example por "
        "e-mail. Lo próximo: por vencer (-5d). Va a salir el 15/03 a las 09:00 a "
        "a…@clientes.example por e-mail."
    )


def test_nothing_is_written_and_nothing_asked(open_town: Town) -> None:
    """Explaining leaves every row and Wispro alone."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.go_round()
    asked, lines, letters = open_town.state.served.total(), open_town.lines(), open_town.letters
    copies = open_town.copies()
    why(open_town)
    assert open_town.state.served.total() == asked
    assert (open_town.lines(), open_town.copies(), open_town.letters) == (lines, copies, letters)


def test_paid_before(open_town: Town) -> None:
    """Who paid between planning and sending reads that; so do the steps that never came."""
    ana = open_town.customer()
    open_town.settled(ana)
    invoice = open_town.bill(ana, due_in=1)
    open_town.sync()
    open_town.state.pay(invoice)
    open_town.deliver()
    found = why(open_town)

    assert said(found, "due_soon", "-1d") == "No salió: la factura ya estaba pagada"
    assert said(found, "overdue", "+3d") == "No saldrá: la factura ya estaba pagada"
    assert against(entry_of(found, "overdue", "+3d"))[Rule.OWED] is Reason.PAID
    assert said(found, "paid").startswith("Se envió el 10/03 a las 12:00")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (HoldKind.HOLD, "hay una pausa hasta el 12/03 (ana, «viaja»)"),
        (HoldKind.PROMISE, "hay una promesa de pago hasta el 12/03 (ana, «viaja»)"),
    ],
)
def test_a_hold_and_a_promise(open_town: Town, kind: HoldKind, sentence: str) -> None:
    """What is useful after it waits for its end; what would be worthless by then is ended."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=0)
    open_town.house.holds.put(
        SLUG, ana.id, kind=kind, until=date(2026, 3, 12), reason="viaja", author="ana",
        now=open_town.now,
    )  # fmt: skip
    open_town.sync()
    found = why(open_town)

    assert said(found, "due_today") == f"No saldrá: {sentence}"
    overdue = entry_of(found, "overdue", "+3d")
    assert (overdue.state, against(overdue)) == (Standing.WILL_GO, {})
    (held,) = found.account.holds
    assert (held.kind, held.until, held.author) == (kind, date(2026, 3, 12), "ana")

    open_town.house.holds.put(
        SLUG, ana.id, kind=kind, until=date(2026, 3, 14), reason="viaja", author="ana",
        now=open_town.now,
    )  # fmt: skip
    longer = sentence.replace("12/03", "14/03")
    assert said(why(open_town), "overdue", "+3d") == (
        f"Espera: {longer}; va a salir el 15/03 a las 09:00 a a…@clientes.example por e-mail"
    )


def test_a_cap(open_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two invoices that are reminded of on one day, the second waits for tomorrow."""
    set_policy(monkeypatch, caps=Caps(per_day=1), digest_from=0)
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=6)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    first, second = entries(why(open_town), "due_soon", "-5d")

    assert first.state is Standing.WILL_GO
    assert (second.state, second.why) == (Standing.WAITS, Reason.CAP_DAY)
    assert second.when == at_wall(date(2026, 3, 12), 9)
    assert against(second) == {Rule.CAPS: Reason.CAP_DAY}
    open_town.now = at_wall(date(2026, 3, 11), 9)
    open_town.go_round()
    found = why(open_town)
    assert [line.used for line in found.account.caps] == [1]
    sent, waits = entries(found, "due_soon", "-5d")
    assert (sent.state, waits.state, waits.when) == (Standing.SENT, Standing.WAITS, second.when)


def test_quiet_hours_and_a_holiday(open_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """At night it waits for the morning; on a holiday it is said to be one."""
    set_policy(monkeypatch, preset=preset("AR"))
    change(open_town, Isp, contact_hours="mon-fri 09:00-19:00, no holidays AR")
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.now = at_wall(date(2026, 3, 10), 20)
    open_town.bill(ana, due_in=30)
    open_town.sync()
    assert said(why(open_town), "issued") == (
        "Espera: está fuera del horario de contacto; va a salir el 11/03 a las 09:00 a "
        "a…@clientes.example por e-mail"
    )

    open_town.now = at_wall(date(2026, 3, 24), 12)  # Día de la Memoria
    open_town.bill(ana, due_in=30)
    open_town.sync()
    waiting = [e for e in entries(why(open_town), "issued") if e.why is Reason.HOLIDAY]
    tomorrow = (Standing.WAITS, at_wall(date(2026, 3, 25), 9))
    assert [(e.state, e.when) for e in waiting] == [tomorrow] * 2


def test_missed_after_an_outage(open_town: Town) -> None:
    """After days without a daemon the latest step goes, and each earlier one names it."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    open_town.wait(days=9, hours=1)
    open_town.go_round()
    found = why(open_town)

    assert said(found, "due_soon", "-5d") == (
        "No salió: ya pasó su momento; en su lugar, sin pago registrado (+3d) de 30001"
    )
    assert entry_of(found, "overdue", "+3d").state is Standing.SENT


def test_an_outage_that_goes_on_is_foretold(open_town: Town) -> None:
    """Before the daemon comes back, explain says what it will collapse."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    open_town.wait(days=9, hours=1)
    found = why(open_town)

    missed = entry_of(found, "due_soon", "-5d")
    assert (missed.state, missed.recorded) == (Standing.MISSED, False)
    assert said(found, "due_soon", "-5d") == (
        "No saldrá: ya pasó su momento; en su lugar, sin pago registrado (+3d) de 30001"
    )
    assert (entry_of(found, "overdue", "+3d").state) is Standing.WILL_GO


def test_superseded_by_a_moved_date(open_town: Town) -> None:
    """A reminder for a date that moved away is superseded; the new series stands beside it."""
    ana = open_town.customer()
    open_town.settled(ana)
    invoice = open_town.bill(ana, due_in=1)
    open_town.sync()
    later = open_town.today + timedelta(days=20)
    open_town.state.change_invoice(
        invoice, first_due_date=f"{later}", second_due_date=f"{later + timedelta(days=10)}"
    )
    open_town.go_round()
    old, new = entries(why(open_town), "due_soon", "-1d")

    assert (old.state, old.why, old.recorded) == (Standing.WILL_NOT, Reason.SUPERSEDED, True)
    assert (new.state, new.when) == (Standing.WILL_GO, at_wall(later - timedelta(days=1), 9))


def test_credit_and_the_minimum(open_town: Town) -> None:
    """Credit that the last look found is the reason; so is an amount below the minimum."""
    ana = open_town.customer(credit=Decimal(5000))
    open_town.settled(ana)
    open_town.bill(ana, due_in=1)
    open_town.go_round()
    assert said(why(open_town), "due_soon", "-1d") == (
        "No salió: el saldo a favor del cliente cubre lo que debe"
    )

    change(open_town, Isp, minimum_amount=Decimal(9000))
    found = why(open_town)
    assert said(found, "due_today") == (
        "No saldrá: lo que falta pagar no llega al mínimo que pide el ISP"
    )
    assert against(entry_of(found, "due_today"))[Rule.OWED] is Reason.BELOW_MINIMUM


def test_a_disabled_channel_and_none_at_all(open_town: Town) -> None:
    """What was planned for a channel that was refused is ended; what comes next has nowhere."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.sync()
    change(open_town, Channel, disabled_at=open_town.now, disabled_reason="550 no such user")
    found = why(open_town)

    assert said(found, "issued") == "No saldrá: el canal está deshabilitado"
    assert said(found, "due_today") == "No saldrá: el cliente no tenía ningún canal habilitado"
    (channel,) = found.account.channels
    assert channel.disabled_reason == "550 no such user"


def test_unpaired(open_town: Town) -> None:
    """Who left reads that they did, for what was planned and for every step to come."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.sync()
    open_town.house.pairing.unpair(SLUG, ana.id, now=open_town.now)
    found = why(open_town)

    why_not = "el cliente está desvinculado"
    assert said(found, "issued") == f"No salió: {why_not}"
    for kind, step in (("due_soon", "-5d"), ("due_today", None)):
        assert said(found, kind, step) == f"No saldrá: {why_not}"
    assert found.account.unpaired_at == open_town.now


def test_a_step_off_and_one_that_is_not_in_the_policy(
    open_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer's wish and the ISP's policy are told apart."""
    set_policy(monkeypatch, events={AlertKind.PAID: DEFAULT_POLICY.events[AlertKind.PAID]})
    ana = open_town.customer()
    open_town.settled(ana)
    change(open_town, Account, steps_off=["due_soon -5d", "overdue"])
    open_town.bill(ana, due_in=10)
    open_town.go_round()
    found = why(open_town)

    assert said(found, "issued") == (
        "No salió: la política del ISP no manda este aviso, o no por este canal"
    )
    assert said(found, "due_soon", "-5d") == "No saldrá: el cliente no quiere este aviso"
    assert said(found, "overdue", "+7d") == "No saldrá: el cliente no quiere este aviso"
    assert entry_of(found, "due_soon", "-1d").state is Standing.WILL_GO


def test_the_breaker(open_town: Town) -> None:
    """While a run is held nothing goes, and nobody knows until when."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.sync()
    change(open_town, Isp, held_run_id=1)
    found = why(open_town)

    for kind, step in (("issued", None), ("due_soon", "-5d")):
        entry = entry_of(found, kind, step)
        assert (entry.state, entry.when, entry.why) == (Standing.WAITS, None, Reason.BREAKER)
        assert against(entry) == {Rule.BREAKER: Reason.BREAKER}
    assert said(found, "issued") == (
        "Espera: los envíos del ISP están retenidos hasta que el operador decida"
    )
    assert found.account.held_run == 1


def test_a_service_that_is_cut_off(open_town: Town) -> None:
    """Overdue reminders are skipped while the service is cut off."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    open_town.state.set_contract_state(open_town.state.contracts[ana.contracts[0]], "disabled")
    open_town.sync()
    found = why(open_town)

    assert said(found, "overdue", "+3d") == (
        "No saldrá: el servicio está cortado: recordarlo no ayuda"
    )
    assert entry_of(found, "due_today").state is Standing.WILL_GO
    assert len(found.account.suspended) == 1
    assert found.invoices[0].suspended


@pytest.mark.parametrize(
    ("given", "odd", "sentence"),
    [
        (
            {"first_due_date": None, "second_due_date": None},
            "no_date",
            "No saldrá: la factura no tiene la fecha desde la que se cuenta",
        ),
        (
            {"first_due_date": "2026-04-20", "second_due_date": "2026-04-10"},
            "reversed",
            "No saldrá: el segundo vencimiento es anterior al primero",
        ),
        (
            {"first_due_date": "2036-04-20", "second_due_date": None},
            "far",
            "No saldrá: un vencimiento está a más de un año de la emisión",
        ),
    ],
)
def test_odd_dates(open_town: Town, given: dict[str, Any], odd: str, sentence: str) -> None:
    """An invoice from whose dates nothing can be counted says so at every step."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, **given)
    open_town.go_round()
    found = why(open_town)

    assert found.invoices[0].odd_dates == odd
    assert said(found, "due_soon", "-5d") == sentence
    assert entry_of(found, "issued").state is Standing.SENT


def test_no_second_due_date(open_town: Town) -> None:
    """The step of a second due date says that there is none."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10, second_due_date=None)
    open_town.go_round()
    assert said(why(open_town), "second_due_soon") == (
        "No saldrá: la factura no tiene un segundo vencimiento posterior"
    )


def test_the_baseline(open_town: Town) -> None:
    """What lay before the silent first look is history; what comes after goes."""
    ana = open_town.customer()
    open_town.bill(ana, due_in=2)
    open_town.settled(ana)
    found = why(open_town)

    history = "No salió: es anterior a nuestra primera mirada: historia, no se avisa"
    assert said(found, "issued") == history
    assert said(found, "due_soon", "-5d") == history
    assert entry_of(found, "due_soon", "-1d").state is Standing.WILL_GO
    assert found.invoices[0].baseline


def test_a_reminder_says_what_the_announcement_would(open_town: Town) -> None:
    """A new invoice that is due tomorrow is not announced besides."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=1)
    open_town.go_round()
    assert said(why(open_town), "issued") == (
        "No salió: un recordatorio que ya tocaba lo dice todo; en su lugar, por vencer (-1d) "
        "de 30001"
    )


def test_carried_in_another_message(open_town: Town) -> None:
    """Two invoices in one message: the second one says in which."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=6)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    found = why(open_town)
    words = words_for(found, Language.ES)

    first, second = entries(found, "issued")
    assert "en un mismo mensaje" not in words.sentence(first)
    assert words.sentence(second).endswith(", en un mismo mensaje con factura nueva de 30001")
    _, planned = entries(found, "due_soon", "-5d")
    assert words.sentence(planned).endswith("en un mismo mensaje con por vencer (-5d) de 30001")


def test_a_refusal_and_an_uncertain_end(open_town: Town) -> None:
    """What the provider refused says what it answered."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.sync()
    open_town.inbox.answer = "550 5.1.1 no such user"
    open_town.deliver()
    found = why(open_town)
    assert said(found, "issued").startswith(
        "Falló el 10/03 a las 12:00 a a…@clientes.example por e-mail: el proveedor lo rechazó "
        "para siempre ("
    )

    with open_town.house.database.write() as session:
        session.execute(update(Delivery).values(state="uncertain", reason="no_answer", detail=None))
    assert said(why(open_town), "issued") == (
        "Puede haber llegado el 10/03 a las 12:00 a a…@clientes.example por e-mail: el "
        "proveedor no contestó: puede haber llegado"
    )


def test_trouble_at_the_provider(open_town: Town) -> None:
    """While a mail server says "later" the alert waits for its next try."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.sync()
    open_town.inbox.answer = "451 4.3.0 try again later"
    open_town.deliver()
    waiting = entry_of(why(open_town), "issued")
    assert (waiting.state, waiting.why) == (Standing.WAITS, Reason.PROVIDER_TROUBLE)
    assert waiting.when is not None
    assert timedelta(minutes=1) <= waiting.when - open_town.now <= timedelta(minutes=1.1)


def test_old_debts(open_town: Town) -> None:
    """The digest of old debts stands by itself, and its rules speak too."""
    ana = open_town.customer()
    open_town.bill(ana, due_in=-20)
    open_town.settled(ana)
    open_town.house.baseline.release(SLUG, now=open_town.now, limit=None)
    (digest,) = why(open_town).others
    assert (digest.kind, digest.state, digest.when) == (
        AlertKind.DIGEST, Standing.WILL_GO, open_town.now,
    )  # fmt: skip
    assert against(digest) == {}
    open_town.house.holds.put(
        SLUG, ana.id, kind=HoldKind.HOLD, until=date(2026, 3, 12), reason="x", author="y",
        now=open_town.now,
    )  # fmt: skip
    (digest,) = why(open_town).others
    assert (digest.state, digest.why) == (Standing.WAITS, Reason.HOLD)
    assert against(digest) == {Rule.HOLD: Reason.HOLD}


# -- other instants ---------------------------------------------------------------------------


def test_an_instant_to_come(open_town: Town) -> None:
    """What would be decided then: at night the rules say wait, and until when."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=10)
    open_town.sync()
    open_town.now = at_wall(open_town.today, 19)
    found = why(open_town, at=at_wall(open_town.today, 20))
    entry = entry_of(found, "issued")
    assert entry.asked_at == at_wall(date(2026, 3, 10), 20)
    assert against(entry) == {Rule.HOURS: Reason.QUIET_HOURS}
    assert entry.when == at_wall(date(2026, 3, 11), 9)


def test_an_instant_that_passed(open_town: Town) -> None:
    """What was on record by then: not what was decided since."""
    ana = open_town.customer()
    open_town.settled(ana)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    then = open_town.wait(hours=1)
    open_town.now = at_wall(date(2026, 3, 11), 9)
    open_town.go_round()

    assert entry_of(why(open_town), "due_soon", "-5d").state is Standing.SENT
    before = why(open_town, at=then)
    assert entry_of(before, "issued").state is Standing.SENT
    assert entries(before, "due_soon", "-5d") == []


def test_what_was_late_then_is_no_history(open_town: Town) -> None:
    """A step that was due by then and recorded later is not told as one that never was."""
    ana = open_town.customer()
    open_town.settled(ana)
    silent = open_town.now
    open_town.wait(hours=1)
    open_town.bill(ana, due_in=6)
    open_town.go_round()
    assert why(open_town, at=silent).invoices == ()
    late = open_town.wait(days=1)  # since nine o'clock the daemon has been away
    open_town.wait(hours=1)
    open_town.go_round()

    assert entry_of(why(open_town), "due_soon", "-5d").state is Standing.SENT
    assert entries(why(open_town, at=late), "due_soon", "-5d") == []


# -- the command ------------------------------------------------------------------------------


@pytest.mark.rule(number=18)
def test_the_command(make_town: Callable[..., Town], cli: Cli) -> None:
    """In Spanish by default, in English and as JSON on demand, 80 columns, nothing unmasked."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=10)
    town.go_round()

    spanish = cli.well_here("explain", SLUG, ana.id).stdout
    assert "Factura 30001 · pendiente" in spanish
    assert "Lo último: factura nueva. Se envió el " in spanish
    assert "✓ horario: está dentro del horario de contacto" in spanish
    assert max(map(len, spanish.splitlines())) <= 80
    english = cli.well_here("explain", SLUG, ana.id, "--lang", "en", "--invoice", "30001").stdout
    assert "Invoice 30001 · pending" in english
    assert "✓ hours: it is within the contact hours" in english

    ran = cli.well_here("explain", SLUG, ana.id, "--json")
    (story,) = ran.json["invoices"]
    assert story["answer"].startswith("Lo último: factura nueva.")
    assert all(one["sentence"] for one in story["entries"])
    coming = next(one for one in story["entries"] if one["state"] == "will_go")
    assert coming["rules"][0]["line"] == "✓ vínculo: el cliente está vinculado"
    for text in (spanish, english, ran.stdout):
        assert "ana@clientes.example" not in text

    past = (town.now - timedelta(days=1)).isoformat()
    assert "Lo que estaba registrado" in cli.well_here("explain", SLUG, ana.id, "--at", past).stdout
    wrong = cli.here("explain", SLUG, ana.id, "--at", "ayer")
    assert (wrong.code, "is no instant" in wrong.stderr) == (1, True)
    unknown = cli.here("explain", SLUG, ana.id, "--invoice", "999")
    assert (unknown.code, "no invoice '999'" in unknown.stderr) == (1, True)
