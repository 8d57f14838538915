"""Read TOML with exact numbers, and say on which line something stands. Pure.

tomllib says what a file holds and never where.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

#: Keys and the numbers of repeated tables: ("step", 2, "days"), the third [[step]]'s days.
Path = tuple[str | int, ...]

#: Strings and comments as one piece each, so that what looks like a bracket or an end of line in
#: one of them is none.
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?""""{0,2}'
    r"|'''.*?''''{0,2}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[^\"'\#\[\]{}\n]+"
    r"|.",
    re.DOTALL,
)
#: Deeper than anything that we name.
_DEEPEST = 6


_AT = re.compile(r" \((?:at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")


class NoTomlError(ValueError):
    """A text that is no TOML, or holds a value that Python cannot; `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def read_toml(text: str) -> dict[str, Any]:
    """This function will read TOML, numbers with a point as `Decimal`.

    Raises:
        NoTomlError: with the first thing that is wrong.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.isascii() and any("\ud800" <= letter <= "\udfff" for letter in line):
            raise NoTomlError(number, "no text in UTF-8")
    try:
        return tomllib.loads(text, parse_float=_exact)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        match = _AT.search(said)
        at = int(match["line"]) if match and match["line"] else text.rstrip().count("\n") + 1
        where = f", column {match['column']}" if match and match["column"] else ""
        what = " ".join(_AT.sub("", said).split())[:400]
        raise NoTomlError(at, f"no TOML{where}: {what}") from None
    except (ValueError, RecursionError):
        why = "a value that is out of any range, or nested too deep"
        raise NoTomlError(_first_unreadable(text), why) from None


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError("a number out of any range") from None


def _first_unreadable(text: str) -> int:
    """Return the line with the value that TOML allows and Python cannot hold."""
    lines = text.split("\n")
    least, most = 1, len(lines)
    while least < most:
        middle = (least + most) // 2
        try:
            tomllib.loads("\n".join(lines[:middle]), parse_float=_exact)
        except tomllib.TOMLDecodeError:
            least = middle + 1  # cut in the middle of a value, before that line
        except (ValueError, RecursionError):
            most = middle
        else:
            least = middle + 1
    return least


class Places:
    """The lines of one file.

    Args:
        text: TOML that tomllib reads without an error.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._numbers: dict[Path, int] = {}
        under: Path = ()
        for line, statement in _statements(text.replace("\r\n", "\n")):
            try:
                said = tomllib.loads(statement)
            except RecursionError:  # nested to the limit: its line is that of what holds it
                continue
            if statement.lstrip().startswith("["):
                under = self._header(said)
                self._lines.setdefault(under, line)
            else:
                self._note(under, said, line)

    def line_of(self, path: Path) -> int:
        """Return the line, from 1; of what is not there, that of what would hold it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _header(self, said: Mapping[str, Any]) -> Path:
        """Return where the pairs after "[caps]" or "[[step]]" belong."""
        path: Path = ()
        node: Any = said
        while node:
            name, node = next(iter(node.items()))
            path = (*path, name)
            if isinstance(node, list):  # only the last name of a header opens a list
                number = self._numbers[path] = self._numbers.get(path, -1) + 1
                return (*path, number)
            if path in self._numbers:
                path = (*path, self._numbers[path])
        return path

    def _note(self, path: Path, value: Any, line: int) -> None:
        if path:
            self._lines.setdefault(path, line)
        if len(path) >= _DEEPEST:
            return
        if isinstance(value, dict):
            for name, inner in value.items():
                self._note((*path, name), inner, line)
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                self._note((*path, number), inner, line)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header and each pair with the line on which it begins."""
    line, begun, depth, said = 1, 1, 0, ""
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece == "\n" and depth == 0:
            if said.strip():
                yield begun, said
            said = ""
        else:
            if not said.strip():
                begun = line
            depth += (piece in "[{") - (piece in "]}")
            said += piece
        line += piece.count("\n")
    if said.strip():
        yield begun, said
