"""Measure what it costs to watch a large installation: `make bench-watch`.

python -m tests.benchmarks.watch [--quick]

Each line is measured in a process of its own; of several turns the fastest counts.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import generate_latest
from pydantic import SecretStr

from config.keys import new_key
from config.settings import Settings
from models.database import Database
from tests.benchmarks.installation import NOW, Installation, fill
from tests.benchmarks.machine import describe, peak_mib
from tests.benchmarks.world import databases, measured
from tests.support.processes import ROOT
from worker.metrics import registry
from worker.watcher import Watcher

BEGIN, END = "<!-- bench-watch: begin -->", "<!-- bench-watch: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PAGE = ROOT / "docs" / "performance.md"
_SIZES = [Installation(deliveries=120_000, days=10), Installation()]
_QUICK = [Installation(isps=50, accounts_each=200, deliveries=20_000, waiting=1_000)]
_TURNS = 7


def main() -> None:
    """Measure; the exit code says only whether it could be measured."""
    options = argparse.ArgumentParser(prog="make bench-watch")
    options.add_argument("--quick", action="store_true", help="50 ISPs, SQLite")
    options.add_argument("--look", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.look is not None:
        print(msgspec.json.encode(look(given.look)).decode())
        return
    points = []
    with (
        tempfile.TemporaryDirectory(prefix="alerta-bench-") as folder,
        databases(Path(folder), postgresql=not given.quick) as both,
    ):
        for kind in both.kinds:
            for size in _QUICK if given.quick else _SIZES:
                if kind == "sqlite":
                    file = Path(folder) / "installation.db"
                    shutil.copyfile(Path(folder) / "template.db", file)
                    url = f"sqlite:///{file}"
                else:
                    assert both.postgres is not None
                    url = both.postgres.fresh()
                points.append({"kind": kind, **msgspec.to_builtins(size), **_measure(url, size)})
                print(points[-1], flush=True)
                if kind == "sqlite":
                    for left in Path(folder).glob("installation.db*"):
                        left.unlink()
                elif both.postgres is not None:
                    both.postgres.drop(url)
    if not given.quick:
        _write(points)


def _measure(url: str, size: Installation) -> dict[str, Any]:
    database = Database(url)
    fill(database, size)
    database.close()
    return measured([sys.executable, "-m", "tests.benchmarks.watch", "--look", url])


def look(url: str) -> dict[str, Any]:
    """This function will look at an installation as `status` and Prometheus do."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            home=Path(home), database_url=SecretStr(url), secret_key=SecretStr(new_key())
        )
        watcher = Watcher(settings, clock=lambda: NOW)
        own = registry(watcher)
        text = generate_latest(own)
        found = {
            "status_ms": _fastest(watcher.overview, time.perf_counter),
            "status_cpu_ms": _fastest(watcher.overview, time.process_time),
            "scrape_ms": _fastest(lambda: generate_latest(own), time.perf_counter),
            "scrape_cpu_ms": _fastest(lambda: generate_latest(own), time.process_time),
            "series": sum(not line.startswith(b"#") for line in text.splitlines()),
            "bytes": len(text),
            "peak_mib": peak_mib(),
        }
        watcher.close()
    return found


def _fastest(what: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return milliseconds, of wall time or of our own CPU."""
    taken = []
    for _ in range(_TURNS):
        begun = clock()
        what()
        taken.append((clock() - begun) * 1000)
    return min(taken)


def _write(points: list[dict[str, Any]]) -> None:
    machine = ", ".join(f"{name} {value}" for name, value in describe(postgresql=None).items())
    head = (
        *("database", "ISPs", "accounts", "deliveries", "status", "of it our CPU"),
        *("scrape", "of it our CPU", "series", "memory"),
    )
    rows = [
        (
            _NAMES[one["kind"]], f"{one['isps']:,}", f"{one['isps'] * one['accounts_each']:,}",
            f"{one['deliveries']:,}", f"{one['status_ms']:.0f} ms",
            f"{one['status_cpu_ms']:.0f} ms", f"{one['scrape_ms']:.0f} ms",
            f"{one['scrape_cpu_ms']:.0f} ms", f"{one['series']:,}", f"{one['peak_mib']:.0f} MiB",
        )
        for one in points
    ]  # fmt: skip
    lines = "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))
    text = _PAGE.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{_PAGE} has lost its markers"
    whole = f"{BEGIN}\n\nMeasured on: {machine}.\n\n{lines}\n\n{END}"
    _PAGE.write_text(between.sub(lambda _: whole, text), encoding="utf-8")


if __name__ == "__main__":
    main()
