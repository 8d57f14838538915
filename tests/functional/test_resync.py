"""Support looks at one customer again: before and after, and nothing is sent unasked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


@pytest.mark.rule(number=23)
def test_a_resync_shows_before_and_after_and_sends_nothing(
    make_town: Callable[..., Town], cli: Cli
) -> None:
    """Without --send, a look by hand changes our copy and nobody hears of it now."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana, number="A-0001-801")

    shown = cli.here("resync", SLUG, str(ana.public_id), "--json").json

    assert (shown["outcome"], shown["changed"], shown["before"]) == ("ok", 1, [])
    assert [line["invoice_number"] for line in shown["after"]] == ["A-0001-801"]
    assert [(line["kind"], line["state"]) for line in shown["alerts"]] == [("issued", "planned")]
    assert shown["sent"] is None
    assert cli.here("deliver", "--json").json["sent"] == 0
    assert town.letters == []

    # the daemon's next regular look would have found it: then it goes, once
    town.now = datetime.now(UTC) + town.settings.sync_every
    town.go_round()
    town.go_round()
    assert town.kinds() == ["issued"]


@pytest.mark.rule(number=23)
def test_a_resync_with_send_sends_once(make_town: Callable[..., Town], cli: Cli) -> None:
    """With --send, what this look finds leaves now, and a second one sends nothing."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana, bruno = town.customer("Ana Álvarez"), town.customer("Bruno Benítez")
    town.settled(ana, bruno)
    for client in (ana, bruno):
        town.bill(client)

    shown = cli.here("resync", SLUG, ana.id, "--send", "--json").json
    assert shown["sent"]["sent"] == 1
    again = cli.here("resync", SLUG, ana.id, "--send", "--json").json
    assert (again["changed"], again["alerts"], again["sent"]["sent"]) == (0, [], 0)

    assert [letter.recipient for letter in town.letters] == ["ana@clientes.example"]
    assert town.copies(bruno) == []  # somebody else's account was not looked at


def test_a_resync_with_send_sends_what_an_earlier_one_only_planned(
    make_town: Callable[..., Town], cli: Cli
) -> None:
    """Looking first and then deciding to send is one message in the end."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    cli.here("resync", SLUG, ana.id)
    cli.here("resync", SLUG, ana.id, "--send")
    town.now = datetime.now(UTC) + town.settings.sync_every
    town.go_round()

    assert town.kinds() == ["issued"]


@pytest.mark.rule(number=23)
@on_sqlite
def test_a_failed_resync_says_so_and_changes_nothing(
    make_town: Callable[..., Town], cli: Cli
) -> None:
    """A look by hand at a Wispro that refuses ends with 1 and one line, our copy as before."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.sync()
    before = cli.here("invoices", SLUG, ana.id, "--json").json
    town.break_wispro("body_401")

    ran = cli.here("resync", SLUG, ana.id, "--send")

    assert ran.code == 1
    assert ran.stderr.count("\n") == 1
    assert "did not accept the token" in ran.stderr
    assert cli.here("invoices", SLUG, ana.id, "--json").json == before


@on_sqlite
def test_a_resync_of_a_stranger_is_refused(town: Town, cli: Cli) -> None:
    """Whoever is not paired cannot be looked at by hand."""
    ana = town.customer()
    town.settled(ana)
    town.house.pairing.unpair(SLUG, ana.id, now=town.now)

    assert cli.here("resync", SLUG, ana.id).code == 1
    unknown = cli.here("resync", SLUG, "no-such-client")
    assert (unknown.code, unknown.stderr.count("\n")) == (1, 1)
