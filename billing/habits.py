"""What was found out about each ISP's Wispro, kept with its date."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from billing.values import Habits
from models.listing import Probe

#: Wispro changes without telling; a week is short beside a billing month.
PROBE_AGAIN_AFTER = timedelta(days=7)

_WORDS: dict[bool | None, str] = {True: "yes", False: "no", None: "unknown"}
_MEANINGS = {word: value for value, word in _WORDS.items()}


def remember(session: Session, isp_id: int, habits: Habits, now: datetime) -> None:
    """This function will keep the habits of an ISP's Wispro, in the place of earlier ones.

    Args:
        session: of a unit of work.
        isp_id: the ISP.
        habits: as they were found.
        now: when, aware.
    """
    session.execute(delete(Probe).where(Probe.isp_id == isp_id))
    for one in fields(Habits):
        value = getattr(habits, one.name)
        found = str(value) if type(value) is int else _WORDS[value]
        session.add(Probe(isp_id=isp_id, name=one.name, found=found, probed_at=now))


def recall(session: Session, isp_id: int) -> tuple[Habits, datetime] | None:
    """This function will return what was found last, and when.

    Returns:
        None if nothing was, or not everything that is asked today.
    """
    rows = {
        row.name: row for row in session.scalars(select(Probe).where(Probe.isp_id == isp_id)).all()
    }
    names = [one.name for one in fields(Habits)]
    if not set(names) <= set(rows):
        return None
    habits = Habits(**{name: _meaning(rows[name].found) for name in names})
    return habits, min(rows[name].probed_at for name in names)


def _meaning(found: str) -> Any:
    return _MEANINGS[found] if found in _MEANINGS else int(found)
