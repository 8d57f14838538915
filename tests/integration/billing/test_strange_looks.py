"""What one strange answer, or one strange customer, must not do to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from billing import apply, by_account, look, proposals
from models.account import Account
from models.sync_run import SetAsideRecord
from tests.support.marks import on_sqlite
from tests.support.town import Town


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
@on_sqlite
def test_a_date_at_the_end_of_time_is_set_aside(town: Town, day: str) -> None:
    """No instant can be reckoned from it, and the other customers do not wait for that."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    town.bill(ana, first_due_date=day)
    town.bill(eva)
    town.go_round()

    assert [line.name for line in town.lines("sent")] == ["Eva Blanco"]


@on_sqlite
def test_a_date_at_the_end_of_time_at_the_last_second_stops_nobody_else(town: Town) -> None:
    """What cannot be kept is no fresh look."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    invoice = town.bill(ana)
    town.bill(eva)
    town.sync()
    town.wait(minutes=6)  # a look counts for five
    town.state.change_invoice(invoice, first_due_date="9999-12-31")
    town.deliver()

    assert [(line.name, line.reason) for line in town.lines("planned")] == [
        ("Ana Álvarez", "stale_data")
    ]
    assert [line.name for line in town.lines("sent")] == ["Eva Blanco"]


def test_a_public_id_beyond_the_database_is_left_out(town: Town) -> None:
    """PostgreSQL refuses it; the customer is looked at all the same."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    invoice = town.bill(ana)
    town.sync()
    town.state.change_client(ana, public_id=99_999_999_999_999_999)
    town.state.remove(invoice)
    town.bill(ana)
    town.bill(eva)
    town.go_round()

    assert {line.name for line in town.lines("sent")} == {"Ana Álvarez", "Eva Blanco"}


@on_sqlite
def test_an_unknown_state_for_an_hour_announces_no_old_debt(town: Town) -> None:
    """What was pending at the baseline and is again is no new invoice."""
    ana = town.customer()
    town.bill(ana)
    town.settled(ana)
    town.wait(hours=1)
    town.break_wispro("unknown_state", path="invoicing")
    town.go_round()
    town.mend_wispro()
    town.wait(hours=1)
    town.go_round()

    assert town.letters == []


@on_sqlite
def test_an_unknown_state_for_a_night_loses_no_announcement(
    make_town: Callable[..., Town],
) -> None:
    """What was cancelled while nobody knew the state is owed again when it is pending again."""
    town = make_town()
    town.add_isp(contact_hours="09:00-19:00")
    ana = town.customer()
    town.settled(ana)
    town.wait(hours=8)
    town.bill(ana)
    town.go_round()
    town.break_wispro("unknown_state", path="invoicing")
    town.wait(hours=1)
    town.go_round()
    assert town.ends() == [("issued", "first_sight", "cancelled", "not_owed")]
    town.mend_wispro()
    town.wait(hours=1)
    town.go_round()
    assert town.letters == []
    town.wait(hours=12)
    town.go_round()
    town.go_round()

    assert town.kinds() == ["issued"]


@on_sqlite
def test_a_corrected_national_id_is_found_within_a_day(town: Town) -> None:
    """Nothing was open that could be missed, and the old id finds no invoice any more."""
    ana = town.customer()
    town.settled(ana)
    town.state.change_client(ana, national_id="20.999.999")
    town.bill(ana)
    town.wait(days=1)
    town.go_round()

    assert town.kinds() == ["issued"]


@on_sqlite
def test_a_national_id_that_is_corrected_before_the_first_look_announces_no_old_debt(
    town: Town,
) -> None:
    """The id that was paired finds nothing; what was there all along is no news one day."""
    ana = town.customer()
    town.settled()
    town.bill(ana)
    town.pair(ana)
    town.state.change_client(ana, national_id="20.999.999")
    town.go_round()
    town.wait(days=1)
    town.go_round()

    assert town.kinds() == []


