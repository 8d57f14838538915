"""`alerta`: one command for operators and support. Errors are one line on stderr."""

from __future__ import annotations

import gc
import sys

from worker.reception.asking import asked

#: How many objects may be made before the collector looks for those that are in nobody's hands.
#: Loading makes 300 000 that all stay; looking for them every 700, as Python does, takes a third of
#: the time that a command needs to start (measured, docs/performance.md).
_COLLECT_AFTER = 50_000


def main() -> None:
    """Run `alerta`, which is over as soon as it has answered."""
    if (code := asked(sys.argv[1:])) is not None:
        sys.exit(code)
    gc.set_threshold(_COLLECT_AFTER)
    from worker.cli.main import main as run

    try:
        run()
    finally:
        gc.freeze()  # the process ends: nobody needs to look at each object once more
