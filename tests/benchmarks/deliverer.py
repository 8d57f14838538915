"""One child that delivers until nothing is left, as the daemon's do.

    python -m tests.benchmarks.deliverer ISP_ID

Waits for a line on its standard input, then prints one line of JSON: what it sent, between when and
when, and how much memory it held on the way.
"""

from __future__ import annotations

import logging
import sys
import time

import msgspec
import psutil
import structlog

from config.settings import load_settings
from tests.support.house import ImpatientHouse
from worker.house import House

#: Deliveries between two looks at the memory.
EVERY = 1000


def main() -> None:
    """Deliver, and print what it took."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    isp_id = int(sys.argv[1])
    house = ImpatientHouse(load_settings())
    house.lanes = House.lanes
    house.messenger.takes_pdf("email")
    print("ready", flush=True)
    sys.stdin.readline()
    process, sent = psutil.Process(), 0
    memory: list[float] = []
    began, busy = time.time(), time.process_time()
    while (report := house.delivering.run_batch(isp_id, route="email", clock=house.clock)).touched:
        sent += report.sent
        if len(memory) <= sent // EVERY:
            memory.append(process.memory_info().rss / 2**20)
    found = {
        "sent": sent,
        "began": began,
        "ended": time.time(),
        "cpu_seconds": time.process_time() - busy,
        "memory_mib": memory,
    }
    house.close()
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
