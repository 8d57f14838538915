"""What the two sides of the reception say to each other, over a Unix socket.

caller      the length of the request; the request as JSON: words, folder, environment
reception   TAKEN, or nothing: then the caller does it by itself
caller      GO, with its three streams; whoever had no patience is gone by now, so that nothing is
            done twice, and nobody who hangs keeps a stream open
reception   the exit code, one byte
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

from worker.sockets import reachable

TAKEN, GO = b"+", b"!"
#: Bytes of the length that begins a request, and of the longest one: an environment and some words.
HEAD = 4
LONGEST = 2**20

#: Commands that need none of the caller's files and never ask back; a group with its commands.
ANSWERED: dict[str, frozenset[str]] = {
    name: frozenset()
    for name in (
        "accounts", "alerts", "audit", "explain", "find", "hold", "holds", "invoices", "promise",
        "release", "resend", "resync",
    )
} | {"channels": frozenset({"disable", "enable", "list", "order", "remove", "test"})}  # fmt: skip

_PEER = struct.Struct("3i")  # struct ucred (unix(7)): process, user, group


def is_answered(words: list[str]) -> bool:
    """Whether the reception takes a command."""
    if not words or words[0] not in ANSWERED:
        return False
    group = ANSWERED[words[0]]
    return not group or (len(words) > 1 and words[1] in group)


def is_known_here() -> bool:
    """Whether this system can say who is at the other end of a socket."""
    return sys.platform.startswith("linux")


def socket_of(home: Path) -> Path:
    """Return where the reception of a home answers."""
    return reachable(home.resolve() / "reception.sock")


def user_of_peer(line: socket.socket) -> int:
    """Return the user id of the process at the other end."""
    given = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, user, _ = _PEER.unpack(given)
    return int(user)


def receive(line: socket.socket, length: int) -> bytes:
    """Return so many bytes, or fewer if the other end is gone."""
    data = b""
    while len(data) < length and (more := line.recv(length - len(data))):
        data += more
    return data


def is_switched_off() -> bool:
    """Whether the caller wants no reception (`ALERTA_RECEPTION`, as the settings read it)."""
    return os.environ.get("ALERTA_RECEPTION", "").lower() in {"0", "off", "f", "false", "n", "no"}
