"""What a person gives to a command in another way than on its line."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from billing.isps import SetupError

#: A line of stdin stands for the argument, so that a secret is in no list of processes.
STDIN = "-"


def line_of_stdin(given: str, *, what: str) -> str:
    """Return what was given, or one line of stdin where that was `-`.

    Args:
        given: on the command line.
        what: names it in the error.

    Raises:
        SetupError: if stdin has no line, or an empty one.
    """
    if given != STDIN:
        return given
    try:
        line = sys.stdin.readline().strip()
    except (OSError, UnicodeDecodeError):
        line = ""
    if not line:
        raise SetupError(f"{what}: - reads one line from stdin, and there is none")
    return line


def secret_of_file(path: Path, *, what: str) -> str:
    """Return what a file holds, without the blanks around it.

    Raises:
        SetupError: if it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise SetupError(f"{what}: cannot read {path}: {why}") from None


def who(by: str | None) -> str:
    """Return who gives a command: whom it names, else who is logged in, behind sudo too."""
    if by is not None:
        return by
    if behind := os.environ.get("SUDO_USER"):
        return behind
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without names of users
        return "unknown"
