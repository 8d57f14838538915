"""Write docs/commands.md from the commands themselves: `make docs`.

What the page says of a command is its help: the docstring, whose last paragraph is the example, and
the parameters. Only the order is here: by what a person wants to do. A command that no chapter
names stands in the last one, so that none is left out.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer.main

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"

#: What people want to do, and what does it; a group of commands stands for all of its own.
CHAPTERS: dict[str, tuple[str, ...]] = {
    "Answer a customer": (
        "find", "accounts", "invoices", "alerts", "explain", "resync", "resend", "evidence",
    ),
    "Bring a customer in, and let them go": ("pair", "pair-link", "unpair", "export", "forget"),
    "Change what one customer gets": ("channels", "account", "hold", "promise", "release", "holds"),
    "Decide what is sent, and see it before": ("policy", "preview", "simulate", "baseline"),
    "Set up an ISP": ("isp",),
    "Run it": ("up", "worker", "beat", "web", "migrate", "sync", "deliver", "listen"),
    "See how it stands": ("status", "doctor", "audit"),
    "Keep it safe": ("backup", "restore", "keys"),
    "Try it out": ("demo", "sandbox"),
}  # fmt: skip
_REST = "Everything else"

_HEAD = """\
# Commands

*Made from the commands' own help by `make docs`: to change this page, change that.*

Every command has `--help`; lists have `--json`. Exit codes: 0 done, 1 not done (one line says why
and what to do), 2 wrong settings or usage. SLUG is the short name of an ISP. CLIENT is a public id;
a UUID, custom id, national id, e-mail or the text of the QR code in the portal does as well.
"""
_WORDS = {int: "NUMBER", float: "NUMBER", Path: "FILE"}
#: What is the same everywhere, and so has no help of its own.
_KNOWN = {"json": "For scripts: one JSON document."}


def commands() -> dict[str, Any]:
    """Return every command that people are shown, by its words without `alerta`."""
    from worker.cli.main import app  # noqa: PLC0415 - slow to import

    return dict(_leaves(typer.main.get_command(app), ()))


def _leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if command.hidden:
        return
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    for name, below in command.commands.items():
        yield from _leaves(below, (*words, name))


def page() -> str:
    """Return the whole page."""
    left = commands()
    chapters: list[tuple[str, dict[str, Any]]] = []
    for title, names in CHAPTERS.items():
        # command or group, in the order of the chapter, then as the program has them
        here = {w: left[w] for name in names for w in left if w.split()[0] == name}
        left = {w: c for w, c in left.items() if w not in here}
        chapters.append((title, here))
    chapters.append((_REST, left))
    chapters = [(title, here) for title, here in chapters if here]
    parts = [_HEAD, "\n".join(_contents(chapters))]
    for title, here in chapters:
        parts.append(f"## {title}")
        parts += [section(words, command) for words, command in here.items()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _contents(chapters: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield "| to | there is |"
    yield "|---|---|"
    for title, here in chapters:
        links = ", ".join(f"[{w}](#alerta-{w.replace(' ', '-')})" for w in here)
        yield f"| {title[0].lower()}{title[1:]} | {links} |"


def section(words: str, command: Any) -> str:
    """Return what is to be known of one command."""
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    shown.sort(key=lambda p: p.param_type_name)  # arguments first
    usage = " ".join([f"alerta {words}", *map(_slot, shown)])
    text, example = told(command)
    parts = [f"### alerta {words}", f"`{usage}`", text]
    if shown:
        parts.append("\n".join(("| | default | |", "|---|---|---|", *map(_row, shown))))
    if example:
        parts.append(f"Example: {example}")
    return "\n\n".join(parts)


def told(command: Any) -> tuple[str, str]:
    """Return what a command does, and its example."""
    text, _, example = inspect.cleandoc(command.help or "").partition("\n\nExample: ")
    return text.strip(), " ".join(example.split())


def _slot(parameter: Any) -> str:
    name = _name(parameter)
    many = " …" if parameter.nargs == -1 or getattr(parameter, "multiple", False) else ""
    return f"{name}{many}" if parameter.required else f"[{name}]{many}"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _value(parameter, parameter.name.upper())
    names = "|".join((parameter.opts[-1], *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {_value(parameter, 'TEXT')}"


def _value(parameter: Any, otherwise: str) -> str:
    """Return what a parameter takes: its choices, or a word in capitals."""
    if parameter.metavar:
        return str(parameter.metavar)
    types = _plain_types(parameter.type_descriptor.annotation)
    for one in types:
        if isinstance(one, type) and issubclass(one, Enum):
            return "|".join(str(member.value) for member in one)
    if parameter.param_type_name == "option":
        return next((word for type_, word in _WORDS.items() if type_ in types), otherwise)
    return otherwise


def _plain_types(annotation: Any) -> list[Any]:
    below = get_args(annotation)
    return [plain for one in below for plain in _plain_types(one)] if below else [annotation]


def _row(parameter: Any) -> str:
    default = parameter.default
    shown = default not in (None, False, [], ())
    if parameter.required:
        text = "required"
    else:
        text = f"`{getattr(default, 'value', default)}`" if shown and not callable(default) else ""
    cells = f"`{_name(parameter)}`", text, parameter.help or _KNOWN.get(parameter.name, "")
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    if "--check" in sys.argv:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        sys.exit(None if current else "docs/commands.md is not current: make docs")
    PAGE.write_text(page(), encoding="utf-8")
