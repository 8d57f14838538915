"""`alerta` with a clock that is wrong: python -m tests.chaos.shifted SECONDS COMMAND ….

Every process that it starts has the same wrong clock. Celery's own clock stays right: it says only
how long a hint is of use.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

from worker import house, processes

_SELF = "tests.chaos.shifted"


def main() -> None:
    """Shift the clock, then be `alerta`, or one of the processes that it starts."""
    by, program, *words = sys.argv[1:]
    shift = timedelta(seconds=float(by))
    house.utc_now = lambda: datetime.now(UTC) + shift
    # Two daemons on one SQLite file are refused; here we see that even they would double nothing.
    processes.only_daemon = lambda *_: nullcontext()  # type: ignore[assignment, attr-defined]
    python, module_flag, *celery = processes._CELERY
    processes._CELERY = (python, module_flag, _SELF, by, *celery)  # type: ignore[assignment]
    sys.argv = [program, *words]
    if program == "celery":
        from celery.__main__ import main as celery_main

        celery_main()
        return
    from worker.cli.main import main as alerta_main

    sys.argv = ["alerta", program, *words]
    alerta_main()


if __name__ == "__main__":
    main()
