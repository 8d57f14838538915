"""How a command shows things: tables for people, JSON for scripts, one line for an error."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from billing.desk import Step

#: Columns of a table that goes to a file or a pipe, where nobody scrolls.
_WIDE = 160
console = Console(width=None if sys.stdout.isatty() else _WIDE)
errors = Console(stderr=True)


def plain_money(value: Decimal) -> str:
    """Return an amount as text with two decimals, more only where they are not zero."""
    cents = value.quantize(Decimal("0.01"))
    return str(cents if cents == value else value.normalize())


def as_json(value: Any) -> None:
    """Print one JSON document; amounts are texts, instants ISO 8601 in UTC."""
    raw = msgspec.json.encode(_exact(msgspec.to_builtins(value, builtin_types=(Decimal,))))
    sys.stdout.write(msgspec.json.format(raw, indent=2).decode() + "\n")


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_money(value)
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return value


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; what a customer's record holds is never read as markup.

    A column in which no row says anything is left out: the width belongs to those that do.
    """
    rows = [tuple(row) for row in rows]
    if not rows:
        say(f"{title}: none")
        return
    says = [any(row[place] not in (None, "", []) for row in rows) for place in range(len(columns))]
    shown = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for name in itertools.compress(columns, says):
        shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*(cell(value) for value in itertools.compress(row, says)))
    console.print(shown)


def cell(value: Any) -> Text:
    """Return one value as people read it."""
    match value:
        case None:
            return Text("–", style="dim")
        case bool():
            return Text("yes" if value else "no")
        case Decimal():
            return Text(plain_money(value), justify="right", no_wrap=True)
        case datetime():
            return Text(value.astimezone().strftime("%Y-%m-%d %H:%M"), no_wrap=True)
        case date():
            return Text(value.isoformat(), no_wrap=True)
        case list():
            return Text("\n".join(str(item) for item in value))
        case _:
            return Text(str(value))


def say(text: str) -> None:
    """Print one line for a person."""
    console.print(Text(text))


_complaints: ContextVar[list[str] | None] = ContextVar("complaints", default=None)


@contextmanager
def listening_to_complaints() -> Iterator[list[str]]:
    """Yield the errors that are printed meanwhile."""
    heard: list[str] = []
    token = _complaints.set(heard)
    try:
        yield heard
    finally:
        _complaints.reset(token)


def complain(text: str) -> None:
    """Print an error for a person on stderr: what is wrong and what to do."""
    if (heard := _complaints.get()) is not None:
        heard.append(text)
    errors.print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)


def remark(text: str, *, warning: bool = False) -> None:
    """Print a remark for a person on stderr, so that stdout keeps what was asked for alone."""
    head = ("warning: ", "bold yellow") if warning else ""
    errors.print(Text.assemble(head, text), soft_wrap=True)


@contextmanager
def sync_bar(what: str) -> Iterator[Callable[[Step], None]]:
    """Yield a function that draws how far a look at Wispro is, on stderr if that is a terminal.

    One bar for each part of the look: pages (or accounts) done, invoices a second, what changed,
    and when it will be over.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[changed]} changed"),
        TimeRemainingColumn(),
    )
    begun = time.monotonic()
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:

        def draw(step: Step) -> None:
            if step.what not in tasks:
                tasks[step.what] = bar.add_task(f"{what}: {step.what}", rate="", changed=0)
            seconds = max(time.monotonic() - begun, 0.001)
            bar.update(
                tasks[step.what],
                completed=step.done,
                total=step.total,
                rate=f"{step.fetched / seconds:.0f} records/s",
                changed=step.changed,
            )

        yield draw


@contextmanager
def progress_bar(what: str) -> Iterator[Any]:
    """Yield a function (done, total) that draws a bar on stderr, if that is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
