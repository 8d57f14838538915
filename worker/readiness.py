"""How a child tells its supervisor that it is ready: one byte on a pipe that it inherited."""

from __future__ import annotations

import os
from contextlib import suppress

#: Names the descriptor; without our prefix, which is kept for settings.
VARIABLE = "READY_PIPE"


def say_ready() -> None:
    """Say it once, if anybody listens."""
    given = os.environ.pop(VARIABLE, "")
    if given.isdigit():
        with suppress(OSError):
            os.write(int(given), b"1")
            os.close(int(given))
