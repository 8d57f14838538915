"""Work that nobody waits for yields the processor to whoever has a person waiting."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: Of what reads whole ISPs: on a machine that is busy it gets a tenth of what others get, on an
#: idle one everything (sched(7): 110 parts to 1024).
BACKGROUND = 10

_AUTOGROUP = Path("/proc/self/autogroup")


def step_back(niceness: int) -> None:
    """Let others go first on the processor, this process and its children; never raises.

    Where the kernel groups processes by session, a niceness counts within a session only and the
    group has one of its own (sched(7), "The autogroup feature"): that is set as well. A sandbox may
    forbid both, and then all are equal.

    Args:
        niceness: 0 leaves it as it is, 19 is the most.
    """
    if niceness == 0:
        return
    with suppress(OSError):
        os.nice(niceness)
    with suppress(OSError):
        _AUTOGROUP.write_text(str(niceness), "ascii")
