"""Due dates and amounts that move while an alert is on its way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


def evening_town(make_town: Callable[..., Town]) -> Town:
    """Build a town that sends by day only."""
    town = make_town()
    town.add_isp(contact_hours="09:00-19:00")
    return town


@on_sqlite
def test_a_due_date_that_moves_at_the_last_second_stops_its_reminder(town: Town) -> None:
    """The last-second look finds another date: what was planned for the old one does not go."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=0)
    town.sync()
    town.wait(minutes=6)  # a look counts for five
    town.state.change_invoice(invoice, first_due_date=f"{town.today + timedelta(days=10)}")
    town.deliver()

    assert town.letters == []
    assert town.ends()[-1] == ("due_today", "0d", "skipped", "superseded")


@on_sqlite
def test_a_change_of_a_paid_invoice_is_not_told(town: Town) -> None:
    """It shows an amount and a pay link, so it goes only after a fresh look."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.go_round()
    town.state.change_invoice(invoice, amount="3000.00")
    town.sync()
    town.state.pay(invoice)
    town.deliver()

    assert town.kinds() == ["issued", "paid"]


@on_sqlite
def test_two_changes_in_one_night_are_one_note(make_town: Callable[..., Town]) -> None:
    """It leads from what the customer knows to what is true now."""
    town = evening_town(make_town)
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.go_round()
    town.wait(hours=9)
    for amount in ("3000.00", "3500.00"):
        town.state.change_invoice(invoice, amount=amount)
        town.sync()
    town.wait(hours=14)
    town.go_round()

    assert town.kinds() == ["issued", "changed"]
    text = town.letters[-1].text.replace("\xa0", " ")
    assert "2.590,00" in text
    assert "3.500,00" in text
    assert "3.000,00" not in text


@on_sqlite
def test_a_change_that_was_taken_back_is_not_told(make_town: Callable[..., Town]) -> None:
    """In the morning everything is as the customer knows it."""
    town = evening_town(make_town)
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.go_round()
    town.wait(hours=9)
    for amount in ("3000.00", "2590.00"):
        town.state.change_invoice(invoice, amount=amount)
        town.sync()
    town.wait(hours=14)
    town.go_round()

    assert town.kinds() == ["issued"]
    assert town.ends()[-1][2:] == ("skipped", "superseded")


@on_sqlite
def test_a_warning_that_was_taken_back_does_not_go(make_town: Callable[..., Town]) -> None:
    """The contract was alerted in the evening and is not any more in the morning."""
    town = evening_town(make_town)
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.go_round()
    contract = town.state.contracts[ana.contracts[0]]
    town.wait(hours=9)
    for state in ("alerted", "enabled"):
        town.state.set_contract_state(contract, state)
        town.sync()
    town.wait(hours=14)
    town.go_round()

    assert town.kinds() == ["issued"]
    assert town.ends()[-1] == ("cutoff_warning", "alerted", "skipped", "superseded")


@on_sqlite
def test_a_due_date_that_comes_nearer_brings_no_reminder_of_the_past(town: Town) -> None:
    """What lies before the last decision was decided: the note of the change says the new date."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=20)
    town.go_round()
    town.wait(days=1)
    town.state.change_invoice(invoice, first_due_date=f"{town.today + timedelta(days=3)}")
    town.go_round()
    assert town.kinds() == ["issued", "changed"]
    town.wait(days=2)
    town.go_round()
    assert town.kinds() == ["issued", "changed", "due_soon"]


@on_sqlite
def test_a_contract_that_was_alerted_while_nobody_looked_is_history(town: Town) -> None:
    """Who comes back begins silently in this too."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.go_round()
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    town.state.set_contract_state(town.state.contracts[ana.contracts[0]], "alerted")
    town.wait(days=1)
    town.settled(ana)
    town.go_round()

    assert town.kinds() == ["issued"]


@on_sqlite
def test_an_announcement_that_waits_survives_a_date_that_moves(town: Town) -> None:
    """Nobody has heard of the invoice yet: it is announced, with the date that holds now."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=20)
    town.sync()
    moved = town.today + timedelta(days=25)
    town.state.change_invoice(invoice, first_due_date=f"{moved}")
    town.sync()
    town.deliver()

    assert town.kinds() == ["issued"]
    assert f"{moved:%d/%m}" in town.letters[0].everything
