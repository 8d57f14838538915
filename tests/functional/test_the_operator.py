"""The operator's own channel, with the operator's commands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from billing.notices import tell_operator
from billing.values import NoticeKind
from config.keys import Vault, new_key
from models.operator import OperatorChannel
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town

SECRET = "ntfys://noc-user:noc-password-77@push.interatos.example/tema-secreto-88"


@on_sqlite
def test_an_operator_is_added_listed_told_and_taken_away(town: Town, cli: Cli) -> None:
    """From the first command to the message, and back to nobody."""
    assert "nobody is told" in cli.here("doctor", SLUG).stdout
    said = cli.well_here("isp", "operator", SLUG, "noc@interatos.example").stdout
    assert "n…@interatos.example" in said
    cli.well_here("isp", "operator", SLUG, "noc@interatos.example")  # twice is once

    (isp,) = cli.well_here("isp", "list", "--json").json
    assert isp["operators"] == ["n…@interatos.example"]
    assert "n…@interatos.example" in cli.well_here("isp", "list").stdout
    assert "is told at n…@interatos.example" in cli.here("doctor", SLUG).stdout

    with town.house.database.write() as session:
        tell_operator(
            *(session, town.isp_id, NoticeKind.WISPRO_TROUBLE, "since 2026-03-10"),
            {"reason": "timeout"},
            now=datetime.now(UTC),
        )
    cli.well_here("deliver", "--json")
    cli.well_here("deliver")
    (letter,) = town.letters
    assert letter.recipient == "noc@interatos.example"
    assert f"alerta doctor {SLUG}" in letter.text

    cli.well_here("isp", "operator", SLUG, "noc@interatos.example", "--remove")
    (isp,) = cli.well_here("isp", "list", "--json").json
    assert isp["operators"] == []


@on_sqlite
def test_a_destination_comes_from_stdin_and_is_found_nowhere(town: Town, cli: Cli) -> None:
    """`-` reads one line: what it holds is on no command line, in no output and in no file."""
    cli.settings["LOG_LEVEL"] = "DEBUG"
    ana = town.customer()
    ran = cli.well("isp", "operator", SLUG, "-", stdin=SECRET + "\n")
    cli.well_here("isp", "transport", SLUG, "email", "-", stdin=town.inbox.url + "\n")
    two = "ana@clientes.example\n" + SECRET + "\n"
    cli.well_here("pair", SLUG, ana.id, "--to", "-", "--to", "-", stdin=two)

    (account,) = cli.well_here("accounts", SLUG, "--json").json
    assert sorted(account["channels"]) == ["a…@clientes.example", "ntfys …88"]
    everything = ran.text + "".join(cli.said)
    for secret in ("noc-password-77", "tema-secreto-88"):
        assert secret not in everything
        for path in (p for p in cli.home.rglob("*") if p.is_file()):
            assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "words",
    [
        ("isp", "operator", "nobody", "noc@interatos.example"),
        ("isp", "operator", SLUG, "what?"),
        ("isp", "operator", SLUG, "-"),
        ("isp", "operator", SLUG, "noc@interatos.example", "--remove"),
        ("isp", "transport", SLUG, "email", "-"),
        ("pair", SLUG, "1", "--to", "-"),
    ],
)
@on_sqlite
def test_a_wrong_operator_is_one_line_on_stderr(
    town: Town, cli: Cli, words: tuple[str, ...]
) -> None:
    """Unknown names, unusable destinations and an empty stdin end with exit 1 and one line."""
    del town
    ran = cli.here(*words)
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ran.stderr.startswith("error: ")


@on_sqlite
def test_the_operators_address_is_sealed_under_the_newest_key(town: Town, cli: Cli) -> None:
    """Turning the ring of keys takes the operator's destinations along."""
    cli.well_here("isp", "operator", SLUG, "noc@interatos.example")
    old = (cli.home / "secret.key").read_text("utf-8").strip()
    newer = new_key()

    sealed = cli.well_here("keys", "reseal", SECRET_KEY=f"{newer},{old}").stdout
    assert sealed.startswith("3 values")  # the token, the sending account, the operator
    with town.house.database.read() as session:
        destination = session.scalars(select(OperatorChannel.destination_sealed)).one()
    assert Vault([newer]).open(destination) == "noc@interatos.example"
