"""Prove that nothing is lost and nothing doubled, and write it down: `make chaos`.

python -m tests.chaos [--quick] [--seed N] [--trial kills …] [--database sqlite …]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.machine import describe
from tests.chaos import results, trials
from tests.support.databases import KINDS
from tests.support.processes import ROOT

_PAGE = ROOT / "docs" / "reliability.md"
_DATA = ROOT / "docs" / "chaos.json"


def main() -> int:
    """Run the trials; return 1 if a promise was broken."""
    options = argparse.ArgumentParser(prog="make chaos")
    options.add_argument("--quick", action="store_true", help="a tenth of it, on SQLite")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--trial", nargs="+", choices=trials.TRIALS, default=list(trials.TRIALS))
    options.add_argument("--database", nargs="+", choices=KINDS, default=list(KINDS))
    given = options.parse_args()
    kinds = ["sqlite"] if given.quick else given.database
    broken = 0
    for name in given.trial:
        for kind in kinds:
            if (why := trials.why_not(name, kind)) is not None:
                print(f"{name} on {kind}: skipped, {why}", flush=True)
                continue
            print(f"{name} on {kind}, seed {given.seed} …", flush=True)
            with tempfile.TemporaryDirectory(prefix="alerta-chaos-") as folder:
                found = trials.run(name, kind, Path(folder), seed=given.seed, quick=given.quick)
            broken += len(found["faults"])
            print(*(f"  {what}: {value}" for what, value in found.items()), sep="\n", flush=True)
            if not given.quick:
                kept = results.merged(results.read(_DATA), [found])
                machine = describe(postgresql=None)
                results.write({"machine": machine, "trials": kept}, page=_PAGE, data=_DATA)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
