"""One measured tick of the planner, in a process of its own.

    python -m tests.benchmarks.tick DATABASE_URL

Prints one line of JSON: what it took, and how far it raised the peak of the process.
"""

from __future__ import annotations

import logging
import sys
import time

import msgspec
import structlog

from billing.planning import Planning
from models.database import Database
from tests.benchmarks.machine import peak_mib
from tests.benchmarks.owed import NOW


def main() -> None:
    """Plan, and print what it took."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    database = Database(sys.argv[1])
    planning = Planning(database)
    # An empty tick first: what is imported and compiled once is no part of the daemon's tick.
    planning.tick(now=NOW.replace(year=2000))
    before, started, busy = peak_mib(), time.perf_counter(), time.process_time()
    tally = planning.tick(now=NOW)
    taken = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - busy,
        "growth_mib": peak_mib() - before,
        "alerts": tally.alerts,
        "deliveries": tally.deliveries,
    }
    database.close()
    print(msgspec.json.encode(taken).decode())


if __name__ == "__main__":
    main()
