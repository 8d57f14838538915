"""`alerta` for shell scripts, without waiting a second each time for Python and our modules.

    python -m tests.support.quick_alerta SOCKET

One process has everything loaded. A stub named `alerta` on the PATH hands it its words, its
environment, its folder and its three streams; a fork of it is the command, and the stub ends with
the same exit code. So a real shell runs real commands, pipes and redirections included.

With `QUICK_ALERTA=learn` in its environment a command runs in that process itself: what it has
compiled, every later one has. Nothing that sends may: Apprise's threads do not survive a fork.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.haste import make_haste, stop_collecting_what_stays
from tests.support.processes import ROOT, wait_until

_STUB = """\
#!{python} -IS
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({path!r})
given = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(s, [len(given).to_bytes(4, "big")], [0, 1, 2])
s.sendall(given)
sys.exit((s.recv(1) or b"\\x70")[0])
"""
_ROOMS = ("billing", "config", "models", "notifications", "web", "wispro", "worker")


@contextmanager
def alerta_on_path(folder: Path) -> Iterator[Path]:
    """Yield a folder for the PATH of a shell; `alerta` in it is quick while this is entered."""
    place, commands = folder / "socket", folder / "bin"
    commands.mkdir()
    stub = commands / "alerta"
    stub.write_text(_STUB.format(python=sys.executable, path=str(place)), "utf-8")
    stub.chmod(0o755)
    with (folder / "quick.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.quick_alerta", str(place)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(place.exists, seconds=60, what="alerta is loaded")
        yield commands
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Load everything, then be one command after the other, each in a fork."""
    for room in _ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if "__main__" not in found.name and "migrations" not in found.name:
                importlib.import_module(found.name)
    from tests.support.house import ImpatientHouse
    from worker.cli import house

    vars(house)["House"] = ImpatientHouse
    path = Path(sys.argv[1])
    make_haste(pytest.MonkeyPatch(), path.parent)
    stop_collecting_what_stays()
    nowhere = os.open(os.devnull, os.O_RDWR)
    with socket.socket(socket.AF_UNIX) as door:
        unborn = path.with_suffix(".tmp")
        door.bind(str(unborn))
        door.listen(8)
        unborn.rename(path)  # whoever finds it can connect
        while True:
            caller, _ = door.accept()
            words, folder, environment, streams = _asked(caller)
            if environment.get("QUICK_ALERTA") == "learn":
                code = _run(words, folder, environment, streams)
                for number in range(3):  # whoever reads to the end waits until nobody has them
                    os.dup2(nowhere, number)
                caller.sendall(bytes([code]))
            elif os.fork() == 0:
                door.close()
                try:
                    caller.sendall(bytes([_run(words, folder, environment, streams)]))
                finally:
                    os._exit(0)
            for stream in streams:
                os.close(stream)
            caller.close()
            _bury_the_dead()


def _bury_the_dead() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _asked(caller: socket.socket) -> tuple[list[str], str, dict[str, str], list[int]]:
    length, streams, _, _ = socket.recv_fds(caller, 4, 3)
    words, folder, environment = json.loads(_exactly(caller, int.from_bytes(length, "big")))
    return words, folder, environment, streams


def _run(words: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> int:
    from worker.cli.main import main as run

    code: Any = 0
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, how, encoding="utf-8", closefd=False)  # noqa: SIM115
        for number, how in enumerate("rww")
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["alerta", *words]
    try:
        run()
    except SystemExit as end:
        code = end.code or 0
    except Exception:  # noqa: BLE001 - as an interpreter would end
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


def _exactly(caller: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length and (more := caller.recv(length - len(data))):
        data += more
    return data


if __name__ == "__main__":
    main()