@on_sqlite
def test_an_invoice_goes_with_its_contract_and_is_told_to_the_new_holder_only(town: Town) -> None:
    """What was planned for the first ends; the second hears of what comes due from then on."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    invoice = town.bill(ana, due_in=7)
    town.go_round()
    place = ana.contracts.pop()
    eva.contracts.append(place)
    town.state.contracts[place].client = eva.place
    town.state.add_contract(ana, town.state.plans[0])
    town.bill(ana, due_in=30)  # so that Ana owes something
    for _ in range(6):
        town.wait(days=1)
        town.go_round()

    told = [(one.kind, one.name) for one in town.lines("sent") if one.invoice_id == invoice.id]
    assert told == [
        ("issued", ana.name),
        ("due_soon", eva.name),
        ("due_soon", eva.name),
    ]


@on_sqlite
def test_an_invoice_of_a_client_that_is_gone_is_gone(town: Town) -> None:
    """That Wispro knows the client no more must not keep the alert waiting for ever."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.sync()
    town.state.remove(invoice)
    town.break_wispro("body_404", path="clients/[^/]+$")
    for _ in range(3):
        town.wait(hours=1)
        town.go_round()

    assert town.ends() == [("issued", "first_sight", "cancelled", "vanished")]


@on_sqlite
def test_one_unreadable_id_is_one_account_s_trouble(town: Town) -> None:
    """The others are looked at, and the run says what is wrong."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    with town.house.database.write() as session:
        account = session.scalars(select(Account).where(Account.client_id == ana.id)).one()
        account.national_id_sealed = "gAAAbroken"
    town.bill(eva)
    town.wait(hours=1)
    report = town.sync()
    town.deliver()

    assert (report.outcome, report.reason) == ("incomplete", "unreadable_secret")
    assert town.kinds() == ["issued"]


@on_sqlite
def test_an_account_that_kills_its_look_goes_behind_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the process in the middle of a look, the next run begins with somebody else."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    real = look.look_at

    def deadly(wispro: Any, subject: Any, **how: Any) -> Any:
        if subject.client_id == ana.id:
            raise MemoryError
        return real(wispro, subject, **how)

    monkeypatch.setattr(by_account, "look_at", deadly)
    town.bill(eva)
    town.wait(hours=1)
    with pytest.raises(MemoryError):
        town.sync(due_only=True)
    town.wait(minutes=1)
    assert town.sync(due_only=True).alerts == 1


def test_a_look_that_is_laid_down_does_not_hold_the_planner_up(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the two would otherwise wait for each other until one is shot."""
    if town.house.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, due_in=6)
    town.sync()
    town.wait(days=1)
    town.bill(ana, due_in=30)
    real, ended = apply.lay_invoice, []

    def lay_down(*given: Any, **how: Any) -> Any:
        planner = threading.Thread(
            target=lambda: ended.append(town.house.planning.tick(now=town.now))
        )
        planner.start()
        planner.join(3)
        assert not planner.is_alive()
        return real(*given, **how)

    monkeypatch.setattr(proposals, "lay_invoice", lay_down)
    town.sync()

    assert [tally.alerts for tally in ended] == [1]


@on_sqlite
def test_a_thousand_unreadable_records_are_counted_and_not_all_written_down(town: Town) -> None:
    """The same ones come again with every look."""
    ana = town.customer()
    town.settled(ana)
    for _ in range(30):
        town.bill(ana, first_due_date="9999-12-31")
    report = town.sync()

    assert report.set_aside == 30
    with town.house.database.read() as session:
        assert len(session.scalars(select(SetAsideRecord)).all()) == 20


@on_sqlite
def test_a_look_that_was_overtaken_is_dropped(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one look was under way, a younger one was laid down: the older one knows less."""
    ana = town.customer()
    town.settled(ana)
    real = look.look_at
    held: list[object] = []

    def slow(wispro: Any, subject: Any, **how: Any) -> Any:
        found = real(wispro, subject, **how)
        if not held:
            held.append(found)
            town.state.remove(invoice)
            town.wait(seconds=10)
            monkeypatch.undo()
            town.house.sync.run(town.isp_id, clock=town.clock, trigger="hand", due_only=False)
        return found

    invoice = town.bill(ana)
    with town.house.database.read() as session:
        account_id = session.scalars(select(Account.id)).one()
    monkeypatch.setattr(by_account, "look_at", slow)
    report = town.house.sync.run_account(account_id, clock=town.clock, trigger="hand")

    assert (report.alerts, town.copies()) == (0, [])


@on_sqlite
def test_an_account_rests_between_two_looks(town: Town) -> None:
    """Half an hour after the last look it is due again, and not a minute before."""
    town.settled(town.customer())
    town.wait(minutes=29, seconds=59)
    assert town.house.sync.due_isps(now=town.now) == []
    town.wait(seconds=1)
    assert town.house.sync.due_isps(now=town.now) == [town.isp_id]
