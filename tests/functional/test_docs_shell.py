"""Every ```sh block of the README and of docs/ is executed, in order, by a real shell.

A Spanish page that types the same as its English twin (test_docs.py) is not executed again.

Each page gets a home and a folder of its own. What a page has from elsewhere is real but near: the
stand-in of Wispro, an SMTP server, a stand-in of Telegram. A page that adds its ISP begins with
nothing; every other one with the ISP and the customer of the examples.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.database import Database
from tests.support.cli import Cli
from tests.support.documents import Page, pages
from tests.support.inbox import Inbox
from tests.support.quick_alerta import alerta_on_path
from tests.support.telegram import TelegramServer
from tests.support.town import TOKEN
from wispro.sandbox import seed
from wispro.sandbox.server import SandboxServer

#: No block takes a tenth of it.
_SECONDS = 60
SLUG = "myisp"
BOT = "123456789:AAExampleExampleExampleExampleExampl"
#: What a page and its twin type alike is typed once.
PAGES = [
    page
    for page in pages()
    if any(block.info == "sh" for block in page.blocks())
    and ((twin := page.twin()) is None or twin.typed() != page.typed())
]


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands for the world outside."""

    sandbox: SandboxServer
    inbox: Inbox
    telegram: TelegramServer
    bin: Path
    prepared: Path
    uncertain: int


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Outside]:
    """Start what the pages need, and prepare the ISP of the examples once."""
    folder = tmp_path_factory.mktemp("docs")
    with (
        SandboxServer(token=TOKEN, interatos=False) as sandbox,
        Inbox() as inbox,
        TelegramServer() as telegram,
        alerta_on_path(folder) as commands,
    ):
        home = folder / "prepared"
        home.mkdir(mode=0o700)
        shutil.copyfile(sqlite_template, home / "alerta.db")
        uncertain = _prepare(Cli(home, TELEGRAM_API=telegram.url), sandbox, inbox, folder)
        telegram.bot(BOT, "myisp_bot")
        _learn(commands, home)
        yield Outside(sandbox, inbox, telegram, commands, home, uncertain)


def _people(sandbox: SandboxServer) -> None:
    """Put the clients of the examples into the stand-in: 793, and others."""
    state = sandbox.state
    sandbox.faults.clear()
    state.clear()
    seed.interatos(state)
    ana = state.add_client(
        name="Ana Gómez", public_id=793, email="ana@example.org", national_id="30.101.201"
    )
    state.bill(state.contracts[ana.contracts[0]], number="A-0001-793")
    seed.generate(state, clients=20, invoices=60, seed=7)


def _prepare(cli: Cli, sandbox: SandboxServer, inbox: Inbox, folder: Path) -> int:
    """Add the ISP and pair the customer, with one alert that may have arrived; return its id."""
    _people(sandbox)
    token = folder / "token.txt"
    token.write_text(TOKEN, "utf-8")
    cli.well_here(
        *("isp", "add", SLUG, "--name", "My ISP", "--base-url", sandbox.base_url),
        *("--token-file", str(token), "--contact-hours", "00:00-24:00"),
    )
    cli.well_here("isp", "transport", SLUG, "email", inbox.url)
    cli.well_here("isp", "transport", SLUG, "telegram", f"tgram://{BOT}/")
    cli.well_here("isp", "operator", SLUG, "noc@myisp.example")
    cli.well_here(
        "pair", SLUG, "793", "--to", "ana.gomez@example.org", "--to", "anita@example.org", "--quiet"
    )
    cli.well_here("sync", SLUG)
    ana = next(one for one in sandbox.state.clients if one.public_id == 793)
    sandbox.state.bill(sandbox.state.contracts[ana.contracts[0]], number="A-0001-794")
    cli.well_here("sync", SLUG)
    cli.well_here("deliver")
    sent = cli.well_here("alerts", SLUG, "793", "--json").json
    database = Database(f"sqlite:///{cli.home / 'alerta.db'}")
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE delivery SET state = 'uncertain' WHERE id = ?", (sent[0]["id"],)
        )
    database.close()
    return int(sent[0]["id"])


def _learn(commands: Path, home: Path) -> None:
    """Have compiled once what every page's commands would compile anew."""
    for words in ("find 793", f"explain {SLUG} 793", f"simulate {SLUG} --days 2", "status"):
        subprocess.run(
            [str(commands / "alerta"), *words.split()],
            env={"QUICK_ALERTA": "learn", "ALERTA_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )


def executable(text: str, outside: Outside, folder: Path) -> str:
    """Return a block with what is near in the place of what is far."""
    day = datetime.now(UTC).date() + timedelta(days=3)
    nearby: dict[str, str] = {
        r"https://www\.cloud\.wispro\.co/api/v1": outside.sandbox.base_url,
        r"http://127\.0\.0\.1:8100": outside.sandbox.control_url.removesuffix("/sandbox"),
        r"sandbox-token": TOKEN,
        r"mailtos://[^ \"']*@smtp\.myisp\.example[^ \"']*": outside.inbox.url,
        r"/backups/": f"{folder}/backups/",
        r"/var/lib/alerta": f"{folder}/var",
        r"--until 20\d\d-\d\d-\d\d": f"--until {day}",
        r"resend 1204": f"resend {outside.uncertain}",
        # read from stdin, or asked of a person
        r"(isp transport \w+ telegram) -": rf"\1 - <<<'tgram://{BOT}/'",
        r"(isp transport \w+ email) -": rf"\1 - <<<'{outside.inbox.url}'",
        r"(isp operator \w+) -(?= |$)": r"\1 - <<<'noc@myisp.example'",
        r"(isp heartbeat \w+) -(?= |$)": r"\1 - <<<'https://hc-ping.com/5e1f9f3c'",
        r"(isp heartbeat \w+) URL": r"\1 https://hc-ping.com/5e1f9f3c",
        r"(channels add \w+ 793 --file) -": r"\1 - <<<'mailto:ana.second@example.org'",
        r"alerta restore": "alerta restore --yes",
        r"alerta policy set": "alerta policy set --yes",
    }
    for far, near in nearby.items():
        text = re.sub(far, near, text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_does_what_it_says(page: Page, outside: Outside, tmp_path: Path) -> None:
    """Typed as it stands, each command of the page succeeds where the one before it has led."""
    _people(outside.sandbox)
    blocks = [block for block in page.blocks() if block.info == "sh"]
    home = tmp_path / "home"
    if any("alerta isp add" in block.text for block in blocks):
        home.mkdir(mode=0o700)
    else:
        shutil.copytree(outside.prepared, home)
    folder = tmp_path / "here"
    (folder / "backups").mkdir(parents=True)
    (folder / "token.txt").write_text(TOKEN, "utf-8")
    environment = {
        **{name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ},
        "PATH": f"{outside.bin}:{os.environ['PATH']}",
        "HOME": str(folder),
        "ALERTA_HOME": str(home),
        "ALERTA_TELEGRAM_API": outside.telegram.url,
        "USER": "eva",
    }
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", executable(block.text, outside, folder)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        told = f"{page.name}:{block.line}:\n{block.text}\n{done.stdout}{done.stderr}"
        if os.environ.get("DOCS_SHOW"):
            print(told)  # noqa: T201 - to write down what one sees
        assert done.returncode == 0, told


def test_a_block_that_fails_is_found(outside: Outside) -> None:
    """The shell stops at the first command that fails, in a pipe too."""
    for text in ("alerta nonsense\ntrue", "alerta accounts nobody | cat"):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            env={
                "PATH": f"{outside.bin}:{os.environ['PATH']}",
                "ALERTA_HOME": str(outside.prepared),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0, text
