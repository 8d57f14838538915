"""What a change of policy does to the next days: so many messages more, so many fewer."""

from __future__ import annotations

from datetime import datetime

from billing.policy import Policy
from billing.simulating import simulate
from billing.simulation.forecast import Difference, difference
from models.database import Database

#: What `effect` returns: `per_day` (date, before, after), `total_more`, `total_fewer`.
Effect = Difference

WEEK = 7


def effect(
    database: Database,
    slug: str,
    old: Policy | None,
    new: Policy,
    *,
    now: datetime,
    days: int = WEEK,
) -> Effect:
    """This function will say how many messages a day a new policy sends more or fewer.

    Both are simulated on the same facts. The new one decides every open invoice anew at `now`, as
    it does when it is put in force.

    Args:
        database: reads; nothing is written.
        slug: the ISP.
        old: to compare with; None = the one in force.
        new: the one that would take its place.
        now: the present.
        days: dates from today on.

    Raises:
        SetupError: if the ISP is unknown.
    """
    before, after = simulate(database, slug, [old, new], now=now, days=days)
    return difference(before, after)
