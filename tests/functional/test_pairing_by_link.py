"""A customer pairs their own Telegram: from the operator's command to the alert, and to /baja."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.bots import ANA, EVA, STRANGER, TOKEN, BotTown, read
from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until
from tests.support.telegram import TelegramServer
from tests.support.town import SLUG, Town

LINK = re.compile(r"^https://t\.me/interatos_bot\?start=([A-Za-z0-9_-]{24})$", re.MULTILINE)


@pytest.fixture
def place(telegram: TelegramServer, make_town: Callable[..., Town], cli: Cli) -> BotTown:
    """A town of today whose ISP has no bot yet, as far as its rows say."""
    telegram.burst = 2  # an alert is a picture and a document, sent one after the other
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    return BotTown(town, telegram)


def test_from_the_link_to_the_alert_and_to_baja(place: BotTown, cli: Cli, tmp_path: Path) -> None:
    """`alerta pair-link`, START, a new invoice, its alert with QR and PDF, questions, the end."""
    town, bot = place.town, place.bot

    def type_in(text: str) -> str:
        town.wait(seconds=5)  # people take their time; the limits go by this clock
        bot.hears(ANA, text)
        cli.well_here("listen")
        return read(bot.sent[-1].text)

    ana = town.customer()
    town.bill(ana, due_in=12, number="A-0001-800")  # history
    files = {name: tmp_path / f"ana.{name}" for name in ("png", "svg", "html")}
    ran = cli.well_here(
        "pair-link", SLUG, str(ana.public_id), "--png", str(files["png"]),
        "--svg", str(files["svg"]), "--sheet", str(files["html"]), "--by", "eva",
    )  # fmt: skip
    (code,) = LINK.findall(ran.stdout)
    assert "Ana Álvarez" in ran.stdout
    assert "it works once, until" in ran.stdout
    assert ran.stdout.count("▀") + ran.stdout.count("▄") > 100
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert files["svg"].read_text("utf-8").startswith("<?xml")
    assert code in files["html"].read_text("utf-8")
    assert [a["paired"] for a in cli.well_here("accounts", SLUG, "--json").json] == [False]

    bot.hears(ANA, f"/start {code}")
    assert cli.well_here("listen", "--json").json == {"heard": 1, "answered": 1, "paired": 1}
    (account,) = cli.well_here("accounts", SLUG, "--json").json
    assert (account["paired"], account["channels"]) == (True, ["telegram …001"])
    assert "¡Listo, Ana!" in read(bot.sent[-1].text)
    first = cli.well_here("sync", SLUG, "--json").json
    assert (first["fetched"], first["alerts"]) == (1, 0)  # the same silent baseline

    town.wait(seconds=5)
    invoice = town.bill(ana, due_in=12, number="A-0001-801")
    cli.well_here("sync", SLUG)
    cli.well_here("deliver")
    photo, document = bot.to(ANA)[1:]
    assert (photo.method, document.method) == ("sendPhoto", "sendDocument")
    assert "A-0001-801" in read(photo.text)
    assert f"https://pagos.interatos.example/{invoice.id}" in read(photo.text)
    assert next(iter(document.files.values())).startswith(b"%PDF")

    before = len(bot.sent)
    assert "A-0001-801" in type_in("/facturas")
    assert "no te enviamos más avisos" in type_in("/baja")
    town.bill(ana, due_in=12)
    cli.well_here("sync", SLUG)
    cli.well_here("deliver")
    assert len(bot.sent) == before + 2
    assert [a["paired"] for a in cli.well_here("accounts", SLUG, "--json").json] == [False]
    assert bot.violations == 0
    done = [(line["who"], line["command"]) for line in cli.well_here("audit", SLUG, "--json").json]
    assert ("eva", "pair-link") in done
    customers = [line for line in done if line[0] == "customer, telegram …001"]
    assert [command for _, command in customers] == ["bot start", "bot stop"]


@on_sqlite
def test_the_daemon_hears_who_writes_and_answers_at_once(
    place: BotTown, cli: Cli, inbox: Inbox
) -> None:
    """Whoever pairs is looked at soon after; a question is answered within the long poll."""
    place.telegram.clock = time.monotonic
    cli.settings |= {"LOG_LEVEL": "DEBUG", "SYNC_EVERY": "60", "TICK": "1"}
    town, bot = place.town, place.bot
    ana = town.customer()
    town.bill(ana, number="A-0001-801")
    (code,) = LINK.findall(cli.well_here("pair-link", SLUG, ana.id).stdout)
    with cli.start("up", log="daemon.log") as daemon:
        bot.hears(ANA, f"/start {code}")
        bot.wait_for(1, seconds=45)
        wait_until(lambda: "sync.finished" in daemon.text, seconds=90, what="she is looked at")
        bot.hears(ANA, "/facturas")
        bot.hears(STRANGER, "/facturas")
        bot.wait_for(3, seconds=90)
        bot.revoked = True
        wait_until(lambda: "token_refused" in daemon.text, seconds=90, what="the refusal is logged")
        daemon.process.terminate()
        assert daemon.ends(seconds=30) == 0
    assert "A-0001-801" in read(bot.to(ANA)[-1].text)
    assert "A-0001-801" not in read(bot.to(STRANGER)[-1].text)
    assert (len(bot.sent), bot.violations) == (3, 0)
    for secret in (TOKEN, TOKEN.partition(":")[2], code, str(ANA)):
        assert secret not in daemon.text
        for path in (p for p in cli.home.rglob("*") if p.is_file()):
            assert secret.encode() not in path.read_bytes(), path.name


@on_sqlite
def test_the_bot_is_shown_and_taken_over_by_command(place: BotTown, cli: Cli) -> None:
    """`isp bot` begins to listen and says what is wrong; `doctor` says it too."""
    assert "only sends" in cli.here("doctor", SLUG).stdout
    assert "listens since" in cli.well_here("isp", "bot", SLUG).stdout
    place.bot.webhook = "https://elsewhere.example"
    cli.well_here("listen")
    ran = cli.here("isp", "bot", SLUG)
    assert (ran.code, "--take-over" in ran.stderr) == (1, True)
    assert "--take-over" in cli.here("doctor", SLUG).stdout
    linked = cli.well_here("pair-link", SLUG, place.town.customer().id)
    assert "warning: @interatos_bot cannot listen: a webhook" in linked.stderr
    cli.well_here("isp", "bot", SLUG, "--take-over")
    assert place.telegram.bots[TOKEN].webhook is None
    cli.well_here("listen")
    cli.well_here("isp", "bot", SLUG)
    assert "Telegram answered last at" in cli.here("doctor", SLUG).stdout


@on_sqlite
def test_a_link_for_scripts(place: BotTown, cli: Cli) -> None:
    """--json prints the link, the bot and the end, and nothing else."""
    eva = place.town.customer("Eva Blanco")
    made = json.loads(cli.well_here("pair-link", SLUG, eva.id, "--days", "1", "--json").stdout)
    assert set(made) == {"customer", "public_id", "link", "bot", "expires_at"}
    assert LINK.fullmatch(made["link"])
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert 23 * 3600 < left.total_seconds() <= 24 * 3600
    assert "¡Listo, Eva!" in place.write(EVA, f"/start {made['link'].partition('=')[2]}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pair-link", "nobody", "793"), "no ISP 'nobody'"),
        (("pair-link", SLUG, "999999"), "Wispro knows no client"),
        (("pair-link", SLUG, "@ana", "--days", "0"), "--days: from 1 to 90"),
        (("pair-link", SLUG, "@ana", "--days", "91"), "--days: from 1 to 90"),
        (("pair-link", SLUG, "@ana", "--png", "/nowhere/at/all.png"), "cannot write"),
        (("isp", "bot", "nobody"), "no ISP 'nobody'"),
    ],
)
@on_sqlite
def test_what_cannot_be_done_is_one_line(
    place: BotTown, cli: Cli, words: tuple[str, ...], said: str
) -> None:
    """Exit code 1, one line on stderr, nothing on stdout, and no code that lies around."""
    ana = place.town.customer()
    ran = cli.here(*(ana.id if word == "@ana" else word for word in words))
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert said in ran.stderr


@on_sqlite
def test_a_token_that_telegram_refuses_is_said_without_it(place: BotTown, cli: Cli) -> None:
    """The operator learns it where they ask for a link."""
    place.bot.revoked = True
    for words in (("pair-link", SLUG, place.town.customer().id), ("isp", "bot", SLUG)):
        ran = cli.here(*words)
        assert (ran.code, ran.stdout) == (1, "")
        assert "Telegram refuses the bot's token" in ran.stderr
        assert TOKEN not in ran.text


@on_sqlite
def test_an_isp_without_a_bot_is_told_how_to_have_one(town: Town, cli: Cli) -> None:
    """One line with the command."""
    ran = cli.here("pair-link", SLUG, town.customer().id)
    assert (ran.code, ran.stdout) == (1, "")
    assert f"alerta isp transport {SLUG} telegram tgram://TOKEN" in ran.stderr


@pytest.mark.parametrize(
    "address",
    ["http://api.telegram.example", "ftp://x", "https://", "https://u:p@x.example", "x",
     "https://x.example/?a=b", "https://x.example:port"],
)  # fmt: skip
@on_sqlite
def test_the_address_of_the_bot_api_is_refused_early(cli: Cli, address: str) -> None:
    """A token must not travel in the clear: http is for this machine only."""
    ran = cli.here("isp", "list", TELEGRAM_API=address)
    assert ran.code == 2
    assert "ALERTA_TELEGRAM_API" in ran.stderr
