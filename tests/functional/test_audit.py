"""Whatever somebody did by hand can be told afterwards: who, when, what, and how it ended."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models.audit import AuditEnd, AuditEntry
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client

PASSWORD = "hunter2-of-the-mail-server"


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """Build the town now, since commands read the real clock."""
    built = make_town(now=datetime.now(UTC))
    built.add_isp()
    return built


@pytest.fixture
def ana(town: Town) -> Client:
    """Pair Ana."""
    ana = town.customer()
    town.settled(ana)
    return ana


def record(cli: Cli, *words: str) -> list[dict[str, Any]]:
    """Return what `alerta audit` tells scripts."""
    lines: list[dict[str, Any]] = cli.well_here("audit", *words, "--json").json
    return lines


def short(lines: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return who, what and how it ended."""
    return [(line["who"], line["command"], line["outcome"]) for line in lines]


def test_what_staff_do_is_on_record(town: Town, ana: Client, cli: Cli) -> None:
    """Each command that changes something, about whom, with what, and how it ended."""
    until = str(town.today + timedelta(days=9))
    bill = town.bill(ana, number="A-0001-801")
    cli.well_here("resync", SLUG, ana.id, "--by", "Eva")
    cli.well_here("promise", SLUG, str(ana.public_id), "--until", until, "--by", "Eva")
    cli.well_here("channels", "add", SLUG, ana.id, "--to", "telegram:12345678", "--quiet")
    refused = cli.here("release", SLUG, ana.id, "--invoice", "nope", "--by", "Leo")
    cli.here("channels", "test", SLUG, ana.id, "2", "--by", "Leo")
    cli.well_here("unpair", SLUG, str(ana.email), "--by", "Eva")

    me = getpass.getuser()
    lines = record(cli, SLUG, ana.id)
    assert short(lines) == [
        ("Eva", "resync", "done"),
        ("Eva", "promise", "done"),
        (me, "channels add", "done"),
        ("Leo", "release", "refused"),
        ("Leo", "channels test", "not_done"),
        ("Eva", "unpair", "done"),
    ]
    assert bill.number == "A-0001-801"
    assert {line["customer"] for line in lines} == {ana.name}
    assert {line["arguments"]["client"] for line in lines} == {f"public:{ana.public_id}"}
    assert lines[1]["arguments"]["until"] == until
    assert lines[2]["arguments"] == {
        "client": f"public:{ana.public_id}", "to": "telegram …678", "quiet": "yes",
    }  # fmt: skip
    assert refused.stderr.strip().removeprefix("error: ") == lines[3]["detail"]
    assert "test to telegram …678" in lines[4]["detail"]
    assert all(line["ended_at"] >= line["at"] for line in lines)
    assert short(record(cli, "--by", "Leo")) == short(lines)[3:5]


def test_setting_up_is_on_record_without_a_secret(
    town: Town, ana: Client, cli: Cli, tmp_path: Path
) -> None:
    """No URL, no password, no token, no whole address: neither shown nor stored."""
    token = tmp_path / "wispro.txt"
    token.write_text("s3cret-token-of-wispro", encoding="utf-8")
    url = f"mailtos://user:{PASSWORD}@smtp.isp.example?from=avisos@isp.example"
    base = f"https://someone:{PASSWORD}@wispro.example/api/v1"
    added = ("--name", "Dos", "--base-url", base, "--token-file", str(token))
    cli.here("isp", "add", "dos", *added)
    cli.well_here("isp", "transport", SLUG, "email", url)
    cli.well_here("isp", "operator", SLUG, "noc.nocturno@isp.example")
    cli.well_here("isp", "tune", SLUG, "--rate", "3.5")
    cli.well_here("isp", "budget", SLUG, "sms", "5000")
    dni = str(ana.national_id)
    cli.well_here("pair", SLUG, dni, "--to", "secretaria@correo.example", "--quiet")
    carla = town.customer("Carla Correa")
    cli.well_here("pair", SLUG, str(carla.email), "--to", "carla@correo.example", "--quiet")
    cli.here("hold", SLUG, "30.999.888", "--reason", "?", "--until", str(town.today))

    lines = record(cli)
    assert [line["command"] for line in lines] == [
        *("isp add", "isp transport", "isp operator", "isp tune", "isp budget"),
        *("pair", "pair", "hold"),
    ]
    assert {line["isp"] for line in lines[1:]} == {SLUG}
    assert lines[0]["isp"] == "dos"
    assert lines[1]["arguments"] == {"kind": "email", "url": "…"}
    assert lines[2]["arguments"] == {"destination": "n…@isp.example"}
    assert lines[3]["arguments"] == {"rate": "3.5"}
    assert lines[5]["customer"] == ana.name
    assert lines[6]["customer"] == "Carla Correa"  # of whom nothing was known when it began
    assert lines[7]["arguments"]["client"] == "…88"
    with town.house.database.read() as session:
        kept = [f"{row.arguments}" for row in session.scalars(select(AuditEntry))]
        kept += [f"{row.detail}" for row in session.scalars(select(AuditEnd))]
    shown = cli.well_here("audit").text
    for secret in (PASSWORD, "s3cret", "nocturno", "secretaria@", "carla@", dni, "30.999.888"):
        assert secret not in f"{kept} {lines} {shown}"


@on_sqlite
def test_what_only_shows_something_is_not_on_record(town: Town, ana: Client, cli: Cli) -> None:
    """Nor is what was refused before it touched anything."""
    for words in (
        ("find", "ana"), ("alerts",), ("isp", "tune", SLUG), ("isp", "budget", SLUG, "sms"),
        ("baseline", SLUG), ("audit",), ("hold",), ("pair", SLUG, ana.id, "--to", "-"),
    ):  # fmt: skip
        cli.here(*words)
    assert record(cli) == []


@on_sqlite
def test_what_broke_off_shows_as_that(
    town: Town, ana: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry comes before the deed: a process that dies leaves it without an end."""
    from billing.auditing import Auditing

    monkeypatch.setattr(Auditing, "end", lambda *_, **__: None)  # the power is cut
    cli.well_here("unpair", SLUG, ana.id, "--by", "Eva")
    monkeypatch.undo()
    assert short(record(cli, SLUG, ana.id)) == [("Eva", "unpair", "broke_off")]
    assert "broke off" in cli.well_here("audit", SLUG).stdout


@on_sqlite
def test_days_are_those_of_the_isp(town: Town, ana: Client, cli: Cli) -> None:
    """--from and --to take whole days; the latest come first into a short list."""
    for reason in ("uno", "dos", "tres"):
        cli.well_here("hold", SLUG, ana.id, "--reason", reason, "--until", str(town.today))
    today, yesterday = str(town.today), str(town.today - timedelta(days=1))
    assert len(record(cli, SLUG, "--from", today, "--to", today)) == 3
    assert record(cli, SLUG, "--to", yesterday) == []
    latest = cli.well_here("audit", SLUG, "--limit", "2", "--json")
    assert [line["arguments"]["reason"] for line in latest.json] == ["dos", "tres"]
    assert "the latest 2" in latest.stderr
    assert cli.here("audit", SLUG, "--from", "ayer").code == 1
    assert cli.here("audit", "nope", ana.id).code == 1
