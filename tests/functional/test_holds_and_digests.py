"""What holds a reminder back, and what goes together in one message."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billing.held import HoldKind
from billing.holds import HoldError
from models.alert import Delivery
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


def hold(
    town: Town, client: str, days: int, kind: HoldKind = HoldKind.HOLD, invoice: str | None = None
) -> None:
    """Ask nothing of a client until a day is over."""
    town.house.holds.put(
        SLUG,
        client,
        kind=kind,
        until=town.today + timedelta(days=days),
        reason="disputes the amount",
        author="ana@staff",
        invoice=invoice,
        now=town.now,
    )


@pytest.mark.rule(number=21)
@on_sqlite
def test_a_disputed_invoice_is_not_chased(town: Town) -> None:
    """While a hold is in force no reminder of that invoice goes; others do, and receipts too."""
    ana = town.customer()
    town.settled(ana)
    disputed = town.bill(ana, due_in=6)
    town.bill(ana, due_in=9)
    town.go_round()
    town.wait(days=1)
    hold(town, ana.id, 20, invoice=disputed.id)
    for _ in range(12):
        town.wait(days=1)
        town.go_round()

    about = [line.invoice_number for line in town.lines("sent") if line.kind != "issued"]
    assert about
    assert disputed.number not in about
    assert {reason for kind, _, _, reason in town.ends() if kind == "overdue"} >= {"hold"}
    town.state.pay(disputed)
    town.go_round()
    assert "paid" in town.kinds()


@pytest.mark.rule(number=21)
@on_sqlite
def test_a_broken_promise_resumes_the_ladder(town: Town) -> None:
    """Until the promised day nothing is asked; the day after, the latest step goes, once."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6)
    town.go_round()
    hold(town, ana.id, 10, HoldKind.PROMISE)
    for _ in range(10):
        town.wait(days=1)
        town.go_round()
    assert town.kinds() == ["issued"]
    assert town.ends()[-1][2:] == ("planned", "promise")

    town.wait(days=1)
    town.go_round()
    town.go_round()
    assert town.kinds() == ["issued", "overdue"]


@on_sqlite
def test_a_promise_that_is_kept_ends_with_a_receipt(town: Town) -> None:
    """Who pays in time never hears a reminder, nor anything of the promise."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana, due_in=2)
    town.go_round()
    before = len(town.letters)
    hold(town, ana.id, 10, HoldKind.PROMISE)
    for day in range(8):
        town.wait(days=1)
        if day == 5:
            town.state.pay(invoice)
        town.go_round()
    assert town.kinds()[before:] == ["paid"]
    assert not any("ignor" in one.everything.lower() for one in town.letters[before:])


def test_what_is_released_goes_at_once(town: Town) -> None:
    """A release does not wait for the day that the hold named."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6)
    town.go_round()
    hold(town, ana.id, 60)
    town.wait(days=1)
    town.go_round()
    assert town.kinds() == ["issued"]

    ended = town.house.holds.release(SLUG, ana.id, author="eva@staff", now=town.now)
    town.go_round()

    assert [(one.author, one.released_by) for one in ended] == [("ana@staff", "eva@staff")]
    assert town.kinds() == ["issued", "due_soon"]


@on_sqlite
def test_a_hold_that_nobody_could_mean_is_refused(town: Town) -> None:
    """A day that is over, a year ahead, no reason: one line each, and nothing is kept."""
    ana = town.customer()
    town.settled(ana)
    for days in (-1, 400):
        with pytest.raises(HoldError, match="--until"):
            hold(town, ana.id, days)
    with pytest.raises(HoldError, match="--invoice"):
        hold(town, ana.id, 3, invoice="A-0001-1")
    with pytest.raises(HoldError, match="nothing holds"):
        town.house.holds.release(SLUG, ana.id, author="x", now=town.now)
    assert town.house.holds.lines(SLUG, ana.id, now=town.now) == []


@pytest.mark.rule(number=22)
def test_five_contracts_are_one_message(town: Town) -> None:
    """What comes due on one day is told once, with one total; each alert is recorded as sent."""
    ana = town.customer(contracts=5)
    eva = town.customer("Eva Díaz")
    town.settled(ana, eva)
    for contract in range(5):
        town.bill(ana, due_in=6, contract=contract)
    town.bill(eva, due_in=6)
    town.go_round()
    assert len(town.letters) == 2
    first = next(one for one in town.letters if "ana@" in one.recipient)
    assert "12.950,00" in first.everything

    town.wait(days=1)
    town.go_round()

    assert len(town.letters) == 4
    assert [line.state for line in town.lines() if line.kind == "due_soon"] == ["sent"] * 6
    digest = next(one for one in town.letters[2:] if "ana@" in one.recipient)
    assert "5 facturas" in digest.subject
    with town.house.database.read() as session:
        query = select(Delivery.carried_by, func.count()).group_by(Delivery.carried_by)
        carriers = {carrier: count for carrier, count in session.execute(query) if carrier}
    assert sorted(carriers.values()) == [4, 4]  # of the announcements, and of the reminders
    assert digest.everything.count("pagos.interatos.example/") >= 5


@pytest.mark.rule(number=22)
@on_sqlite
def test_one_of_several_is_paid_before_the_digest_goes(town: Town) -> None:
    """The digest lists what is still owed when it leaves, and never what was paid."""
    ana = town.customer(contracts=3)
    town.settled(ana)
    bills = [town.bill(ana, due_in=6, contract=place) for place in range(3)]
    town.go_round()
    before = len(town.letters)
    town.wait(days=1)
    town.house.planning.tick(now=town.now)
    town.state.pay(bills[0])
    town.deliver()
    town.go_round()

    letters = town.letters[before:]
    assert [one.subject for one in letters if "2 facturas" in one.subject] != []
    assert all("7.770,00" not in one.everything for one in letters)


@on_sqlite
def test_a_cut_off_customer_is_not_reminded_of_it(town: Town) -> None:
    """Once the service is suspended, overdue reminders stop: they know."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.go_round()
    before = len(town.letters)
    town.state.set_contract_state(town.state.contracts[ana.contracts[0]], "disabled")
    for _ in range(8):
        town.wait(days=1)
        town.go_round()

    assert "overdue" not in town.kinds()[before:]
    assert ("overdue", "+3d", "skipped", "suspended") in town.ends()
