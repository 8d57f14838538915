"""The first look announces nothing; the operator may release one digest per account."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from models.account import Account, Channel
from models.isp import Isp
from tests.support.cli import Cli
from tests.support.inbox import Letter
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client, Invoice

NBSP = "\u00a0"
DIGEST = ("digest", "baseline")


def amounts(letter: Letter) -> list[str]:
    """Return every amount of a message, in order, each once."""
    return list(dict.fromkeys(re.findall(rf"\$[{NBSP} ]([\d.,]*\d)", letter.text)))


def in_debt(
    town: Town, name: str, *amounts_owed: str, state: str = "pending"
) -> tuple[Client, list[Invoice]]:
    """Add a client with one old invoice of each amount, due 100, 99 … days ago."""
    client = town.customer(name)
    owed = [
        town.bill(client, due_in=place - 100, amount=amount, number=f"{name}-{place}", state=state)
        for place, amount in enumerate(amounts_owed)
    ]
    return client, owed


def ends(town: Town) -> list[tuple[str, str, str | None]]:
    """Return (name, state, reason) of every digest."""
    return [
        (line.name, line.state, line.reason)
        for line in town.lines()
        if (line.kind, line.step) == DIGEST
    ]


def baseline(cli: Cli, *words: str) -> dict[str, object]:
    """Run the command and return what it prints for scripts."""
    found = cli.well_here("baseline", SLUG, *words, "--json").json
    assert isinstance(found, dict)
    return found


def release(town: Town, limit: int | None = None) -> tuple[int, int]:
    """Release at the town's own time; return (alerts, deliveries)."""
    tally = town.house.baseline.release(SLUG, now=town.now, limit=limit)
    return tally.alerts, tally.deliveries


@pytest.mark.rule(number=11)
def test_old_debts_are_shown_and_released_once(make_town: Callable[..., Town], cli: Cli) -> None:
    """The commands of an operator: what there is, one digest each, and no second one."""
    town = make_town(now=datetime.now(UTC))  # the commands read the real clock
    town.add_isp()
    ana, _ = in_debt(town, "Ana", "1000.50", "2000", "3000")
    bea, _ = in_debt(town, "Bea", "2590")
    town.bill(bea, due_in=6, number="Bea-next")  # not overdue: the policy's own matter
    carla, _ = in_debt(town, "Carla", "500", state="paid")
    town.settled(ana, bea, carla)
    town.go_round()
    assert town.letters == []

    assert baseline(cli) == {
        "isp": SLUG,
        "locale": "es_AR",
        "currency": "ARS",
        "accounts": 2,
        "invoices": 4,
        "total": "8590.50",
        "oldest_due_date": f"{town.today - timedelta(days=100)}",
        "reachable": 2,
        "unreachable": 0,
    }
    shown = cli.well_here("baseline", SLUG).stdout.replace(NBSP, " ")
    assert "2 accounts already overdue, $ 8.590,50" in shown
    assert town.lines() == []  # looking at it releases nothing

    assert baseline(cli, "--release", "--yes") == {"alerts": 2, "deliveries": 2}
    assert [line.kind for line in town.lines()] == ["digest", "digest"]
    assert baseline(cli)["accounts"] == 0
    assert baseline(cli, "--release", "--yes") == {"alerts": 0, "deliveries": 0}
    assert cli.well_here("deliver", "--json").json["sent"] == 2
    assert cli.well_here("deliver", "--json").json["sent"] == 0
    assert town.kinds() == ["digest", "digest"]


