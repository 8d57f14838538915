"""The caller's side: hand a command over, wait for its end, have its exit code."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path

from worker.reception import wire

#: Seconds to be taken; a reception that is busier than that is no help.
_PATIENCE = 1.0
#: Seconds that a command has to end after Ctrl-C.
_TO_END = 5.0
_INTERRUPTED = 130


def asked(words: list[str]) -> int | None:
    """This function will have a command done by the reception.

    Args:
        words: of the command line, without the program.

    Returns:
        Its exit code; None if nobody took it: nothing was done, the caller does it by itself.
    """
    if not wire.is_answered(words) or wire.is_switched_off() or not wire.is_known_here():
        return None
    home = Path(os.environ.get("ALERTA_HOME") or "var").absolute()
    place = wire.socket_of(home)
    if not _is_there(place) or (environment := _environment(home)) is None:
        return None
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.settimeout(_PATIENCE)
            line.connect(str(place))
            if not _is_ours(line, home) or not _may_read(line, environment):
                return None
            _hand_over(line, words, environment)
            if line.recv(1) != wire.TAKEN:
                return None
            socket.send_fds(line, [wire.GO], [0, 1, 2])
        except OSError:
            return None
        line.settimeout(None)
        return _end_of(line)


def answers(home: Path) -> bool | None:
    """This function will say whether the reception of a home shows somebody out who wants nothing.

    Returns:
        None if none is open there.
    """
    place = wire.socket_of(home)
    if not _is_there(place):
        return None
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_PATIENCE)
        try:
            line.connect(str(place))
            _hand_over(line, [], {})
            return line.recv(1) == b""
        except ConnectionResetError:  # shown out before all was said
            return True
        except OSError:
            return False


def _end_of(line: socket.socket) -> int:
    try:
        code = line.recv(1)
    except KeyboardInterrupt:
        line.shutdown(socket.SHUT_WR)  # it sees that nobody waits any more, and ends as by Ctrl-C
        line.settimeout(_TO_END)
        with suppress(OSError):
            return (line.recv(1) or bytes([_INTERRUPTED]))[0]
        return _INTERRUPTED
    except OSError:
        code = b""
    if not code:
        sys.stderr.write(
            "error: the daemon ended before the command did; what it had done: alerta audit\n"
        )
        return 1
    return code[0]


def _hand_over(line: socket.socket, words: list[str], environment: dict[str, str]) -> None:
    request = json.dumps([words, str(Path.cwd()), environment]).encode()
    line.sendall(len(request).to_bytes(wire.HEAD, "big") + request)


def _is_ours(line: socket.socket, home: Path) -> bool:
    """Whether the other end is our own user, or for root whoever the home belongs to."""
    user = os.getuid()
    return wire.user_of_peer(line) in {user, home.stat().st_uid if user == 0 else user}


def _may_read(line: socket.socket, environment: dict[str, str]) -> bool:
    """Whether the other end gets to our database; a file that root names may be root's alone."""
    named = environment.get("ALERTA_DATABASE_URL", "").startswith("sqlite:")
    return not named or wire.user_of_peer(line) == os.getuid()


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # a home that we may not enter: the command itself says so
        return False


def _environment(home: Path) -> dict[str, str] | None:
    """Return our environment as another process can use it; None if it needs our place or rights.

    What secrets a file holds is read here, since the reception may not be let in there.
    """
    given = dict(os.environ)
    given["ALERTA_HOME"] = str(home)
    for name in [name for name in given if name.startswith("ALERTA_") and name.endswith("_FILE")]:
        plain = name.removesuffix("_FILE")
        if (secret := _secret(given.pop(name))) is None or given.get(plain):
            return None  # what is wrong is said by the command itself
        given[plain] = secret
    database = given.get("ALERTA_DATABASE_URL", "")
    if database.startswith("sqlite:///") and not database.startswith("sqlite:////"):
        return None
    return given


def _secret(path: str) -> str | None:
    try:
        if Path(path).stat().st_mode & stat.S_IROTH:
            return None
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
