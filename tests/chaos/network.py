"""Hosts of their own on one machine: network namespaces, each with a cable that can be pulled.

What they share (PostgreSQL, Valkey, Wispro's stand-in, a mail server) listens on loopback here and
is reached by them at `HUB`, through fronts. A pulled cable answers nothing and refuses nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from typing import Self

#: Where everything that is shared is; of TEST-NET-2 (RFC 5737), so nobody's.
HUB = "198.51.100.1"


def why_not() -> str | None:
    """Return why no hosts can be made here, or None."""
    if not shutil.which("ip"):
        return "network namespaces need iproute2 (apt install iproute2)"
    name = f"alerta-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "network namespaces need root"
    _ip("netns", "del", name)
    return None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Network:
    """A hub and some hosts; a context manager.

    Args:
        hosts: how many.
    """

    def __init__(self, hosts: int) -> None:
        self._tag = f"{os.getpid() % 100_000}"
        self._numbers = range(1, hosts + 1)
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            _ip("addr", "add", f"{HUB}/32", "dev", "lo")
            undo.callback(_ip, "addr", "del", f"{HUB}/32", "dev", "lo")
            for number in self._numbers:
                space, here, there = self._names(number)
                _ip("netns", "add", space)
                undo.callback(_ip, "netns", "del", space)
                _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
                net = f"198.51.100.{8 * number}"
                ours, theirs = (f"{net.rpartition('.')[0]}.{8 * number + n}" for n in (1, 2))
                _ip("addr", "add", f"{ours}/30", "dev", here)
                _ip("link", "set", here, "up")
                _ip("-n", space, "addr", "add", f"{theirs}/30", "dev", there)
                _ip("-n", space, "link", "set", there, "up")
                _ip("-n", space, "link", "set", "lo", "up")
                _ip("-n", space, "route", "add", "default", "via", ours)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def on(self, number: int) -> list[str]:
        """Return what stands before a command that runs on a host."""
        return ["ip", "netns", "exec", self._names(number)[0]]

    def pull(self, number: int) -> None:
        """Pull the cable of a host."""
        _ip("link", "set", self._names(number)[1], "down")

    def plug(self, number: int) -> None:
        """Plug it in again."""
        _ip("link", "set", self._names(number)[1], "up")

    def _names(self, number: int) -> tuple[str, str, str]:
        return f"alerta-{self._tag}-{number}", f"al{self._tag}h{number}", f"al{self._tag}w{number}"
