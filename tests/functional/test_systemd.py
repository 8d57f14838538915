"""The daemon under systemd: what it is told, and that its units are sound and closed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from tests.functional.test_house_rules import commands
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT, Running
from worker.supervisor import FINISH_WITHIN, STOP_WITHIN, Child, Supervisor
from worker.systemd import Systemd

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
BINARY = "/opt/alerta/.venv/bin/alerta"
#: Of ten; what is left is the network, which it needs.
MOST_EXPOSED = 1.1


class Listener:
    """The end of systemd: a datagram socket; a context manager."""

    def __init__(self, path: Path) -> None:
        self.environment = {"NOTIFY_SOCKET": str(path)}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def hears(self, line: str, *, seconds: float = 60) -> list[str]:
        """Return all that was said until a line was."""
        self._socket.settimeout(seconds)
        heard: list[str] = []
        while line not in heard:
            heard += self._socket.recv(4096).decode().splitlines()
        return heard

    def nothing_more(self) -> list[str]:
        """Return what was said and not heard yet."""
        self._socket.setblocking(False)
        heard: list[str] = []
        while True:
            try:
                heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return heard


@on_sqlite
def test_the_daemon_says_when_it_is_ready_alive_and_stopping(cli: Cli, tmp_path: Path) -> None:
    """READY once its children are, WATCHDOG while they live, STOPPING as soon as it is told to."""
    with Listener(tmp_path / "notify") as systemd:
        environment = cli.environment() | systemd.environment | {"WATCHDOG_USEC": "2000000"}
        command = [sys.executable, "-m", "worker", "up", "--role", "beat"]
        log = cli.home / "process.log"
        with Running(command, environment=environment, log=log) as daemon:
            before = systemd.hears("READY=1")
            assert "STATUS=not ready: beat" in before
            assert "STATUS=running: beat" in [*before, *systemd.hears("WATCHDOG=1")]
            systemd.hears("WATCHDOG=1")
            assert "NOTIFY_SOCKET" not in daemon.child("celery").environ()
            daemon.signal(signal.SIGTERM)
            systemd.hears("STOPPING=1", seconds=5)
            assert daemon.ends(seconds=30) == 0
            assert "WATCHDOG=1" not in systemd.nothing_more()


def test_a_daemon_whose_child_never_gets_ready_gives_no_sign_of_life(tmp_path: Path) -> None:
    """What dies at each start is not health, however often it is started."""
    with Listener(tmp_path / "notify") as systemd:
        clock = [0.0]
        given = {**systemd.environment, "WATCHDOG_USEC": "10000000"}
        heart = Systemd(given, clock=lambda: clock[0])
        fine = Child("fine", [sys.executable, "-c", "import signal; signal.pause()"])
        broken = Child("broken", [sys.executable, "-c", "raise SystemExit(3)"], says_ready=True)
        supervisor = Supervisor([fine, broken], systemd=heart)
        try:
            supervisor.step()
            assert systemd.hears("WATCHDOG=1") == [
                "STATUS=running: fine; not ready: broken",
                "WATCHDOG=1",
            ]
            assert broken.unwell_since is not None
            broken.unwell_since -= 121
            clock[0] += 60
            supervisor.step()
            assert not supervisor.is_healthy()
            assert systemd.nothing_more() == []
        finally:
            supervisor.stop()


def test_an_abstract_socket_and_none(tmp_path: Path) -> None:
    """The socket may be in no folder; where there is none, nothing is said."""
    name = f"alerta-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        heard.settimeout(5)
        Systemd({"NOTIFY_SOCKET": f"@{name}"}).beat(ready=True, healthy=True, status="s")
        assert heard.recv(100) == b"READY=1\nSTATUS=s"
    Systemd({}).beat(ready=True, healthy=True, status="s")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stopping()


# -- units ----------------------------------------------------------------------------------------


def values(unit: Path) -> dict[str, list[str]]:
    """Return what a unit sets, by name."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"([A-Za-z]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_of_ours_and_waits_for_its_end(unit: Path) -> None:
    """Notify with a watchdog, a user of its own, and time enough to finish what is under way."""
    given = values(unit)
    program, *words = shlex.split(given["ExecStart"][0])
    assert program == BINARY
    assert f"alerta {words[0]}" in dict(commands())
    assert (given["Type"], given["NotifyAccess"]) == (["notify"], ["main"])
    assert int(given["WatchdogSec"][0]) > 120 + 30  # of the supervisor, and one pause
    assert int(given["TimeoutStopSec"][0]) > STOP_WITHIN > FINISH_WITHIN
    assert given["KillMode"] == ["mixed"], "the supervisor tells its children itself"
    assert given["DynamicUser"] == ["yes"]
    assert given["StateDirectoryMode"] == ["0700"]
    for line in given["Environment"]:
        for name in re.findall(r"(ALERTA_[A-Z_]+)=", line):
            assert name.removesuffix("_FILE").removeprefix("ALERTA_").lower() in {
                *("home", "log_format", "secret_key", "database_url", "redis_url")
            }


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    """`verify` is silent, and `security` finds it hardly exposed."""
    here = tmp_path / "alerta"
    here.write_text("#!/bin/sh\n")
    here.chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8").replace(BINARY, str(here)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", copy],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= MOST_EXPOSED
