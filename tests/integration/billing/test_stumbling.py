"""Errors that nobody foresaw, in the middle of a batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from billing.delivery.ledger import Ledger
from billing.letter import Fate, Outcome
from models.invoice import Invoice
from tests.support.marks import on_sqlite
from tests.support.town import Town


class UnforeseenError(Exception):
    """Something that no code of ours names."""


@pytest.fixture
def two_owed(town: Town) -> Town:
    """Ana and Eva are both owed an announcement."""
    ana, eva = town.customer(), town.customer("Eva Blanco")
    town.settled(ana, eva)
    town.bill(ana)
    town.bill(eva)
    town.sync()
    return town


def stumble(town: Town, monkeypatch: pytest.MonkeyPatch, name: str = "Ana") -> None:
    real = town.house.messenger.render

    def render(letter: Any, **how: Any) -> Any:
        if letter.first_name == name:
            raise UnforeseenError
        return real(letter, **how)

    monkeypatch.setattr(town.house.messenger, "render", render)


def test_one_delivery_that_stumbles_holds_nobody_up(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put off, the others of its batch go."""
    town = two_owed
    stumble(town, monkeypatch)
    with pytest.raises(UnforeseenError):
        town.deliver()

    assert town.ends() == [
        ("issued", "first_sight", "planned", "unforeseen"),
        ("issued", "first_sight", "sent", None),
    ]
    monkeypatch.undo()
    town.wait(minutes=30)
    assert town.deliver().sent == 1


@on_sqlite
def test_who_is_told_to_stop_gives_everything_back_at_once(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is stopped between claim and send leaves nothing waiting for a lease."""
    town = two_owed

    def stop(*_: Any, **__: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(town.house.messenger, "render", stop)
    with pytest.raises(SystemExit):
        town.deliver()
    assert town.ends() == [("issued", "first_sight", "planned", None)] * 2
    monkeypatch.undo()
    assert town.deliver().sent == 2


@pytest.mark.parametrize("place", ["begin", "record"])
@on_sqlite
def test_who_is_told_to_stop_while_rows_are_written_knows_what_left(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Journaled and not handed over: given back. Answered and not recorded: recorded."""
    town = two_owed
    real = getattr(Ledger, place)

    def told_to_stop(*given: Any, **how: Any) -> Any:
        monkeypatch.undo()
        if place == "begin":
            real(*given, **how)  # the signal comes as the transaction is over
        raise SystemExit

    monkeypatch.setattr(Ledger, place, told_to_stop)
    with pytest.raises(SystemExit):
        town.deliver()

    left = len(town.letters)
    assert left == (0 if place == "begin" else 1)
    assert sorted(line.state for line in town.lines()) == sorted(
        ["sent"] * left + ["planned"] * (2 - left)
    )
    assert town.deliver().sent == 2 - left
    assert len({letter.recipient for letter in town.letters}) == len(town.letters) == 2


@on_sqlite
def test_who_is_told_to_stop_stops_even_if_nothing_can_be_written(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trouble with the rows does not take the place of the order to end."""

    def stop(*_: Any, **__: Any) -> Any:
        raise SystemExit

    def fail(*_: Any) -> Any:
        raise UnforeseenError

    monkeypatch.setattr(two_owed.house.messenger, "render", stop)
    monkeypatch.setattr(Ledger, "give_back", fail)
    with pytest.raises(SystemExit):
        two_owed.deliver()


@on_sqlite
def test_who_stumbles_for_a_day_is_given_up(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row comes back for ever."""
    town = two_owed
    stumble(town, monkeypatch)
    for _ in range(2):
        with pytest.raises(UnforeseenError):
            town.deliver()
        town.wait(hours=24, minutes=1)

    assert town.ends()[0] == ("issued", "first_sight", "failed", "unforeseen")


@on_sqlite
def test_a_stumble_in_the_middle_of_a_send_is_uncertain_and_counts_as_announced(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider may have it: an e-mail goes once more by its id, then it is for people."""
    town = two_owed
    real = town.house.messenger.send

    def send(*given: Any) -> Outcome:
        assert real(*given).fate is Fate.DELIVERED
        raise UnforeseenError

    monkeypatch.setattr(town.house.messenger, "send", send)
    with pytest.raises(UnforeseenError):
        town.deliver()
    town.wait(minutes=10)
    with pytest.raises(UnforeseenError):
        town.deliver()
    monkeypatch.undo()
    town.wait(minutes=10)
    assert town.deliver().touched == 0

    assert town.ends() == [("issued", "first_sight", "uncertain", "no_answer")] * 2
    assert len(town.letters) == 4
    assert len({letter.message_id for letter in town.letters}) == 2
    with town.house.database.read() as session:
        assert None not in session.scalars(select(Invoice.announced_at)).all()


@pytest.mark.parametrize(("asked", "hours"), [(7200.0, 2.0), (86_400.0, 6.0)])
@on_sqlite
def test_a_pause_that_a_provider_asks_for_is_kept(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch, asked: float, hours: float
) -> None:
    """As long as it says, and six hours at most; the row waits, nobody sleeps."""
    town = two_owed
    busy = Outcome(fate=Fate.FAILED, detail="busy", retry_after=asked)
    monkeypatch.setattr(town.house.messenger, "send", lambda *_: busy)
    assert town.deliver().deferred == 2
    waits = {line.not_before - town.now for line in town.lines("planned")}
    assert waits == {timedelta(hours=hours)}


@on_sqlite
def test_what_the_provider_may_have_counts_as_announced(
    two_owed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A void of it must be told, since the customer may have the bill."""
    town = two_owed
    lost = Outcome(fate=Fate.UNCERTAIN, detail="no answer")
    monkeypatch.setattr(town.house.messenger, "send", lambda *_: lost)
    assert town.deliver().deferred == 2
    town.wait(minutes=10)
    assert town.deliver().uncertain == 2
    monkeypatch.undo()
    town.state.set_state(town.state.invoices[0], "void")
    town.go_round()
    assert town.kinds() == ["voided"]
