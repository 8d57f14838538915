"""A digest of the day asks for everything that is open, and for nothing else (rule 22)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.held import HoldKind
from tests.functional.test_what_hurt_people import plain
from tests.support.inbox import Letter
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client, Invoice


def one_due_in(town: Town, *days: int) -> tuple[Client, list[Invoice]]:
    """A customer who knows of an invoice due in so many days each, on a contract each."""
    ana = town.customer(contracts=len(days))
    town.settled(ana)
    owed = [
        town.bill(ana, due_in=due_in, contract=place, number=f"F-{place}", second_due_date=None)
        for place, due_in in enumerate(days)
    ]
    town.go_round()
    return ana, owed


def tomorrow(town: Town) -> Letter:
    """Return the one message of the next day."""
    before = len(town.letters)
    town.wait(days=1)
    town.deliver()
    (letter,) = town.letters[before:]
    return letter


@pytest.mark.rule(number=22)
def test_what_nothing_is_due_about_today_is_in_the_total(town: Town) -> None:
    """Two reminders are due; the third and the fourth invoice are listed, each with its link."""
    one_due_in(town, 6, 6, 9, 20)

    letter = tomorrow(town)

    assert letter.subject == "Tenés 4 facturas por pagar · $ 10.360,00"
    for text in (plain(letter.text), plain(letter.html)):
        assert [text.count(f"F-{place}") > 0 for place in range(4)] == [True] * 4
    assert [line.state for line in town.lines() if line.kind == "due_soon"] == ["sent"] * 2


@pytest.mark.rule(number=22)
@on_sqlite
def test_what_was_paid_an_hour_ago_is_not_in_the_total(town: Town) -> None:
    """What is listed besides was asked about at the last moment, as what is due was."""
    _, owed = one_due_in(town, 6, 6, 9, 20)
    town.wait(hours=23)
    town.state.pay(owed[2])
    town.state.set_state(owed[3], "void")
    before = len(town.letters)
    town.wait(hours=1)
    town.deliver()

    letter = town.letters[before]
    assert letter.subject == "Tenés 2 facturas por pagar · $ 5.180,00"
    assert not any(f"F-{place}" in letter.everything for place in (2, 3))


@pytest.mark.rule(number=22)
@on_sqlite
def test_what_wispro_does_not_confirm_is_counted_and_not_asked(town: Town) -> None:
    """No fresh look, no amount (rule 4); what is due goes all the same."""
    _, owed = one_due_in(town, 6, 6, 9)
    town.break_wispro("body_404", path=rf"/invoices/{owed[2].id}")

    letter = tomorrow(town)

    assert letter.subject == "Tenés 2 facturas por pagar · $ 5.180,00"
    assert "Hay 1 factura más, fuera del total." in plain(letter.text)


@pytest.mark.rule(number=22)
@on_sqlite
def test_what_is_disputed_is_not_in_the_total(town: Town) -> None:
    """Nobody is asked for an invoice on hold because another one is due (rule 21)."""
    ana, owed = one_due_in(town, 6, 6, 9)
    town.house.holds.put(
        SLUG,
        ana.id,
        kind=HoldKind.HOLD,
        until=town.today + timedelta(days=20),
        reason="disputes the amount",
        author="eva@staff",
        invoice=owed[2].id,
        now=town.now,
    )

    letter = tomorrow(town)

    assert letter.subject == "Tenés 2 facturas por pagar · $ 5.180,00"
    assert "F-2" not in letter.everything


@pytest.mark.rule(number=22)
@on_sqlite
def test_an_old_debt_that_nobody_released_is_not_in_the_total(town: Town) -> None:
    """What was overdue at the first look is the operator's to release (rule 11)."""
    ana = town.customer(contracts=2)
    town.bill(ana, due_in=-40, number="F-OLD")
    town.settled(ana)
    for contract in range(2):
        town.bill(ana, due_in=6, contract=contract)
    town.go_round()

    letter = tomorrow(town)

    assert letter.subject == "Tenés 2 facturas por pagar · $ 5.180,00"
    assert "F-OLD" not in letter.everything
    town.house.baseline.release(SLUG, now=town.now)
    town.wait(hours=1)
    town.deliver()
    assert "F-OLD" in town.letters[-1].everything
    town.wait(days=4)
    town.deliver()  # one day before the due date of the two
    assert town.letters[-1].subject.endswith("$ 7.770,00")


@pytest.mark.rule(number=22)
@on_sqlite
def test_a_list_has_an_end(town: Town) -> None:
    """Ten are listed and summed; of the others the customer reads how many they are."""
    one_due_in(town, 6, 6, *range(7, 17))

    letter = tomorrow(town)

    assert letter.subject == "Tenés 10 facturas por pagar · $ 25.900,00"
    assert "Hay 2 facturas más, fuera del total." in plain(letter.text)


@pytest.mark.rule(number=8)
@pytest.mark.parametrize("due_in", [(6,), (6, 6, 9)])
@on_sqlite
def test_credit_that_pays_a_part_lowers_what_is_asked(town: Town, due_in: tuple[int, ...]) -> None:
    """Of one invoice and of a digest alike: what is asked is never more than what is owed."""
    ana, _ = one_due_in(town, *due_in)
    ana.credit = Decimal(1000)

    letter = tomorrow(town)

    asked = {1: "$ 1.590,00", 3: "$ 6.770,00"}[len(due_in)]
    assert letter.subject.endswith(asked)
    text = plain(letter.text)
    assert f"Total a pagar: {asked}" in text
    assert "saldo a favor" in text
    assert f"quedan {asked}." in text
