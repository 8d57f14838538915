"""One measured look at a whole ISP, in a process of its own.

    python -m tests.benchmarks.ours full|steady

Settings come from the environment, as the daemon's do. Prints one line of JSON: what it took and
what the look says of itself. Nothing is paced: the measured time would be asleep for the most part.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import Any

import msgspec

from config.settings import Settings
from models import questions
from tests.benchmarks.machine import peak_mib
from tests.benchmarks.population import SLUG
from tests.support.house import ImpatientHouse
from worker.loading import load_rooms

_COUNTED = ("requests", "pages", "fetched", "foreign", "set_aside", "changed", "alerts")


def main() -> None:
    """Look, and print what it took."""
    load_rooms()  # as the daemon does before it forks
    house = ImpatientHouse(Settings())
    with house.database.read() as session:
        isp_id = questions.isp_id_of(session, SLUG)
    started, busy = time.perf_counter(), time.process_time()
    report, counts = _look(house, isp_id, full=sys.argv[1] == "full")
    taken = {
        **report,
        **counts,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - busy,
        "peak_mib": peak_mib(),
    }
    house.close()
    print(msgspec.json.encode(taken).decode())


def _look(house: ImpatientHouse, isp_id: int, *, full: bool) -> tuple[dict[str, Any], Counter[str]]:
    """Run until nothing is left to do; return the last report and the counts of all."""
    known = inspect.signature(house.sync.run).parameters
    asked: dict[str, Any] = {"full": full} if "full" in known else {}
    counts: Counter[str] = Counter()
    while True:
        done = house.sync.run(
            isp_id, clock=house.clock, trigger="hand", due_only=False, progress=None, **asked
        )
        report = asdict(done)
        counts.update({name: report.get(name, 0) for name in _COUNTED})
        if not report.get("more"):
            return report, counts


if __name__ == "__main__":
    main()
