"""Measure everything, or the small form of it, and write it down: `make bench-sync`.

python -m tests.benchmarks [--quick] [--environment .venv-bench]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from tests.benchmarks import results, scenarios
from tests.benchmarks.machine import describe
from tests.benchmarks.population import Population
from tests.benchmarks.scenarios import Bench
from tests.benchmarks.world import databases
from tests.support.databases import PostgresServer
from tests.support.processes import ROOT

_FULL = [1_000, 10_000, 100_000, 1_000_000]
_QUICK = [1_000, 10_000]
_PAGE = ROOT / "docs" / "performance.md"
_DATA = ROOT / "docs" / "performance.json"
_PICTURE = ROOT / "docs" / "images" / "sync-curve.svg"
_QUICK_DATA = ROOT / "var" / "bench" / "quick.json"


def main() -> None:
    """Measure; the exit code is 1 if a goal was missed."""
    options = argparse.ArgumentParser(prog="make bench-sync")
    options.add_argument("--quick", action="store_true", help="10 000 invoices, under a minute")
    options.add_argument("--environment", type=Path, help="with dlt and matplotlib")
    options.add_argument("--repeat", type=int, default=3)
    given = options.parse_args()
    with scenarios.watched():
        found = _measure(given.quick, given.environment, 1 if given.quick else given.repeat)
    if given.quick:
        results.keep(found, _QUICK_DATA)
    else:
        results.write(found, page=_PAGE, data=_DATA)
        if given.environment is not None:
            _draw(given.environment)
    missed = [goal for goal in results.goals(found) if not goal.reached]
    for goal in results.goals(found):
        _say("  ".join(goal.line()))
    if missed and not given.quick:
        sys.exit(f"{len(missed)} goals were missed")


def _measure(quick: bool, environment: Path | None, repeat: int) -> dict[str, Any]:  # noqa: FBT001
    with (
        tempfile.TemporaryDirectory(prefix="alerta-bench-") as folder,
        databases(Path(folder)) as both,
    ):
        dlt = None if quick or environment is None else environment.absolute() / "bin" / "python"
        bench = Bench(Path(folder), both, dlt, repeat, _say)
        bench.results["machine"] = describe(postgresql=_version(both.postgres))
        _say("-- at full size")
        scenarios.at_full_size(bench, Population.of(10_000 if quick else 100_000))
        if not quick:
            _say("-- ten times the accounts")
            scenarios.more_accounts(bench, Population.of(100_000))
        _say("-- the curve")
        scenarios.curve(bench, _QUICK if quick else _FULL)
        return bench.results


def _version(postgres: PostgresServer | None) -> str | None:
    if postgres is None:
        return None
    engine = create_engine(postgres.fresh(migrated=False))
    with engine.connect() as connection:
        found = str(connection.exec_driver_sql("SHOW server_version").scalar_one())
    engine.dispose()
    return found


def _draw(environment: Path) -> None:
    script = Path(__file__).with_name("plot.py")
    command = [environment / "bin" / "python", script, _DATA, _PICTURE]
    subprocess.run(command, check=True, cwd=ROOT, timeout=120)


_STARTED = time.monotonic()


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {text}", flush=True)


if __name__ == "__main__":
    main()
