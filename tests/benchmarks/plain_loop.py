"""One process that sends as a plain loop around Apprise does.

    python -m tests.benchmarks.plain_loop PORT FIRST LAST

Waits for a line on its standard input, then prints one line of JSON: what it sent, between when and
when. The message and its files are ready before; nothing is asked, judged or written down.
"""

from __future__ import annotations

import sys
import time

import msgspec

from tests.benchmarks.mail import plainly, prepare


def main() -> None:
    """Send, and print what it took."""
    port, first, last = (int(word) for word in sys.argv[1:])
    work = prepare()
    plainly(work, port, 0)  # what is loaded once
    print("ready", flush=True)
    sys.stdin.readline()
    began, busy = time.time(), time.process_time()
    for number in range(first, last):
        plainly(work, port, number)
    found = {
        "sent": last - first,
        "began": began,
        "ended": time.time(),
        "cpu_seconds": time.process_time() - busy,
    }
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
