"""Leave, come back, and be found by what names you."""

from __future__ import annotations

import pytest

from billing.naming import PairingError
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


@on_sqlite
def test_who_comes_back_with_another_address_is_written_there_only(town: Town) -> None:
    """The address of before may be somebody else's by now."""
    ana = town.customer()
    town.settled(ana)
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    town.pair(ana, "nueva@clientes.example")
    town.sync()
    town.bill(ana)
    town.go_round()

    assert [letter.recipient for letter in town.letters] == ["nueva@clientes.example"]


@on_sqlite
def test_what_was_planned_ends_with_the_pairing(town: Town) -> None:
    """It does not come back to life when the customer does."""
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)
    town.pair(ana)
    town.go_round()

    assert town.letters == []
    assert town.ends() == [("issued", "first_sight", "cancelled", "unpaired")]


@on_sqlite
def test_a_prefix_says_which_id_is_meant(town: Town) -> None:
    """`custom:1001` is not the customer whose public id is 1001."""
    ana, eva = town.customer(), town.customer("Eva Blanco", custom_id="1001")
    assert ana.public_id == 1001
    town.settled(ana, eva)

    assert town.house.pairing.unpair(SLUG, "custom:1001", now=town.now) == "Eva Blanco"
    assert town.house.pairing.unpair(SLUG, "public:1001", now=town.now) == "Ana Álvarez"
    with pytest.raises(PairingError, match="no account of ours"):
        town.house.pairing.unpair(SLUG, "national:1001", now=town.now)