def test_a_digest_lists_what_is_owed_when_it_goes(town: Town) -> None:
    """One of them is paid between release and delivery: it is neither listed nor summed."""
    ana, owed = in_debt(town, "Ana", "1000.50", "2000", "3000")
    bea, _ = in_debt(town, "Bea", "2590")
    town.settled(ana, bea)
    assert release(town) == (2, 2)
    town.state.pay(owed[1])

    report = town.deliver()

    digests = [letter for letter in town.letters if "vencida" in letter.subject]
    digests.sort(key=lambda letter: letter.recipient)
    assert [letter.recipient.partition("@")[0] for letter in digests] == ["ana", "bea"]
    first, second = digests
    assert amounts(first) == ["4.000,50", "1.000,50", "3.000,00"]
    assert "4.000,50" in first.subject
    assert "Ana-0" in first.text
    assert "Ana-1" not in first.everything
    assert f"https://pagos.interatos.example/{owed[0].id}" in first.html
    assert first.qr is not None
    assert first.pdf is None
    assert amounts(second) == ["2.590,00"]
    assert "Si ya pagaste, ignorá este aviso." in second.text
    # the payment that the last look found is thanked for, as always
    assert sorted(town.kinds()) == ["digest", "digest", "paid"]
    assert (report.sent, ends(town)) == (3, [("Ana", "sent", None), ("Bea", "sent", None)])

    assert release(town) == (0, 0)
    for _ in range(3):
        town.wait(minutes=10)
        assert town.deliver().touched == 0
    town.go_round()
    assert len(town.letters) == 3


@pytest.mark.rule(number=8)
@on_sqlite
def test_credit_that_covers_all_of_it_is_the_reason(town: Town) -> None:
    """Who has credit enough is told nothing, and support reads why."""
    ana, _ = in_debt(town, "Ana", "1000")
    ana.credit = Decimal(1000)
    town.settled(ana)
    release(town)

    assert (town.deliver().skipped, town.letters) == (1, [])
    assert ends(town) == [("Ana", "skipped", "credit_covers")]


@pytest.mark.rule(number=8)
@on_sqlite
def test_credit_that_covers_a_part_lowers_what_is_asked(town: Town) -> None:
    """The total is what the account owes, and the message says why it is less than the sum."""
    ana, _ = in_debt(town, "Ana", "1000", "2000")
    ana.credit = Decimal(700)
    town.settled(ana)
    release(town)
    town.deliver()

    (letter,) = town.letters
    assert "2.300,00" in letter.subject
    text = " ".join(letter.text.replace(NBSP, " ").split())
    assert "Total a pagar: $ 2.300,00" in text
    assert "suman $ 3.000,00; con tu saldo a favor quedan $ 2.300,00" in text


@pytest.mark.rule(number=11)
@on_sqlite
def test_a_long_list_is_capped_and_sums_what_it_lists(town: Town) -> None:
    """Twelve debts: ten listed and summed, two counted; eleven requests, not more."""
    ana, _ = in_debt(town, "Ana", *(["100"] * 12))
    town.settled(ana)
    release(town)
    before = town.state.served.total()
    town.deliver()

    (letter,) = town.letters
    assert town.state.served.total() - before == 11
    assert amounts(letter) == ["1.000,00", "100,00"]
    assert "Hay 2 facturas vencidas más, fuera del total." in " ".join(letter.text.split())
    assert "Ana-9" in letter.text
    assert "Ana-10" not in letter.everything


@on_sqlite
def test_when_the_ten_oldest_were_paid_the_next_ones_come(town: Town) -> None:
    """A look that finds nothing open asks about the others five minutes later."""
    ana, owed = in_debt(town, "Ana", *(["100"] * 11))
    town.settled(ana)
    release(town)
    for invoice in owed[:10]:
        town.state.pay(invoice)

    town.deliver()
    assert ends(town) == [("Ana", "planned", "stale_data")]
    town.wait(minutes=5)
    town.deliver()

    assert ends(town) == [("Ana", "sent", None)]
    digest = next(letter for letter in town.letters if "vencida" in letter.subject)
    assert amounts(digest) == ["100,00"]
    assert "Ana-10" in digest.text


@on_sqlite
def test_nothing_left_is_cancelled_as_paid(town: Town) -> None:
    """Paid or voided before it leaves: no digest, and the reason is there."""
    ana, owed = in_debt(town, "Ana", "1000", "2000")
    town.settled(ana)
    release(town)
    town.state.pay(owed[0])
    town.state.set_state(owed[1], "void")
    town.deliver()

    assert ends(town) == [("Ana", "cancelled", "paid")]
    assert "digest" not in town.kinds()


