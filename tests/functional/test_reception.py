"""Support's commands are answered by a process that has everything loaded, or do it themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from config.keys import new_key
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT, Running, wait_until
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client
from worker.reception import wire

LOG = "reception.log"
#: A process that loads everything, on a machine that is busy with other tests.
OPENS_WITHIN = 30
LATER = str(datetime.now(UTC).date() + timedelta(days=9))
HOLD = ("--reason", "disputed", "--until", LATER)


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    """A town in the present, since commands have the clock of the machine."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    return town


@pytest.fixture
def ana(town: Town) -> Client:
    """A customer who is paired and was looked at."""
    ana = town.customer("Ana Álvarez")
    town.settled(ana)
    return ana


def start(cli: Cli, log: str, **settings: str) -> Running:
    """Start a reception as the daemon does."""
    command = [sys.executable, "-m", "worker.reception"]
    return Running(command, environment=cli.environment(**settings), log=cli.home / log)


@contextmanager
def opened(cli: Cli, **settings: str) -> Iterator[Running]:
    """Open a reception of the home."""
    with start(cli, LOG, **settings) as running:
        wait_until(wire.socket_of(cli.home).exists, seconds=OPENS_WITHIN, what="it is open")
        yield running


def heed_ctrl_c() -> None:
    """Take Ctrl-C as a terminal's commands do; what a shell started behind itself ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def resyncing(cli: Cli, client: Client) -> subprocess.Popen[str]:
    """Begin to look at a customer, as a terminal would."""
    return subprocess.Popen(
        [sys.executable, "-m", "worker", "resync", SLUG, client.id],
        cwd=ROOT, env=cli.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509 - it takes no lock
    )  # fmt: skip


def answered(running: Running) -> int:
    """Count the commands that the reception answered."""
    return running.text.count("reception.answered")


def handed(running: Running, number: int) -> None:
    """Wait until it has noted as many; it does so after the caller has its answer."""
    wait_until(lambda: answered(running) == number, seconds=20, what=f"{number} are answered")


def holds(cli: Cli) -> list[dict[str, object]]:
    """Return how often somebody held, as the record has it."""
    entries: list[dict[str, object]] = cli.here("audit", SLUG, "--json").json
    return [one for one in entries if one["command"] == "hold"]


def test_what_it_answers_is_what_the_command_itself_would_say(
    town: Town, ana: Client, cli: Cli
) -> None:
    """Words, streams and exit codes are the same, for what is found and for what is not."""
    del town
    asked = (
        ("find", "ana alvarez", "--isp", SLUG),
        ("alerts", SLUG, ana.id),
        ("channels", "list", SLUG, ana.id, "--json"),
        ("explain", SLUG, "nobody"),
        ("find",),
        ("hold", SLUG, ana.id, "--reason", "disputed", "--until", "2020-01-01"),
    )
    there = []
    with opened(cli) as reception:
        for number, words in enumerate(asked, 1):
            there.append(cli(*words))
            handed(reception, number)
            here = cli(*words, RECEPTION="no")
            assert (here.code, here.stdout, here.stderr) == (
                there[-1].code, there[-1].stdout, there[-1].stderr,
            )  # fmt: skip
            assert answered(reception) == number
    assert [one.code for one in there] == [0, 0, 0, 1, 2, 1]
    assert "Ana Álvarez" in there[0].stdout
    assert there[3].stdout == ""


def test_it_knows_its_commands_and_leaves_the_others(town: Town, ana: Client, cli: Cli) -> None:
    """What reads a file, asks back or takes its time is done by whoever asks for it."""
    del town, ana
    with opened(cli) as reception:
        assert cli("accounts", SLUG).code == 0
        handed(reception, 1)
        process = psutil.Process(reception.process.pid)
        assert process.num_threads() == 1  # a copy of more would lack them
        assert [one.type for one in process.net_connections("all")] == [socket.SOCK_STREAM]
        for words in (("isp", "list"), ("status",), ("channels", "--help"), ("--version",)):
            assert cli(*words).code == 0
        assert answered(reception) == 1


@on_sqlite
def test_a_command_has_the_settings_of_its_caller(town: Town, ana: Client, cli: Cli) -> None:
    """Whoever names another database is answered from that one, and by its own key."""
    del town
    other = Cli(cli.home, DATABASE_URL=f"sqlite:///{cli.home / 'other.db'}", SECRET_KEY=new_key())
    other.well("migrate")
    key = cli.home / "key"
    key.write_text(new_key())
    key.chmod(0o600)
    with opened(cli) as reception:
        assert cli("find", ana.id).code == 0
        for caller in (other, Cli(cli.home, DATABASE_URL=other.settings["DATABASE_URL"])):
            caller.settings.pop("SECRET_KEY", None)
            found = caller("find", ana.id, SECRET_KEY_FILE=str(key))
            assert (found.code, "nobody" in found.text.lower()) == (1, True), found.text
        handed(reception, 3)


@on_sqlite
def test_the_record_names_who_asked(town: Town, ana: Client, cli: Cli) -> None:
    """The reception is nobody: on record is the caller."""
    del town
    with opened(cli) as reception:
        environment = {**cli.environment(), "SUDO_USER": "soporte"}
        ran = ask(environment, "hold", SLUG, ana.id, *HOLD)
        assert ran.returncode == 0, ran.stderr
        handed(reception, 1)
    assert [one["who"] for one in holds(cli)] == ["soporte"]


@on_sqlite
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_command_ends_with_its_caller(
    town: Town, ana: Client, cli: Cli, how: signal.Signals
) -> None:
    """Ctrl-C, or a terminal that is closed, breaks the command off, and the record says so."""
    town.break_wispro("timeout", delay=30, times=1)
    with opened(cli) as reception:
        caller = resyncing(cli, ana)
        wait_until(lambda: not town.sandbox.faults.rules(), seconds=30, what="it asks Wispro")
        caller.send_signal(how)
        said = caller.communicate(timeout=20)
        assert caller.returncode in {1, 130, -how}, (said, reception.text)
        handed(reception, 1)
        wait_until(lambda: not reception.orphans(), seconds=20, what="nothing of it is left")
    (entry,) = cli.here("audit", SLUG, "--json").json
    assert (entry["command"], entry["outcome"]) == ("resync", "broke_off")


@on_sqlite
def test_a_reception_that_hangs_is_not_waited_for(town: Town, ana: Client, cli: Cli) -> None:
    """The command does it itself after a second, and the reception not once more when it wakes."""
    del town
    with opened(cli) as reception:
        os.kill(reception.process.pid, signal.SIGSTOP)
        assert cli("hold", SLUG, ana.id, *HOLD).code == 0
        os.kill(reception.process.pid, signal.SIGCONT)
        assert cli("release", SLUG, ana.id).code == 0
        handed(reception, 1)
    assert len(holds(cli)) == 1


@on_sqlite
def test_a_reception_that_was_killed_leaves_nothing_that_hurts(
    town: Town, ana: Client, cli: Cli
) -> None:
    """Its socket stays; commands do their work themselves until another one has opened."""
    del town
    with opened(cli) as reception:
        reception.process.kill()
        reception.process.wait()
        assert wire.socket_of(cli.home).exists()
        assert cli("alerts", SLUG, ana.id).code == 0
    before = wire.socket_of(cli.home).stat().st_ino
    with start(cli, "second.log") as second:
        wait_until(
            lambda: wire.socket_of(cli.home).stat().st_ino != before,
            seconds=OPENS_WITHIN,
            what="another one has opened",
        )
        assert cli("alerts", SLUG, ana.id).code == 0
        handed(second, 1)


@on_sqlite
def test_where_it_cannot_open_it_says_so_once(town: Town, ana: Client, cli: Cli) -> None:
    """The daemon does not start it over and over, and commands do their work themselves."""
    del town
    (cli.home / "reception.new").mkdir()
    with start(cli, LOG) as reception:
        wait_until(lambda: "reception.closed" in reception.text, seconds=30, what="it says so")
        assert "ALERTA_RECEPTION=no" in reception.text
        assert cli("alerts", SLUG, ana.id).code == 0
        assert reception.process.poll() is None
        reception.signal(signal.SIGTERM)
        assert reception.ends(seconds=20) == 0
        assert reception.text.count("reception.closed") == 1
        assert "Traceback" not in reception.text


@on_sqlite
def test_of_two_one_answers_and_the_other_takes_over(town: Town, ana: Client, cli: Cli) -> None:
    """Two workers of one home do not take each other's callers away."""
    del town
    with start(cli, "second.log") as second, opened(cli) as first:
        wait_until(
            lambda: "reception.open" in first.text + second.text, seconds=20, what="one is open"
        )
        assert cli("alerts", SLUG, ana.id).code == 0
        wait_until(lambda: answered(first) + answered(second) == 1, seconds=20, what="it is noted")
        one, other = (first, second) if answered(first) else (second, first)
        assert "reception.open" not in other.text
        one.signal(signal.SIGTERM)
        assert one.ends(seconds=20) == 0
        wait_until(lambda: "reception.open" in other.text, seconds=20, what="the other takes over")
        assert cli("alerts", SLUG, ana.id).code == 0
        handed(other, 1)
        other.signal(signal.SIGTERM)
        assert other.ends(seconds=20) == 0
    assert not wire.socket_of(cli.home).exists()


