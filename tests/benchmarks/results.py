"""What was found, as JSON and as the tables of docs/performance.md; the text there stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

BEGIN, END = "<!-- bench-sync: begin -->", "<!-- bench-sync: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
#: Peaks of two processes differ by what the allocator happened to keep.
MEMORY_TOLERANCE = 0.10


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure and what it should reach; `at_most` tells the direction."""

    what: str
    found: float
    bound: float
    at_most: bool = True
    unit: str = "×"

    @property
    def reached(self) -> bool:
        """Whether it does."""
        return self.found <= self.bound if self.at_most else self.found >= self.bound

    def line(self) -> tuple[str, str, str, str]:
        """Return it as a row of a table."""
        sign = "≤" if self.at_most else "≥"
        shown = f"{self.found:.0f}" if self.found >= 100 or not self.unit else f"{self.found:.2f}"
        return (
            self.what,
            f"{shown} {self.unit}".strip(),
            f"{sign} {self.bound:g} {self.unit}".strip(),
            "yes" if self.reached else "**no**",
        )


def goals(results: dict[str, Any]) -> list[Goal]:
    """Return every goal that was measured."""
    found: list[Goal] = []
    if full := results.get("full_size"):
        found += _of_full_size(full)
    if more := results.get("more_accounts"):
        ratio = more["steady.many"]["seconds"] / more["steady.few"]["seconds"]
        found.append(Goal("steady cycle with ten times the accounts ÷ without", ratio, 1.3))
    if points := results.get("curve"):
        found += _of_memory(points)
    return found


def _of_full_size(full: dict[str, Any]) -> list[Goal]:
    bare = full["bare"]["seconds"]
    found = []
    for kind, name in _NAMES.items():
        if f"steady.{kind}" in full:
            requests = full[f"steady.{kind}"]["requests"]
            found.append(Goal(f"requests of a steady cycle, {name}", requests, 45, unit=""))
    for what, key, bound in (
        ("full sweep, nothing changed ÷ bare download", "sweep", 2.0),
        ("first import ÷ bare download", "import", 4.0),
    ):
        found += [
            Goal(f"{what}, {name}", full[f"{key}.{kind}"]["seconds"] / bare, bound)
            for kind, name in _NAMES.items()
            if f"{key}.{kind}" in full
        ]
    for fields, what in (("whole", "every field"), ("kept", "only the fields that we keep")):
        if dlt := full.get(f"dlt.{fields}"):
            ratio = dlt["seconds"] / full["import.sqlite"]["seconds"]
            goal = Goal(f"first import by dlt, {what} ÷ ours, SQLite", ratio, 10, at_most=False)
            found.append(goal)
    return found


def _of_memory(points: Sequence[dict[str, Any]]) -> list[Goal]:
    by_size = {point["size"]["invoices"]: point for point in points}
    largest = max(by_size)
    found = []
    for key, what in (("import", "first import"), ("sweep", "full sweep")):
        peak = by_size[largest][key]["peak_mib"]
        found.append(Goal(f"peak memory, {what} of {largest:,} invoices", peak, 150, unit="MiB"))
        if (tenth := by_size.get(largest // 10)) is not None:
            growth = peak / tenth[key]["peak_mib"]
            found.append(Goal(f"its growth from {largest // 10:,}", growth, 1 + MEMORY_TOLERANCE))
    return found


def tables(results: dict[str, Any]) -> str:
    """Return what stands between the markers."""
    machine = results["machine"]
    parts = [
        "Measured on: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        _table(
            ("figure", "found", "goal", "reached"),
            (goal.line() for goal in goals(results)),
        ),
    ]
    for title, key in (("At full size", "full_size"), ("Ten times the accounts", "more_accounts")):
        if key in results:
            parts.append(f"{title}{_sizes(results[key])}:")
            parts.append(_table(_COLUMNS, _rows(results[key])))
    if "curve" in results:
        parts.append("By size, on SQLite:")
        parts.append(_table(_CURVE, (_point(point) for point in results["curve"])))
    return "\n\n".join(parts)


_COLUMNS = ("measured", "seconds", "of it CPU", "requests", "peak memory")
_CURVE = (
    "invoices",
    "bare download",
    "first import",
    "full sweep",
    "steady cycle",
    "its requests",
    "peak memory",
)


def _sizes(found: dict[str, Any]) -> str:
    size = found.get("size") or found.get("few") or {}
    return (
        f" ({size['invoices']:,} invoices of {size['accounts']:,} accounts, "
        f"{size['open_invoices']:,} of them open)"
    )


def _rows(found: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    for name, taken in found.items():
        if "seconds" in taken:
            what, _, kind = name.partition(".")
            yield (
                f"{what} {_NAMES.get(kind, kind)}".strip(),
                f"{taken['seconds']:.2f}",
                f"{taken['cpu_seconds']:.2f}",
                f"{taken['requests']:,}" if "requests" in taken else "",
                f"{taken['peak_mib']:.0f} MiB" if "peak_mib" in taken else "",
            )


def _point(point: dict[str, Any]) -> tuple[str, ...]:
    seconds = [f"{point[name]['seconds']:.2f} s" for name in ("bare", "import", "sweep", "steady")]
    peak = max(point[name]["peak_mib"] for name in ("import", "sweep", "steady"))
    invoices = point["size"]["invoices"]
    return (f"{invoices:,}", *seconds, str(point["steady"]["requests"]), f"{peak:.0f} MiB")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(results: dict[str, Any], *, page: Path, data: Path) -> None:
    """Write the JSON, and the tables between the markers of the page."""
    text = page.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{page} has lost its markers"
    whole = f"{BEGIN}\n\n{tables(results)}\n\n{END}"
    page.write_text(between.sub(lambda _: whole, text), encoding="utf-8")
    keep(results, data)


def keep(results: dict[str, Any], data: Path) -> None:
    """Write the JSON."""
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
