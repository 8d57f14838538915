"""The pages of the documentation, as tests read them: blocks, links, headings, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer.main

from tests.support.processes import ROOT
from worker.cli.main import app

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
_INLINE = re.compile(r"(?<!`)`(?P<code>[^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)
#: Where one command of a line of a shell ends.
_ENDS = frozenset({"|", "&&", "||", ";", "&", ">", ">>", "<", "<<<", "2>"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what kind, its lines, and the number of the first of them."""

    info: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page, named by its place in the repository."""

    path: Path

    @property
    def name(self) -> str:
        """Its place in the repository."""
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text("utf-8")

    def blocks(self) -> list[Block]:
        """Return its fenced blocks."""
        found: list[Block] = []
        opened: tuple[str, int, list[str]] | None = None
        for number, line in enumerate(self.text.splitlines(), start=1):
            fence = _FENCE.match(line)
            if fence is None:
                if opened is not None:
                    opened[2].append(line)
            elif opened is None:
                opened = fence["info"].strip(), number + 1, []
            else:
                found.append(Block(opened[0], "\n".join(opened[2]), opened[1]))
                opened = None
        assert opened is None, f"{self.name}: a block never ends"
        return found

    def typed(self) -> list[str]:
        """Return what its blocks have typed, without what differs from language to language."""
        lines = []
        for block in self.blocks():
            if block.info in {"sh", "console"}:
                lines += block.text.replace("\\\n", " ").splitlines()
        bare = (re.sub(r" +#.*| --lang en|\"[^\"]*\"", "", line) for line in lines)
        return [" ".join(line.split()) for line in bare]

    def twin(self) -> Page | None:
        """Return the English page of a Spanish one."""
        english = DOCS / self.path.name
        return Page(english) if self.path.parent == DOCS / "es" and english.exists() else None

    def prose(self) -> str:
        """Return everything outside of blocks."""
        inside, kept = False, []
        for line in self.text.splitlines():
            if _FENCE.match(line):
                inside = not inside
            elif not inside:
                kept.append(line)
        return "\n".join(kept)

    def inline_code(self) -> list[str]:
        """Return what stands between backticks."""
        return [" ".join(found["code"].split()) for found in _INLINE.finditer(self.prose())]

    def links(self) -> list[str]:
        """Return the targets of its links and pictures."""
        return [found["target"] for found in _LINK.finditer(_INLINE.sub("", self.prose()))]

    def anchors(self) -> set[str]:
        """Return the names of its headings, as GitHub and the site make them."""
        return {anchor(found["text"]) for found in _HEADING.finditer(self.prose())}


def anchor(heading: str) -> str:
    """Return the name under which a browser finds a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def pages(*, decisions: bool = False) -> list[Page]:
    """Return the README and the pages of docs/, with or without the decisions."""
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [Page(path) for path in found if decisions or "decisions" not in path.parts]


@cache
def _program() -> Any:
    return typer.main.get_command(app)


def commands_in(line: str) -> Iterator[list[str]]:
    """Yield each command of a line of a shell, as its words."""
    words = shlex.shlex(re.sub(r"\$\([^)]*\)", "X", line), posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    command: list[str] = []
    for word in words:
        if word in _ENDS:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def misspelt(words: list[str]) -> str | None:
    """Return what is wrong with a command line of `alerta`, or None.

    Names and numbers of what it is given are checked, not their values: those may be placeholders.
    """
    command, given = _program(), list(words[1:])
    path = "alerta"
    while hasattr(command, "commands") and given and not given[0].startswith("-"):
        name = given.pop(0)
        if name not in command.commands:
            return f"there is no command {path} {name}"
        command, path = command.commands[name], f"{path} {name}"
    if hasattr(command, "commands"):
        return None if given in ([], ["--help"]) else f"{path} takes a command"
    options = {
        name: one
        for one in command.params
        if one.param_type_name == "option"
        for name in (*one.opts, *one.secondary_opts)
    }
    places = [one for one in command.params if one.param_type_name == "argument"]
    most = None if any(one.nargs == -1 for one in places) else len(places)
    count = 0
    while given:
        word = given.pop(0)
        name, _, value = word.partition("=")
        if not word.startswith("--"):
            count += 1
        elif name == "--help":
            continue
        elif name not in options:
            return f"{path} has no option {name}"
        elif not options[name].is_flag and not value and given:
            given.pop(0)
    if most is not None and count > most:
        return f"{path} takes {most} arguments, not {count}"
    return None
