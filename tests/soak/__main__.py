"""python -m tests.soak [--quick] [--minutes 60] [--isps 500] [--database sqlite]: `make soak`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.machine import describe
from tests.soak.run import Plan, Report, soak
from tests.soak.writing import write
from tests.support.databases import KINDS, migrated_sqlite, running_postgres


def main() -> int:
    """Run one soak; return 1 if a promise was broken."""
    options = argparse.ArgumentParser(prog="make soak")
    options.add_argument(
        "--quick", action="store_true", help="20 ISPs, one minute, written nowhere"
    )
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--isps", type=int, default=500)
    options.add_argument("--accounts", type=int, default=10)
    options.add_argument("--seed", type=int, default=20_260_310)
    options.add_argument("--database", choices=KINDS, default="postgresql")
    given = options.parse_args()
    plan = (
        Plan(isps=20, accounts=5, minutes=1, per_second=4, sync_every=10, seed=given.seed)
        if given.quick
        else Plan(
            isps=given.isps,
            accounts=given.accounts,
            minutes=given.minutes,
            per_second=5,
            sync_every=600,
            seed=given.seed,
        )
    )
    with (
        tempfile.TemporaryDirectory(prefix="alerta-soak-") as folder,
        _database(given.database, Path(folder)) as url,
    ):
        report = soak(Path(folder), url, plan, _say)
    _tell(report)
    if not given.quick:
        write(report, kind=given.database, machine=describe(postgresql=None))
    return 1 if report.faults else 0


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{migrated_sqlite(folder / 'alerta.db')}"
        return
    with running_postgres() as server:
        yield server.fresh()


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _tell(report: Report) -> None:
    for title, values in (("happened", report.happened), ("counted", report.counts)):
        print(title, *(f"  {what}: {number}" for what, number in values.items()), sep="\n")
    print("MiB, second fifth and last")
    for kind, (before, after) in report.growth.items():
        print(f"  {kind}: {before:.0f} → {after:.0f}")
    print(f"hints at most: {report.hints[0]} in the first half, {report.hints[1]} in the second")
    print(f"latest delivery: {report.late:.0f} s; oldest look: {report.oldest_look:.0f} s")
    print(f"at rest after {report.rest_after:.0f} s")
    print(f"{len(report.faults)} broken promises", *report.faults[:40], sep="\n  ")


if __name__ == "__main__":
    sys.exit(main())