@on_sqlite
def test_told_to_stop_it_lets_a_command_end(town: Town, ana: Client, cli: Cli) -> None:
    """Whoever is being answered gets the answer."""
    town.break_wispro("timeout", delay=1.5, times=1)
    with opened(cli) as reception:
        caller = resyncing(cli, ana)
        wait_until(lambda: not town.sandbox.faults.rules(), seconds=30, what="it asks Wispro")
        reception.signal(signal.SIGTERM)
        said, wrong = caller.communicate(timeout=30)
        assert (caller.returncode, wrong) == (0, ""), wrong
        assert "nothing changed" in said
        assert reception.ends(seconds=20) == 0


@on_sqlite
def test_newer_code_is_not_answered_by_the_old(
    town: Town, ana: Client, cli: Cli, tmp_path: Path
) -> None:
    """After an update and before the restart, a command runs what is on disk."""
    del town
    copy = tmp_path / "program"
    for room in ("billing", "config", "models", "notifications", "tasks", "wispro", "worker"):
        shutil.copytree(ROOT / room, copy / room)
    environment = {**cli.environment(), "PYTHONPATH": str(copy)}
    log = cli.home / LOG
    command = [sys.executable, "-P", "-m", "worker.reception"]
    with Running(command, environment=environment, log=log) as reception:
        wait_until(wire.socket_of(cli.home).exists, seconds=OPENS_WITHIN, what="it is open")
        assert ask(environment, "alerts", SLUG, ana.id).returncode == 0
        handed(reception, 1)
        (copy / "billing" / "card.py").touch()
        assert ask(environment, "alerts", SLUG, ana.id).returncode == 0
        assert answered(reception) == 1


