"""Secrets stay secret: after everything that can happen, they are grepped for everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until
from tests.support.town import SLUG, TOKEN, Town
from tests.support.watcher import UUID, Watcher
from wispro.sandbox import FIXTURE_SECRETS
from wispro.sandbox.model import Client
from wispro.sandbox.server import SandboxServer

PASSWORD = "smtp-password-9f3b-of-the-isp"
BOT_TOKEN = "123456789:AAbot-token-of-the-isp-that-nobody-sees"
DESTINATIONS = ("ana.del.valle@clientes.example", "una-libreta-secreta-77")


@pytest.fixture
def inbox() -> object:
    """Ask for a login, so that there is a password to leak."""
    with Inbox(password=PASSWORD) as running:
        yield running


def told(town: Town, cli: Cli) -> Client:
    """Go through everything that can happen, at log level DEBUG; return the customer."""
    cli.settings["LOG_LEVEL"] = "DEBUG"
    ana = town.customer("Ana del Valle")
    cli.well_here("pair", SLUG, ana.login_link, "--to", DESTINATIONS[0])
    cli.well_here("isp", "transport", SLUG, "telegram", f"tgram://{BOT_TOKEN}")
    cli.here("isp", "transport", SLUG, "email", f"mailto://u:{PASSWORD}@")  # refused
    cli.here("isp", "transport", SLUG, "ntfy", f"json://{PASSWORD}")  # refused
    cli.here("pair", SLUG, ana.login_link + "x", "--to", "a@b.example")  # nobody's
    cli.here("pair", SLUG, str(ana.national_id), "--to", f"json://u:{PASSWORD}@/")
    cli.well_here("sync", SLUG)
    invoice = town.bill(ana)
    cli.well_here("sync", SLUG)
    cli.well_here("deliver")
    cli.here("resync", SLUG, str(ana.national_id), "--send")
    town.state.pay(invoice)
    for fault in ("body_401", "http_502_html", "bad_record", "filter_ignored"):
        town.break_wispro(fault)
        cli.here("sync", SLUG)
        town.mend_wispro()
    cli.well_here("sync", SLUG)
    cli.well_here("deliver")
    cli.here("channels", "add", SLUG, ana.id, "--file", "-", stdin=f"json://u:{PASSWORD}@h.example")
    cli.well_here("channels", "test", SLUG, ana.id, "1")
    cli.well_here("channels", "remove", SLUG, ana.id, "2")
    cli.well_here("channels", "list", SLUG, ana.id)
    cli.here("doctor")
    for listing in (("accounts",), ("invoices", SLUG, ana.id), ("alerts",), ("isp", "list")):
        cli.well_here(*listing)
        cli.well_here(*listing, "--json")
    return ana


def secrets(ana: Client) -> dict[str, str]:
    """Return everything that must be found nowhere."""
    return {
        **{f"fixture secret {n}": one for n, one in enumerate(FIXTURE_SECRETS)},
        "token": TOKEN,
        "password": PASSWORD,
        "bot token": BOT_TOKEN,
        "bot token's tail": BOT_TOKEN.partition(":")[2],
        "national id": str(ana.national_id),
        "destination": DESTINATIONS[0],
        "ntfy topic": DESTINATIONS[1],
    }


@pytest.mark.rule(number=24)
def test_no_secret_is_left_anywhere(
    make_town: Callable[..., Town], cli: Cli, capfd: pytest.CaptureFixture[str], database_url: str
) -> None:
    """Database, files, logs, what commands print and what customers read hold no secret."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = told(town, cli)
    assert town.kinds() == ["welcome", "issued", "paid", "test"]
    printed = "\n".join(cli.said) + "\n".join(capfd.readouterr())
    assert "deliver.settled" not in cli.said[0]

    for name, secret in secrets(ana).items():
        assert secret not in printed, f"the {name} was printed"
        for path in (p for p in cli.home.rglob("*") if p.is_file()):
            assert secret.encode() not in path.read_bytes(), f"the {name} is in {path.name}"
        if name != "destination":
            for letter in town.letters:
                assert secret not in letter.everything, f"the {name} is in a message"
    if not database_url.startswith("sqlite"):
        rows = everything_in(database_url)
        assert "A-0001" in rows or "issued" in rows
        for name, secret in secrets(ana).items():
            assert secret not in rows, f"the {name} is in a table"


def everything_in(url: str) -> str:
    """Return every row of every table as text."""
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).scalars()
        found = [
            str(row)
            for table in tables
            for row in connection.exec_driver_sql(f'SELECT t::text FROM "{table}" t')  # noqa: S608
        ]
    engine.dispose()
    return "\n".join(found)


@pytest.mark.rule(number=24)
@on_sqlite
def test_a_message_holds_no_more_than_it_must(town: Town) -> None:
    """An alert names the customer and the invoice, never the full national id or the address."""
    ana = town.customer("Ana del Valle")
    town.settled(ana)
    invoice = town.bill(ana, due_in=1)
    town.go_round()
    town.state.pay(invoice)
    town.go_round()
    assert len(town.letters) == 2

    digits = re.sub(r"\D", "", str(ana.national_id))
    for letter in town.letters:
        raw = letter.everything + letter.raw.decode("ascii")
        assert "Ana" in letter.text
        for hidden in (ana.national_id, digits, ana.address, ana.login_link, ana.id):
            assert str(hidden) not in raw
        assert b"Received:" not in letter.raw
        unsubscribe = b"List-Unsubscribe: <mailto:ayuda@interatos.example?subject=baja>\r\n"
        assert letter.raw.count(b"List-") == letter.raw.count(unsubscribe) == 1


@pytest.mark.rule(number=24)
@on_sqlite
def test_the_daemon_logs_no_secret_at_debug(
    make_town: Callable[..., Town], cli: Cli, sandbox: SandboxServer, inbox: Inbox
) -> None:
    """Celery, httpx, Apprise and ours, all at DEBUG, over a whole round with failures."""
    cli.settings |= {"LOG_LEVEL": "DEBUG", "SYNC_EVERY": "1", "TICK": "1"}
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer("Ana del Valle")
    town.pair(ana, DESTINATIONS[0])
    town.sync()
    town.bill(ana)
    town.break_wispro("http_500", times=1)
    with Watcher() as watcher, cli.start("up", log="daemon.log") as daemon:
        town.house.heartbeats.set(SLUG, watcher.url)
        inbox.wait_for(1, seconds=60)
        watcher.wait_for(1, seconds=60)
        town.break_wispro("body_401", times=2)
        wait_until(
            lambda: "not_authorized" in daemon.text, seconds=60, what="the refusal is logged"
        )
        daemon.process.terminate()
        assert daemon.ends(seconds=30) == 0
    assert sandbox.state.served.total() > 5
    assert "heartbeat.told" in daemon.text
    for name, secret in {**secrets(ana), "heartbeat": UUID}.items():
        assert secret not in daemon.text, f"the daemon logged the {name}"
        for path in Path(cli.home).rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), f"the {name} is in {path.name}"
    assert "deliver.settled" in daemon.text