@on_sqlite
def test_below_the_minimum_nothing_is_asked(town: Town) -> None:
    """The ISP's least amount holds for what the digest asks."""
    with town.house.database.write() as session:
        session.execute(update(Isp).values(minimum_amount=Decimal(1001)))
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)
    release(town)
    town.deliver()

    assert ends(town) == [("Ana", "skipped", "below_minimum")]


@pytest.mark.rule(number=4)
@pytest.mark.parametrize("fault", ["body_500", "http_502_html", "broken_json"])
@pytest.mark.parametrize("path", ["invoices/", "current_account"])
@on_sqlite
def test_without_a_fresh_look_nothing_is_asked(town: Town, fault: str, path: str) -> None:
    """If Wispro does not answer the digest waits, and goes when it does."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)
    release(town)
    town.break_wispro(fault, path=path)
    town.deliver()
    assert (ends(town), town.letters) == ([("Ana", "planned", "stale_data")], [])

    town.mend_wispro()
    assert town.deliver().touched == 0
    town.wait(minutes=5)
    assert town.deliver().sent == 1


@on_sqlite
def test_an_invoice_that_wispro_does_not_find_holds_the_digest(town: Town) -> None:
    """One 404 proves nothing, but nobody is asked to pay what may be gone."""
    ana, owed = in_debt(town, "Ana", "1000", "2000")
    town.settled(ana)
    release(town)
    town.state.remove(owed[0])
    town.deliver()

    assert (ends(town), town.letters) == ([("Ana", "planned", "stale_data")], [])


@pytest.mark.rule(number=7)
@on_sqlite
def test_contact_hours_hold_for_a_digest(town: Town) -> None:
    """Released in the evening it leaves in the morning."""
    with town.house.database.write() as session:
        session.execute(update(Isp).values(contact_hours="09:00-19:00"))
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)
    town.wait(hours=9)  # 21:00
    release(town)
    assert town.deliver().touched == 0
    town.wait(hours=11, minutes=59)
    assert town.deliver().touched == 0
    town.wait(minutes=1)
    assert town.deliver().sent == 1


@pytest.mark.rule(number=11)
@on_sqlite
def test_a_limit_takes_the_oldest_and_the_next_call_goes_on(town: Town) -> None:
    """First those with the oldest debt that can be told; who has no channel is counted only."""
    young = town.customer("Ana")
    town.bill(young, due_in=-5)
    old, mute = (in_debt(town, name, "1000")[0] for name in ("Bea", "Carla"))
    new = town.customer("Dora")
    town.bill(new, due_in=0)  # due today is not overdue
    town.settled(young, old, mute, new)
    _disable_channels(town, mute)

    report = town.house.baseline.report(SLUG, now=town.now)
    assert (report.accounts, report.reachable, report.unreachable) == (3, 2, 1)
    assert release(town, limit=1) == (1, 1)
    assert [line.name for line in town.lines()] == ["Bea"]
    assert release(town, limit=1) == (1, 1)
    assert [line.name for line in town.lines()] == ["Bea", "Ana"]
    assert release(town) == (0, 0)
    report = town.house.baseline.report(SLUG, now=town.now)
    assert (report.accounts, report.reachable, report.unreachable) == (1, 0, 1)


def _disable_channels(town: Town, client: Client) -> None:
    with town.house.database.write() as session:
        whose = select(Account.id).where(Account.client_id == client.id)
        session.execute(
            update(Channel).where(Channel.account_id.in_(whose)).values(disabled_at=town.now)
        )


@on_sqlite
def test_two_channels_get_the_digest_and_wispro_is_asked_once(town: Town) -> None:
    """Each channel is a delivery of its own; the look serves both."""
    ana, _ = in_debt(town, "Ana", "1000", "2000")
    town.pair(ana, "ana@clientes.example", "trabajo@clientes.example")
    town.sync()
    assert release(town) == (1, 2)
    before = town.state.served.total()
    town.deliver()

    assert {letter.recipient.partition("@")[0] for letter in town.letters} == {"ana", "trabajo"}
    assert town.state.served.total() - before == 3
    assert {tuple(amounts(letter)) for letter in town.letters} == {
        ("3.000,00", "1.000,00", "2.000,00")
    }


@on_sqlite
def test_who_stops_the_alerts_gets_no_digest(town: Town) -> None:
    """Unpairing ends a digest that waits; who pairs again the same day gets no second one."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)
    release(town)
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    assert town.deliver().touched == 0
    assert ends(town) == [("Ana", "cancelled", "unpaired")]
    assert town.house.baseline.report(SLUG, now=town.now).accounts == 0

    town.settled(ana)
    assert release(town) == (0, 0)


