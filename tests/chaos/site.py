"""A machine to install on: its own network, its own /etc, /opt and /var/lib, and what runs units.

No init system runs in it. Its units are read and started as systemd would: their user, their
settings, their secrets handed on as files, and READY waited for.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.chaos.network import HUB, Network

#: Folders of its own, over what the machine has. /root only to let others pass to Python there.
_OWN = ("/etc", "/opt", "/var/lib", "/usr/local/bin", "/root")
#: What systemd would have drawn from its range for DynamicUser.
_UID = 61_234
#: Without the environment that this runs in: what is installed there is what is tried.
_PATH = ":".join(one for one in os.environ["PATH"].split(":") if ".venv" not in one)
#: Names that the documents use, all at `HUB`.
NAMES = ("db.example", "broker.example", "wispro.example", "mail.example")


class Site:
    """One host; a context manager.

    Args:
        folder: of its files, empty and open to others.
        network: that it is part of.
        number: there.
    """

    def __init__(self, folder: Path, network: Network, number: int) -> None:
        self.folder = folder
        self.number = number
        self._network = network
        self._services: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._holder = subprocess.Popen(
            [*self._network.on(self.number), "unshare", "--mount", "sleep", "infinity"],
            stdin=subprocess.DEVNULL,
        )
        time.sleep(0.5)  # it becomes `unshare`, then `sleep`
        for place in _OWN:
            upper, work = (self.folder / kind / place[1:] for kind in ("upper", "work"))
            upper.mkdir(parents=True)
            work.mkdir(parents=True)
            shutil.copymode(place, upper)
            over = f"lowerdir={place},upperdir={upper},workdir={work}"
            self.well(["mount", "-t", "overlay", "overlay", "-o", over, place])
        self.well(["chmod", "711", "/root"])
        self.write("/etc/hosts", "127.0.0.1 localhost\n" + f"{HUB} {' '.join(NAMES)}\n")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._services.values():
            process.send_signal(signal.SIGTERM)
        for process in self._services.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        self._holder.kill()
        self._holder.wait()

    @property
    def address(self) -> str:
        """Its address, as who is at `HUB` sees it."""
        return f"{HUB.rpartition('.')[0]}.{8 * self.number + 2}"

    def well(
        self, command: list[str], *, online: bool = False, environment: dict[str, str] | None = None
    ) -> str:
        """Run a command as root, insist that it succeeds, and return what it printed.

        Args:
            command: its words.
            online: it fetches packages, so it has the network of the machine.
            environment: all of it.
        """
        done = subprocess.run(
            self._into(command, online=online),
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, text: str, *, folder: str = "/", online: bool = False) -> str:
        """Run lines of a document as an administrator would, who is root and needs no sudo."""
        text = re.sub(r"\bsudo ", "", text)
        mine = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        mine |= {"HOME": "/tmp", "PATH": _PATH, "USER": "eva", "LANG": "C.UTF-8"}
        script = f"cd {folder}\n{text}"
        return self.well(
            ["bash", "-euo", "pipefail", "-c", script], online=online, environment=mine
        )

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file of its own."""
        with subprocess.Popen(
            self._into(["sh", "-c", 'umask 077; cat > "$0"; chmod "$1" "$0"', path, f"{mode:o}"]),
            stdin=subprocess.PIPE,
        ) as process:
            process.communicate(text.encode())
        assert process.returncode == 0

    def read(self, path: str) -> str:
        """Return a file of its own."""
        return self.well(["cat", path])

    def start(self, unit: str) -> None:
        """Start a unit, and return once it says that it is ready.

        Raises:
            TimeoutError: if it does not within the time of its unit.
        """
        lines = list(_settings(self.read(f"/etc/systemd/system/{unit}.service")))
        named = dict(lines)
        home = f"/var/lib/{named['StateDirectory']}"
        self.well(["install", "-d", "-m", named["StateDirectoryMode"], home])
        self.well(["chown", "-R", f"{_UID}:{_UID}", home])
        secrets = self.folder / "credentials" / unit
        secrets.mkdir(parents=True)
        environment = {"PATH": _PATH}
        for name, value in lines:
            if name == "LoadCredential":
                credential, _, source = value.partition(":")
                (secrets / credential).write_text(self.read(source))
                (secrets / credential).chmod(0o400)
            elif name == "Environment":
                for pair in value.split():
                    key, _, given = pair.partition("=")
                    environment[key] = given.replace("%d", str(secrets))
        for name, value in lines:  # it has the last word, as systemd.exec(5) says
            if name == "EnvironmentFile":
                with suppress(AssertionError):
                    pairs = _settings(self.read(value.removeprefix("-")))
                    environment |= {key: given.strip("\"'") for key, given in pairs}
        told = self.folder / f"{unit}.notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(str(told))
            for one in (secrets, *secrets.iterdir(), told):
                os.chown(one, _UID, _UID)
            environment["NOTIFY_SOCKET"] = str(told)
            with (self.folder / f"{unit}.log").open("ab") as log:
                self._services[unit] = subprocess.Popen(
                    self._into(
                        [
                            *("setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups"),
                            *("--no-new-privs", *named["ExecStart"].split()),
                        ]
                    ),
                    cwd="/",
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self._wait(unit, notified, float(named["TimeoutStartSec"]))

    def _wait(self, unit: str, notified: socket.socket, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        notified.settimeout(1)
        while time.monotonic() < deadline:
            said = (self.folder / f"{unit}.log").read_text("utf-8")
            assert self._services[unit].poll() is None, f"{unit} ended:\n{said}"
            with suppress(TimeoutError):
                if b"READY=1" in notified.recv(4096).splitlines():
                    return
        raise TimeoutError(f"{unit} was not ready in {seconds:g} s:\n{said}")

    def ended(self) -> list[str]:
        """Return the units that run no more."""
        return [unit for unit, process in self._services.items() if process.poll() is not None]

    def _into(self, command: list[str], *, online: bool = False) -> list[str]:
        network = [] if online else ["--net"]
        return ["nsenter", "-t", str(self._holder.pid), "--mount", *network, "--", *command]


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, found, value = line.partition("=")
        if found and not line.startswith(("#", ";", " ")):
            yield name.strip(), value.strip()
