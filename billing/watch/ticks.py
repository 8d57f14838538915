"""That each kind of work is being done: one row each, so that its end is seen by the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from models.database import Database, insert_for
from models.vigil import Tick


class Work(StrEnum):
    """The kinds of work that tick, each in a queue that may die alone."""

    LOOK = "look"
    PLAN = "plan"
    SEND = "send"
    WATCH = "watch"


#: A row is written this often at the most, however often work ticks.
SPARE = timedelta(seconds=30)
#: A longer gap than this ends a row of ticks: the daemon was stopped, or the machine slept.
GAP = timedelta(minutes=15)
#: Without a tick for so long, that work is not being done. Twice what the longest task may take
#: three times over (`tasks.queues.HARD_LIMIT`), since a tick waits its turn in a busy queue.
MISSING_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Ticking:
    """When one kind of work ticked last, and since when it has without a long gap."""

    at: datetime
    since: datetime


class Ticks:
    """The use-case: `note` costs a read, and one small write now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, work: Work, *, now: datetime) -> None:
        """This function will write down that a kind of work is being done."""
        with self._database.read() as session:
            last = ticking(session).get(work)
        if last is not None and timedelta(0) <= now - last.at < SPARE:
            return
        with self._database.write() as session:
            insert = insert_for(session, Tick).values(name=work.value, at=now, since=now)
            unbroken = Tick.at.between(now - GAP, now)
            session.execute(
                insert.on_conflict_do_update(
                    index_elements=[Tick.name],
                    set_={"at": now, "since": case((unbroken, Tick.since), else_=now)},
                    # Whoever noted a later instant meanwhile is right, unless a clock went back.
                    where=or_(Tick.at < now, Tick.at > now + GAP),
                )
            )


def ticking(session: Session) -> Mapping[Work, Ticking]:
    """This function will say when each kind of work ticked last."""
    known = {one.value for one in Work}
    return {
        Work(row.name): Ticking(row.at, row.since)
        for row in session.scalars(select(Tick))
        if row.name in known
    }


def missing(found: Mapping[Work, Ticking], *, now: datetime, rest: timedelta) -> list[Work]:
    """This function will name the kinds of work that do not tick. Pure.

    One that has never ticked is not missed while the others have only just begun: a daemon that is
    started for the first time does everything within some minutes, not at once.

    Args:
        found: when each ticked last.
        now: the present.
        rest: the longest that any of them rests between two ticks, by the settings.
    """
    longest = max(MISSING_AFTER, 4 * rest)
    first = min((one.since for one in found.values()), default=None)
    just_begun = first is not None and now - first <= longest
    return [
        one for one in Work if (now - found[one].at > longest if one in found else not just_begun)
    ]
