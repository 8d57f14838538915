"""Measure a tick of the planner and write it down: `make bench-plan`.

python -m tests.benchmarks.plan [--quick] [--environment .venv-bench]
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.database import Database
from tests.benchmarks.machine import describe
from tests.benchmarks.owed import Owed, fill
from tests.benchmarks.results import keep
from tests.benchmarks.world import Databases, databases, measured
from tests.support.processes import ROOT

BEGIN, END = "<!-- bench-plan: begin -->", "<!-- bench-plan: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_BY_SIZE = [Owed(10_000, 2_000), Owed(100_000, 2_000), Owed(1_000_000, 2_000)]
_BY_DUE = [Owed(100_000, 200), Owed(100_000, 2_000), Owed(100_000, 20_000)]
_QUICK = [Owed(10_000, 200), Owed(100_000, 200)]
_PAGE = ROOT / "docs" / "performance.md"
_DATA = ROOT / "docs" / "plan.json"
_PICTURE = ROOT / "docs" / "images" / "plan-curve.svg"
_QUICK_DATA = ROOT / "var" / "bench" / "plan-quick.json"


def main() -> None:
    """Measure; the exit code says only whether it could be measured."""
    options = argparse.ArgumentParser(prog="make bench-plan")
    options.add_argument("--quick", action="store_true", help="100 000 invoices, SQLite")
    options.add_argument("--environment", type=Path, help="with matplotlib")
    options.add_argument("--repeat", type=int, default=3)
    given = options.parse_args()
    sizes = _QUICK if given.quick else list(dict.fromkeys([*_BY_SIZE, *_BY_DUE]))
    with (
        tempfile.TemporaryDirectory(prefix="alerta-bench-") as folder,
        databases(Path(folder), postgresql=not given.quick) as both,
    ):
        points = [
            tick(both, Path(folder), kind, size, repeat=1 if given.quick else given.repeat)
            for kind in both.kinds
            for size in sizes
        ]
    found = {"machine": describe(postgresql=None), "points": points}
    if given.quick:
        keep(found, _QUICK_DATA)
        return
    keep(found, _DATA)
    text = _PAGE.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{_PAGE} has lost its markers"
    whole = f"{BEGIN}\n\n{_tables(found)}\n\n{END}"
    _PAGE.write_text(between.sub(lambda _: whole, text), encoding="utf-8")
    if given.environment is not None:
        script = Path(__file__).with_name("plot_plan.py")
        python = given.environment / "bin" / "python"
        subprocess.run([python, script, _DATA, _PICTURE], check=True, cwd=ROOT, timeout=120)


def tick(both: Databases, folder: Path, kind: str, size: Owed, *, repeat: int) -> dict[str, Any]:
    """This function will fill a database and measure ticks on copies of it; the fastest counts.

    Args:
        both: makes databases.
        folder: for SQLite's files.
        kind: "sqlite" or "postgresql".
        size: of the ISP.
        repeat: ticks, each on the same rows.
    """
    taken = []
    if kind == "sqlite":
        filled, copy = folder / "filled.db", folder / "copy.db"
        shutil.copyfile(folder / "template.db", filled)
        _fill(f"sqlite:///{filled}", size)
        for _ in range(repeat):
            shutil.copyfile(filled, copy)
            taken.append(_measure(f"sqlite:///{copy}"))
        for left in folder.glob("filled.db*"):
            left.unlink()
        for left in folder.glob("copy.db*"):
            left.unlink()
    else:
        assert both.postgres is not None
        for _ in range(repeat):
            url = both.postgres.fresh()
            _fill(url, size)
            taken.append(_measure(url))
            both.postgres.drop(url)
    best = min(taken, key=lambda one: one["seconds"])
    assert best["alerts"] == size.due, best
    print(
        f"{_NAMES[kind]:<11}{size.invoices:>10,} invoices {size.due:>7,} due: "
        f"{best['seconds']:.2f} s, {best['cpu_seconds']:.2f} s CPU, {best['growth_mib']:.0f} MiB",
        flush=True,
    )
    return {"kind": kind, "invoices": size.invoices, "due": size.due, **best}


def _fill(url: str, size: Owed) -> None:
    database = Database(url)
    fill(database, size)
    database.close()


def _measure(url: str) -> dict[str, Any]:
    return measured([sys.executable, "-m", "tests.benchmarks.tick", url])


def _tables(found: dict[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    head: Sequence[str] = ("database", "invoices", "due", "seconds", "of it CPU", "memory added")
    rows = [
        (
            _NAMES[one["kind"]], f"{one['invoices']:,}", f"{one['due']:,}",
            f"{one['seconds']:.2f}", f"{one['cpu_seconds']:.2f}", f"{one['growth_mib']:.0f} MiB",
        )
        for one in found["points"]
    ]  # fmt: skip
    lines = [head, ["---"] * len(head), *rows]
    return f"Measured on: {machine}.\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
