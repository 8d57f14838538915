"""ISPs at which nothing happens any more: no look is complete, or what is due does not leave.

What happens leaves a row; what does not, leaves none, so that somebody has to miss it. This looks
at rows alone, in the queue of support: it works while every worker that looks, plans or sends is
dead. When beat or this worker is dead too, a heartbeat that stays away tells (`heartbeats.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.values import NoticeKind, Reason
from billing.watch.reaching import tell_by_another_way, tell_of_its_end
from models import lateness
from models.database import insert_for
from models.isp import Isp
from models.lateness import Late
from models.vigil import Vigil

log = structlog.get_logger()

#: After the daemon was down, so long it has to catch up before what is late is anybody's news.
CATCH_UP = timedelta(hours=1)
#: Reasons for which a delivery waits that somebody should hear of; any other is a rule at work.
TROUBLES = (Reason.PROVIDER_TROUBLE.value, Reason.NO_TRANSPORT.value)
#: Why nothing leaves: its time comes and nobody plans it, nobody tries, or no try gets through.
NOT_PLANNED, NOT_TRIED, NOT_ACCEPTED = "not_planned", "not_tried", "not_accepted"


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read for all ISPs at once."""

    unsent: Mapping[int, Mapping[int, Late]]
    unplanned: Mapping[int, Mapping[int, Late]]


def tell_of_silence(
    session: Session, *, now: datetime, every: timedelta, watched_since: datetime
) -> int:
    """This function will write what is to be told of ISPs at which nothing happens.

    Args:
        session: an open unit of work.
        now: the present.
        every: how long an ISP rests between two looks, by the settings.
        watched_since: since when somebody has been watching without a long gap.

    Returns:
        How many notices are new.
    """
    rows = session.scalars(select(Vigil).order_by(Vigil.isp_id).with_for_update()).all()
    vigils = {row.isp_id: row for row in rows}
    isps = lateness.enabled(session)
    hours = {isp.no_send_hours for isp in isps}
    read = Rows(
        unsent={
            one: lateness.unsent(
                session, before=now - timedelta(hours=one), now=now, troubles=TROUBLES
            )
            for one in hours
        },
        unplanned={
            one: lateness.unplanned(session, before=now - timedelta(hours=one)) for one in hours
        },
    )
    may_begin = now - watched_since >= CATCH_UP
    new = 0
    for isp in isps:
        vigil = vigils.pop(isp.id, None)
        new += _looks(session, isp, vigil, now=now, every=every, may_begin=may_begin)
        new += _sends(session, isp, vigil, read, now=now, may_begin=may_begin)
    for vigil in vigils.values():  # nobody works for these ISPs any more: that is no news
        _forget(session, vigil, now=now)
    return new


# -- looks ----------------------------------------------------------------------------------------


def is_silent(isp: Isp, *, now: datetime, every: timedelta) -> bool:
    """This function will say whether the last complete look is too long ago. Pure.

    Two looks that were left out are none too many, whatever the hours are.
    """
    limit = max(timedelta(hours=isp.no_look_hours), 2 * every)
    return isp.synced_at is None or now - isp.synced_at >= limit


def _looks(
    session: Session,
    isp: Isp,
    vigil: Vigil | None,
    *,
    now: datetime,
    every: timedelta,
    may_begin: bool,
) -> int:
    told = vigil.no_look_since if vigil else None
    if told is not None and isp.synced_at is not None and isp.synced_at > told:
        assert vigil is not None
        vigil.no_look_since = None
        log.info("silence.looks_back", isp=isp.slug, since=told.isoformat())
        details = {"since": told.isoformat(), "until": isp.synced_at.isoformat()}
        ends = (NoticeKind.NO_LOOKS, _since(told), NoticeKind.LOOKS_BACK)
        return tell_of_its_end(session, isp.id, *ends, details, now=now)
    if not is_silent(isp, now=now, every=every):
        return 0
    limit = now - max(timedelta(hours=isp.no_look_hours), 2 * every)
    if not lateness.waits_for_a_look(session, isp.id, paired_before=limit):
        if vigil is not None and told is not None:
            vigil.no_look_since = None
            tell_of_its_end(session, isp.id, NoticeKind.NO_LOOKS, _since(told), None, {}, now=now)
        return 0
    if told is None and not may_begin:
        return 0
    since = isp.synced_at or isp.created_at
    if told is None:
        _vigil(session, isp.id, vigil).no_look_since = since
        log.warning("silence.no_looks", isp=isp.slug, since=since.isoformat())
    details = _no_looks(session, isp, now=now, limit=limit)
    kind = NoticeKind.NO_LOOKS
    return tell_by_another_way(session, isp.id, kind, _since(since), details, now=now)