@on_sqlite
def test_only_what_the_release_showed_is_in_a_digest(town: Town) -> None:
    """Neither what becomes overdue later nor what came after the silent look is an old debt."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.bill(ana, due_in=0, number="Ana-today", amount="50")
    bea = town.customer("Bea")
    town.settled(ana, bea)
    town.bill(ana, due_in=-3, number="Ana-new", amount="70")
    town.bill(bea, due_in=-3, number="Bea-new", amount="90")
    town.sync()

    report = town.house.baseline.report(SLUG, now=town.now)
    assert (report.accounts, report.invoices, report.total) == (1, 1, Decimal(1000))
    assert release(town) == (1, 1)
    town.wait(days=1)
    town.deliver()
    digest = next(letter for letter in town.letters if "vencida" in letter.subject)
    assert amounts(digest) == ["1.000,00"]


@on_sqlite
def test_who_was_unpaired_before_the_release_is_not_counted(town: Town) -> None:
    """Old debts are those of customers who want alerts."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)
    assert town.house.baseline.report(SLUG, now=town.now).accounts == 1
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)

    assert town.house.baseline.report(SLUG, now=town.now).accounts == 0
    assert release(town) == (0, 0)


@on_sqlite
def test_what_a_digest_told_is_known(town: Town) -> None:
    """An invoice that stood in a digest is announced: when it is voided, its customer is told."""
    ana, owed = in_debt(town, "Ana", "1000", "2000")
    town.settled(ana)
    release(town)
    town.deliver()
    town.wait(hours=1)
    town.state.set_state(owed[0], "void")
    town.go_round()

    assert town.kinds() == ["digest", "voided"]


# -- wrong input ----------------------------------------------------------------------------------


@on_sqlite
def test_a_release_in_a_pipe_needs_yes(town: Town, cli: Cli) -> None:
    """Nobody there to ask: nothing is planned, and the error says how many it would be."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)

    ran = cli.here("baseline", SLUG, "--release", stdin="y\n")

    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "1 accounts of interatos" in ran.stderr
    assert "--yes" in ran.stderr
    assert town.lines() == []
    assert baseline(cli)["accounts"] == 1


@pytest.mark.parametrize(("answer", "planned"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
@on_sqlite
def test_on_a_terminal_a_person_is_asked(town: Town, cli: Cli, answer: str, planned: int) -> None:
    """Only yes releases; no and a bare Enter do not."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)

    cli.terminal = True
    ran = cli.here("baseline", SLUG, "--release", stdin=answer)

    assert "1 accounts of interatos would get a digest" in ran.text
    assert (ran.code, len(town.lines())) == (0 if planned else 1, planned)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody",), 1),
        (("nobody", "--release", "--yes"), 1),
        ((SLUG, "--release", "--limit", "0"), 2),
        ((SLUG, "--release", "--limit", "many"), 2),
    ],
)
@on_sqlite
def test_a_wrong_release_plans_nothing(
    town: Town, cli: Cli, words: tuple[str, ...], code: int
) -> None:
    """An unknown ISP and a limit that is none are refused."""
    ana, _ = in_debt(town, "Ana", "1000")
    town.settled(ana)

    ran = cli.here("baseline", *words)

    assert (ran.code, ran.stdout) == (code, "")
    assert town.lines() == []


@on_sqlite
def test_without_old_debts_there_is_nothing_to_release(town: Town, cli: Cli) -> None:
    """An ISP without them says so, and releasing asks nobody and plans nothing."""
    ana = town.customer()
    town.settled(ana)

    assert "no account has old debts" in cli.well_here("baseline", SLUG).stdout
    assert baseline(cli, "--release") == {"alerts": 0, "deliveries": 0}
