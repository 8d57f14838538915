"""A receipt takes back the reminder that crossed the payment."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from billing.values import DeliveryState
from models.alert import Delivery
from tests.support.inbox import Letter
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town

IGNORE = "Ignorá el aviso anterior sobre esta factura."


def receipt(town: Town) -> Letter:
    """Return the one receipt that arrived."""
    (found,) = [letter for letter in town.letters if "Recibimos tu pago" in letter.subject]
    return found


def takes_back(town: Town) -> bool:
    """Whether the receipt says to ignore what came before, in text and HTML alike."""
    letter = receipt(town)
    in_text = IGNORE in " ".join(letter.text.split())
    assert (IGNORE in letter.html) == in_text
    return in_text


@pytest.mark.parametrize(("hours", "says"), [(1, True), (71, True), (73, False)])
def test_a_receipt_says_to_ignore_a_young_reminder(town: Town, hours: int, *, says: bool) -> None:
    """Within 72 h of the reminder it is taken back; an older one is history."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=1)
    town.go_round()
    assert town.kinds() == ["due_soon"]

    town.state.pay(invoice)
    town.wait(hours=hours)
    town.go_round()

    assert takes_back(town) is says


@on_sqlite
def test_the_reminder_counts_when_the_payment_is_noticed(town: Town) -> None:
    """A receipt that waits for days still takes back what was young when we learnt of it."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=1)
    town.go_round()
    town.state.pay(invoice)
    town.sync()

    town.wait(hours=90)
    town.deliver()

    assert takes_back(town)


@on_sqlite
@pytest.mark.parametrize(("state", "says"), [("uncertain", True), ("failed", False)])
def test_a_reminder_that_may_have_arrived_counts(town: Town, state: str, *, says: bool) -> None:
    """What the provider may have, the customer may have; what failed, nobody read."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=1)
    town.go_round()
    with town.house.database.write() as session:
        session.execute(update(Delivery).values(state=DeliveryState(state).value))

    town.state.pay(invoice)
    town.go_round()

    assert takes_back(town) is says


@on_sqlite
def test_a_reminder_of_another_invoice_stands(town: Town) -> None:
    """Who pays one of two invoices is still reminded of the other."""
    ana = town.customer()
    town.settled(ana)
    paid = town.bill(ana, due_in=30)
    town.go_round()
    town.wait(hours=80)
    town.bill(ana, due_in=1)
    town.go_round()
    assert town.kinds() == ["issued", "due_soon"]

    town.state.pay(paid)
    town.wait(hours=1)
    town.go_round()

    assert not takes_back(town)


@on_sqlite
def test_the_digest_of_old_debts_is_taken_back_too(town: Town) -> None:
    """It was about this invoice, although the alert names none."""
    ana, bea = town.customer("Ana"), town.customer("Bea")
    old = [town.bill(client, due_in=-40) for client in (ana, bea)]
    town.settled(ana, bea)
    town.house.baseline.release(SLUG, now=town.now)
    town.deliver()
    assert town.kinds() == ["digest", "digest"]

    town.wait(hours=2)
    new = town.bill(bea, due_in=30)
    town.state.pay(old[0])
    town.state.pay(new)
    town.go_round()

    assert takes_back(town)