def _no_looks(session: Session, isp: Isp, *, now: datetime, limit: datetime) -> dict[str, str]:
    run = lateness.last_run(session, isp.id)
    details = {"hours": str(_hours(now - (isp.synced_at or isp.created_at)))}
    if isp.synced_at is not None:
        details["since"] = isp.synced_at.isoformat()
    if isp.held_run_id is not None:
        return details | {"reason": "held", "run": str(isp.held_run_id)}
    if run is None or run.started_at <= limit:
        return details | {"reason": "nobody"}
    if isp.failures or run.outcome == "failed":
        return details | {"reason": run.reason or "failed"}
    return details | {"reason": "incomplete"}


# -- sends ----------------------------------------------------------------------------------------


def _sends(
    session: Session,
    isp: Isp,
    vigil: Vigil | None,
    read: Rows,
    *,
    now: datetime,
    may_begin: bool,
) -> int:
    told = vigil.no_send_at if vigil else None
    unplanned = read.unplanned[isp.no_send_hours].get(isp.id)
    unsent = read.unsent[isp.no_send_hours].get(isp.id)
    left: datetime | None = None
    if unsent is not None or told is not None:
        hours_ago = now - timedelta(hours=isp.no_send_hours)
        left = lateness.last_sent(session, isp.id, after=told or hours_ago)
    late = unplanned or (unsent if left is None else None)
    if late is None:
        if vigil is None or told is None:
            return 0
        # What is put off for an hour between two tries is no end of the trouble.
        meant_by = told - timedelta(hours=isp.no_send_hours)
        if left is None and lateness.put_off(session, isp.id, before=meant_by, troubles=TROUBLES):
            return 0
        vigil.no_send_at = vigil.no_send_why = None
        log.info("silence.sends_back", isp=isp.slug, since=told.isoformat())
        details = {"since": told.isoformat(), "reason": "sent" if left else "nothing_left"}
        ends = (NoticeKind.NO_SENDS, _since(told), NoticeKind.SENDS_BACK)
        return tell_of_its_end(session, isp.id, *ends, details, now=now)
    if told is None and not may_begin:
        return 0
    why = NOT_PLANNED if unplanned else NOT_ACCEPTED if late.put_off else NOT_TRIED
    vigil = _vigil(session, isp.id, vigil)
    told = vigil.no_send_at  # where two watch at once, the other one found it first
    vigil.no_send_why = why
    if told is None:
        vigil.no_send_at = told = now
        log.warning("silence.no_sends", isp=isp.slug, why=why, late=late.number)
    details = {
        "reason": why,
        "waiting": str(late.number),
        "since": late.oldest.isoformat(),
        "hours": str(_hours(now - late.oldest)),
    }
    kind = NoticeKind.NO_SENDS
    return tell_by_another_way(session, isp.id, kind, _since(told), details, now=now)


# -- rows -----------------------------------------------------------------------------------------


def _vigil(session: Session, isp_id: int, known: Vigil | None) -> Vigil:
    """Return the row of an ISP, made if there is none, and locked."""
    if known is not None:
        return known
    session.execute(insert_for(session, Vigil).values(isp_id=isp_id).on_conflict_do_nothing())
    return session.get_one(Vigil, isp_id, with_for_update=True, populate_existing=True)


def _forget(session: Session, vigil: Vigil, *, now: datetime) -> None:
    for kind, since in (
        (NoticeKind.NO_LOOKS, vigil.no_look_since),
        (NoticeKind.NO_SENDS, vigil.no_send_at),
    ):
        if since is not None:
            tell_of_its_end(session, vigil.isp_id, kind, _since(since), None, {}, now=now)
    vigil.no_look_since = vigil.no_send_at = vigil.no_send_why = None


def _since(instant: datetime) -> str:
    return f"since:{instant.isoformat()}"


def _hours(span: timedelta) -> int:
    return int(span.total_seconds() // 3600)
