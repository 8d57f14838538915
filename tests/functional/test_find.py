"""Support has a customer on the phone: `alerta find` takes whatever they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, update

from billing.searching import SHOWN
from models.account import Account, Contract
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """Build the town now, since commands read the real clock."""
    built = make_town(now=datetime.now(UTC))
    built.add_isp()
    return built


@pytest.fixture
def ana(town: Town) -> Client:
    """Pair Ana, who has an open invoice that she was told of, among others."""
    people = [
        town.customer("Núñez, Ana-María", custom_id="0793", email="Ana.Nunez@Clientes.example"),
        town.customer("Anastasio Nuñes"),
        town.customer("Bruno Benítez"),
    ]
    town.settled(*people)
    town.bill(people[0], number="A-0001-801", due_in=4)
    town.bill(people[2], number="A-0002-802", due_in=4)
    town.go_round()
    return people[0]


def ways(ana: Client) -> list[str]:
    """Return what Ana may say."""
    assert ana.national_id is not None
    return [
        "ana nunez",
        "NUÑEZ maria",
        "mari nún",
        "name:ana-maría",
        ana.id,
        ana.id.upper(),
        f"public:{ana.public_id}",
        "0793",
        "custom:0793",
        ana.national_id,
        ana.national_id.replace(".", ""),
        f"national: {ana.national_id}",
        "ana.nunez@clientes.example",
        "A-0001-801",
        "1-801",
        "801",
        ana.login_link,
    ]


def test_whatever_a_customer_says_finds_them(town: Town, ana: Client, cli: Cli) -> None:
    """Names, ids, documents, addresses, numbers of invoices, the text of the QR code."""
    for said in ways(ana):
        found = cli.well_here("find", said, "--json").json
        assert [hit["client_id"] for hit in found["hits"]] == [ana.id], said
        assert found["card"]["account"]["name"] == "Núñez, Ana-María", said
    (channel,) = found["card"]["channels"]
    found = cli.well_here("find", channel["label"], "--json").json
    assert [hit["by"] for hit in found["hits"]] == ["channel"]


@on_sqlite
def test_a_card_says_what_a_call_is_about(town: Town, ana: Client, cli: Cli) -> None:
    """Who, what is open, where alerts go, what went and what comes: on one screen."""
    hold = ("--reason", "se mudó", "--until", str(town.today), "--by", "Eva")
    cli.well_here("hold", SLUG, ana.id, *hold)

    shown = " ".join(cli.well_here("find", "nunez", "ana").stdout.split())

    assert "Núñez, Ana-María · interatos · id público" in shown
    assert "documento …200" in shown
    assert "1. A…@clientes.example (email); bien: llegaron 1 de 1" in shown
    assert "A-0001-801 · pendiente · 2590.00 ARS · vence el" in shown
    assert "Últimos avisos" in shown
    assert "por vencer (-5d) · A-0001-801: Se envió el" in shown
    assert "Próximos avisos" in shown
    assert "por vencer (-1d) · A-0001-801:" in shown
    assert "(Eva, «se mudó»)" in shown
    assert f"alerta explain interatos {ana.public_id}" in shown
    english = " ".join(cli.well_here("find", "nunez", "ana", "--lang", "en").stdout.split())
    assert "national id …200" in english
    assert "A-0001-801 · pending" in english


def test_several_hits_say_which_command_shows_each(town: Town, ana: Client, cli: Cli) -> None:
    """The beginning of a word is enough, so is one that many have; each line is a way on."""
    shown = cli.well_here("find", "ana", "nu")
    assert "2 customers match" in shown.stdout
    found = cli.well_here("find", "ana", "nu", "--json").json
    assert found["card"] is None
    assert [hit["name"] for hit in found["hits"]] == ["Anastasio Nuñes", "Núñez, Ana-María"]
    for hit in found["hits"]:
        assert hit["command"] in shown.stdout.replace("\n", "")
        words = hit["command"].split()[1:]
        assert cli.well_here(*words, "--json").json["card"]["account"]["name"] == hit["name"]


@on_sqlite
def test_a_long_list_is_cut_and_counted(town: Town, cli: Cli) -> None:
    """A screen of hits and how many others there are; whole words come first."""
    for place in range(SHOWN + 5):
        town.pair(town.customer(f"Mariano Paz{place}"))
    town.pair(town.customer("María Zapata"))
    shown = cli.well_here("find", "maria").stdout
    assert f"{SHOWN + 6} customers match" in shown
    assert "and 6 others" in shown
    assert cli.well_here("find", "maria", "zap", "--json").json["others"] == 0


def test_who_moved_or_married_is_found_by_the_new_name(town: Town, ana: Client, cli: Cli) -> None:
    """What Wispro says of a client now counts: name, address; the old ones find nobody."""
    ana.name, ana.email = "Ana María Quiroga", "aquiroga@correo.example"
    with town.house.database.write() as session:
        session.execute(update(Account).values(looked_at=datetime(2026, 1, 1, tzinfo=UTC)))
    town.sync()
    assert len(cli.well_here("find", "quiroga", "--json").json["hits"]) == 1
    assert len(cli.well_here("find", "aquiroga@correo.example", "--json").json["hits"]) == 1
    assert cli.here("find", "name:núñez ana").code == 1


@on_sqlite
def test_nobody_is_one_line_that_says_what_was_looked_for(ana: Client, cli: Cli) -> None:
    """Exit code 1, so that a script knows."""
    ran = cli.here("find", "zutano")
    assert (ran.code, ran.stderr.count("\n")) == (1, 1)
    assert "nobody found; looked for 'zutano' as client id, custom id," in ran.stderr
    ran = cli.here("find", "999999")
    assert "public id" in ran.stderr
    assert "invoice" in ran.stderr
    for nothing in ("", "  ", "name:", "x" * 600):
        ran = cli.here("find", nothing)
        assert (ran.code, ran.stderr.count("\n")) == (1, 1), nothing
    assert cli.here("find", "ana", "--isp", "nope").code == 1


@on_sqlite
def test_who_was_never_paired_is_known_by_their_contracts(
    town: Town, ana: Client, cli: Cli
) -> None:
    """The contract map has an id and no name: that much is said, and how to go on."""
    carla = town.customer("Carla Correa")
    with town.house.database.write() as session:
        for number in (1, 2):
            session.add(
                Contract(
                    isp_id=1,
                    contract_id=f"con-{number}",
                    client_id=carla.id,
                    public_id=carla.public_id,
                    state="enabled",
                    seen_at=town.now,
                )
            )
    shown = cli.well_here("find", f"public:{carla.public_id}").stdout
    assert shown.count("nobody paired") == 1
    assert f"alerta pair interatos {carla.id} --to" in shown.replace("\n", "")
    assert cli.well_here("find", carla.id, "--json").json["not_paired"][0]["isp"] == SLUG
    assert cli.here("find", "Carla Correa").code == 1


def test_no_national_id_and_no_address_is_shown_or_stored(
    town: Town, ana: Client, cli: Cli
) -> None:
    """Only digests and masks, in what is printed and in what the database holds."""
    said = [cli.well_here("find", "ana", "maria", *more).text for more in ((), ("--json",))]
    with town.house.database.read() as session:
        rows = [
            json.dumps([str(value) for value in row])
            for table in ("account", "account_word", "channel")
            for row in session.connection().exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        ]
    assert ana.national_id is not None
    for text in (*said, *rows):
        for secret in (ana.national_id, ana.national_id.replace(".", ""), "Ana.Nunez@"):
            assert secret.lower() not in text.lower()


@on_sqlite
def test_a_forgotten_customer_leaves_no_words(town: Town, ana: Client, cli: Cli) -> None:
    """The words go with the account."""
    with town.house.database.write() as session:
        session.execute(delete(Account).where(Account.client_id == ana.id))
    assert cli.here("find", "name:nunez ana").code == 1
