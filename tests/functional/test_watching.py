"""An operator looks how the installation stands; a machine asks whether it is well."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr

from billing.overview import Trouble
from config.keys import new_key
from config.settings import Settings
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT
from tests.support.town import SLUG, Town
from worker.health import Examiner
from worker.metrics import registry
from worker.watcher import Watcher


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def test_status_says_what_happened_today(town: Town) -> None:
    """What was sent, what failed, what is open, who waits; for all and for one."""
    ana, beto = town.customer(), town.customer("Beto Bravo")
    town.settled(ana, beto)
    town.bill(ana)
    town.go_round()
    town.inbox.answer = "550 5.1.1 no such mailbox"
    town.bill(beto)
    town.go_round()
    watcher = Watcher(town.settings, clock=town.clock)
    (line,) = watcher.standing().isps
    watcher.close()
    assert (line.isp, line.open_invoices, line.sent_today, line.failed_today) == (SLUG, 2, 1, 1)
    assert line.trouble == [Trouble.FAILED]
    assert line.look_age_seconds == 0
    assert line.last_run is not None
    assert line.last_run.outcome == "ok"


def test_status_is_read_without_a_daemon(town: Town, cli: Cli) -> None:
    """It says that the broker does not answer, and exits with 0 all the same."""
    town.settled(town.customer())
    ran = cli.well_here("status")
    assert "broker   ✗ does not answer" in ran.stdout
    assert SLUG in ran.stdout
    told = cli.well_here("status", "--json").json
    assert not told["broker"]["answers"]
    assert [one["isp"] for one in told["isps"]] == [SLUG]
    card = cli.well_here("status", SLUG)
    assert "circuit" in card.stdout
    assert "closed" in card.stdout


#: Scripts go by these names: one that goes, or means something else, breaks them.
KEPT = {
    *("at", "version", "database", "schema", "broker", "totals", "accounts_resting"),
    *("accounts_in_trouble", "notices_waiting", "isps"),
}
KEPT_OF_AN_ISP = {
    *("id", "isp", "name", "enabled", "strategy", "timezone", "today", "last_look", "next_look"),
    *("look_age_seconds", "last_run", "open_invoices", "planned_today", "steps_today"),
    *("sent_today", "failed_today", "uncertain_today", "skipped_today", "cancelled_today"),
    *("reasons_today", "waiting", "due", "sending", "late_seconds", "queues", "holds"),
    *("held_run", "circuit", "circuit_reason", "circuit_until", "failures", "trouble"),
}


@on_sqlite
def test_names_of_the_document_are_kept(town: Town, cli: Cli) -> None:
    """All of them are there, also where there is nothing to tell."""
    told = cli.well_here("status", "--json").json
    assert set(told) == KEPT
    assert set(told["isps"][0]) == KEPT_OF_AN_ISP
    assert set(told["broker"]) == {"answers", "why", "queues", "under_way", "workers", "beat"}


@on_sqlite
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("status", "nobody"), "nobody"),
        (("status", "--watch", "--json"), "choose one of them"),
        (("status", "--watch"), "--watch needs a terminal"),
        (("port",), "ALERTA_HTTP is not set"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    town: Town, cli: Cli, words: tuple[str, ...], says: str
) -> None:
    """It says what to do instead."""
    ran = cli.here(*words)
    assert ran.code == 1
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("http", "says"),
    [
        ("9464", "must be HOST:PORT"),
        ("127.0.0.1:0", "must be HOST:PORT"),
        ("127.0.0.1:65536", "must be HOST:PORT"),
        ("http://127.0.0.1:9464", "must be HOST:PORT"),
        ("192.0.2.1:9464", "cannot listen on 192.0.2.1:9464"),
        ("no.such.host.invalid:9464", "cannot listen on no.such.host.invalid:9464"),
    ],
)
@pytest.mark.parametrize("command", ["up", "worker"])
def test_an_address_where_nobody_can_listen_is_refused_at_start(
    town: Town, cli: Cli, command: str, http: str, says: str
) -> None:
    """In one line, before any process is started."""
    ran = cli.here(command, HTTP=http)
    assert ran.code in {1, 2}
    assert "ALERTA_HTTP" in ran.stderr
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@on_sqlite
def test_a_port_that_is_taken_is_refused_at_start(town: Town, cli: Cli, silent: int) -> None:
    """As everything that would else be found out in the middle of the night."""
    ran = cli.here("up", HTTP=f"127.0.0.1:{silent}")
    assert ran.code == 1
    assert ran.stderr.startswith(f"error: ALERTA_HTTP: cannot listen on 127.0.0.1:{silent}")


def test_health_answers_in_time_though_broker_and_database_hang(silent: int, home: Path) -> None:
    """Both take the connection and say nothing; the answer is there in two seconds, each time."""
    settings = Settings(
        home=home,
        database_url=SecretStr(f"postgresql://ana:secret@127.0.0.1:{silent}/alerta"),
        redis_url=SecretStr(f"redis://127.0.0.1:{silent}/0"),
        secret_key=SecretStr(new_key()),
    )
    watcher = Watcher(settings)
    examiner = Examiner(watcher)
    for _ in range(3):
        begun = time.monotonic()
        health = examiner.examine()
        assert time.monotonic() - begun < 2
        assert not health.ok
        assert "time" in health.checks["database"].found
        assert health.checks["broker"].found.startswith("does not answer")
        assert "secret" not in json.dumps([one.found for one in health.checks.values()])


@on_sqlite
def test_a_scrape_without_a_broker_tells_of_the_rows(town: Town) -> None:
    """And says that the broker is away."""
    town.settled(town.customer())
    watcher = Watcher(town.settings, clock=town.clock)
    text = generate_latest(registry(watcher)).decode()
    watcher.close()
    assert 'alerta_up{part="broker"} 0.0' in text
    assert f'alerta_look_age_seconds{{isp="{SLUG}"}} 0.0' in text
    assert "clientes.example" not in text
    assert "Ana" not in text


@on_sqlite
def test_the_screen_is_drawn_anew_and_given_back(town: Town, cli: Cli) -> None:
    """At 80 columns, again every two seconds; Ctrl-C ends it with 0 and the terminal as before."""
    town.settled(town.customer())
    terminal, ours = pty.openpty()
    environment = cli.environment() | {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "status", "--watch"],
        cwd=ROOT, env=environment, stdin=ours, stdout=ours, stderr=ours, start_new_session=True,
    )  # fmt: skip
    os.close(ours)
    try:
        text = _read(terminal, lambda seen: seen.count("Alerta Internet") >= 2)
        process.send_signal(signal.SIGINT)
        text += _read(terminal, lambda _: process.poll() is not None)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert SLUG in text
    assert "\x1b[?1049h" in text
    assert text.rstrip().endswith("\x1b[?25h") or "\x1b[?1049l" in text
    assert "Traceback" not in text


def _read(terminal: int, enough: Callable[[str], bool]) -> str:
    """Return what is drawn until it is enough."""
    seen, ends = "", time.monotonic() + 60
    while not enough(seen):
        assert time.monotonic() < ends, seen
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65_536).decode("utf-8", "replace")
            except OSError:  # the other side is closed
                break
    return seen