@on_sqlite
def test_a_terminal_stays_a_terminal(town: Town, ana: Client, cli: Cli) -> None:
    """Colours and width are those of the caller's screen, not of the daemon's log."""
    del town
    with opened(cli) as reception:
        ours, theirs = pty.openpty()
        environment = {**cli.environment(), "TERM": "xterm-256color", "COLUMNS": "72"}
        ran = subprocess.run(
            [sys.executable, "-m", "worker", "channels", "list", SLUG, ana.id],
            cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
            timeout=60, check=False,
        )  # fmt: skip
        os.close(theirs)
        handed(reception, 1)
        shown = b""
        while select.select([ours], [], [], 0.5)[0]:
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # all was read, and nobody has the other end
                break
        os.close(ours)
    assert ran.returncode == 0
    assert b"\x1b[1m" in shown
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown).decode()
    assert 60 < max(len(line.rstrip()) for line in plain.splitlines()) <= 72


@on_sqlite
def test_a_pipe_that_is_closed_ends_a_command(town: Town, ana: Client, cli: Cli) -> None:
    """`alerta audit | head -1` is no error that anybody has to read."""
    del town
    with opened(cli) as reception:
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run(
            [sys.executable, "-m", "worker", "channels", "list", SLUG, ana.id],
            cwd=ROOT, env=cli.environment(), stdin=subprocess.DEVNULL, stdout=writing,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
        os.close(writing)
        handed(reception, 1)
    assert "Traceback" not in ran.stderr
    assert "Traceback" not in reception.text


@on_sqlite
def test_nonsense_at_its_door_is_shown_out(town: Town, ana: Client, cli: Cli) -> None:
    """Whoever says nothing, too much, or no JSON at all is left; others are answered meanwhile."""
    del town
    with opened(cli) as reception:
        place = str(wire.socket_of(cli.home))
        assert stat.S_IMODE(Path(place).stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(place)
            for said in (
                b"\xff\xff\xff\xff",
                b"\0\0\0\2{}",
                b"\0\0\0\2xx",
                b'\0\0\0\x16[["up"], "/", {"A":"B"}]',
                b"GET / HTTP/1.1\r\n\r\n",
            ):
                with socket.socket(socket.AF_UNIX) as line, suppress(ConnectionResetError):
                    line.connect(place)
                    line.sendall(said)
                    line.settimeout(10)
                    assert line.recv(1) == b""
            assert cli("alerts", SLUG, ana.id).code == 0
            handed(reception, 1)


def ask(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "worker", *words],
        cwd=environment["PYTHONPATH"], env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
