"""Who goes next, where several ISPs share the same workers: time is shared out, not turns."""

from __future__ import annotations

from datetime import datetime, timedelta

#: A turn counts as if it had ended so many times its own length later: with tens of ISPs waiting, a
#: slow one gets about as much of the workers' time as a quick one. Only the order follows from it.
_WEIGHT = 10
#: However long a turn was, its ISP is in front again after this.
_LONGEST = timedelta(minutes=10)


def counts_at(began_at: datetime, ended_at: datetime) -> datetime:
    """This function will say at which instant a turn counts; the earliest goes next.

    Args:
        began_at: when the turn began.
        ended_at: when it ended.
    """
    return ended_at + min(_WEIGHT * (ended_at - began_at), _LONGEST)
