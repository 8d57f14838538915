"""Switch an ISP off and on again: nothing is looked at and nothing leaves in between.

What is planned stays planned. On the way back the rules of a daemon that was away decide: of what
has come due the latest step goes, the ones before it are missed. After a long time even that would
speak of history, so everything begins anew with a silent look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from billing.isps import SetupError, find_isp
from billing.values import DeliveryState, Reason
from models import claims
from models.account import Account
from models.alert import Delivery
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp

log = structlog.get_logger()

#: The widest gap between two steps of the default policy: who was away for longer missed more than
#: one message about the same invoice, and whatever was issued meanwhile is no news any more.
BEGINS_ANEW_AFTER = timedelta(days=7)
#: Rows, and accounts, of one short transaction.
_BATCH, _ACCOUNTS = 500, 200
_LONGEST_AUTHOR, _LONGEST_REASON = 100, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """What it came to.

    Args:
        since: when it was switched off, now or before.
        waiting: the deliveries that wait for it to be enabled.
        under_way: those that a provider has been given already.
        changed: False = it was off.
    """

    since: datetime
    waiting: int
    under_way: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Enabled:
    """What it came to.

    Args:
        was_off: for how long; None = it was not.
        anew: it begins with a silent look, and what had been planned was called off.
        waiting: the deliveries that are judged now.
        called_off: those that begin anew takes away.
    """

    was_off: timedelta | None
    anew: bool
    waiting: int
    called_off: int


class Switching:
    """The use-case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def disable(self, slug: str, *, author: str, reason: str, now: datetime) -> Disabled:
        """This function will switch an ISP off.

        A look that is under way writes nothing more. What a worker has claimed and not begun to
        send is planned again; what was begun is on its way and ends by its outcome.

        Raises:
            SetupError: if the ISP is unknown, or author or reason cannot be kept.
        """
        _check(author, _LONGEST_AUTHOR, "--by")
        _check(reason, _LONGEST_REASON, "--reason")
        with self._database.write() as session:
            isp = find_isp(session, slug)
            isp_id, changed = isp.id, isp.enabled
            if changed:
                isp.enabled = False
                isp.disabled_at, isp.disabled_by, isp.disabled_reason = now, author, reason
                isp.sync_lease_token = isp.sync_lease_until = None
            since = isp.disabled_at or now
        while True:
            with self._database.write() as session:
                if claims.give_back_unbegun(session, isp_id, limit=_BATCH) < _BATCH:
                    break
        log.info("isp.disabled", isp=slug)
        with self._database.read() as session:
            return Disabled(
                since=since,
                waiting=_count(session, isp_id, DeliveryState.PLANNED),
                under_way=_count(session, isp_id, DeliveryState.SENDING),
                changed=changed,
            )

    def enable(self, slug: str, *, now: datetime, anew: bool | None = None) -> Enabled:
        """This function will switch an ISP on again.

        Breaking off half-way leaves it off; the next call goes on.

        Args:
            slug: the ISP.
            now: the present.
            anew: begin with a silent look; None = if it was off for `BEGINS_ANEW_AFTER`.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            isp_id, off_since = isp.id, isp.disabled_at
            if isp.enabled:
                waiting = _count(session, isp_id, DeliveryState.PLANNED)
                return Enabled(was_off=None, anew=False, waiting=waiting, called_off=0)
        was_off = timedelta(0) if off_since is None else now - off_since
        if anew is None:
            anew = was_off >= BEGINS_ANEW_AFTER
        called_off = self._begin_anew(isp_id, now=now) if anew else 0
        while self._judge_now(isp_id, now=now):
            pass
        with self._database.write() as session:
            isp = session.get_one(Isp, isp_id, with_for_update=True)
            isp.enabled = True
            isp.disabled_at = isp.disabled_by = isp.disabled_reason = None
            # Whatever troubled it then is asked about anew.
            isp.failures, isp.trouble, isp.trouble_until = 0, None, None
            waiting = _count(session, isp_id, DeliveryState.PLANNED)
        log.info("isp.enabled", isp=slug, anew=anew, called_off=called_off)
        return Enabled(was_off=was_off, anew=anew, waiting=waiting, called_off=called_off)

    def _begin_anew(self, isp_id: int, *, now: datetime) -> int:
        called_off, after = 0, 0
        while True:
            with self._database.write() as session:
                ids = session.scalars(
                    select(Account.id)
                    .where(
                        Account.isp_id == isp_id,
                        Account.id > after,
                        Account.paired_at.is_not(None),
                        Account.unpaired_at.is_(None),
                    )
                    .order_by(Account.id)
                    .limit(_ACCOUNTS)
                    .with_for_update()
                ).all()
                if ids:
                    called_off += _silence(session, ids, now=now)
                    after = ids[-1]
            if len(ids) < _ACCOUNTS:
                return called_off

    def _judge_now(self, isp_id: int, *, now: datetime) -> bool:
        """Let what waited for the switch be judged at once; return whether more is left."""
        with self._database.write() as session:
            ids = session.scalars(
                select(Delivery.id)
                .where(
                    Delivery.state == DeliveryState.PLANNED.value,
                    Delivery.isp_id == isp_id,
                    Delivery.reason == Reason.ISP_DISABLED.value,
                )
                .limit(_BATCH)
            ).all()
            session.execute(
                update(Delivery)
                .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.PLANNED.value)
                .values(not_before=now, reason=None)
                .execution_options(synchronize_session=False)
            )
            return len(ids) == _BATCH


def _silence(session: Session, account_ids: Sequence[int], *, now: datetime) -> int:
    """Have accounts begin with a silent look, as `billing.joining.join` does for one."""
    whose = Delivery.account_id.in_(account_ids)
    gone = claims.call_off(session, whose, reason=Reason.BASELINE.value, now=now)
    session.execute(
        update(Invoice)
        .where(Invoice.account_id.in_(account_ids))
        .values(steps_until=now, plan_at=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Account)
        .where(Account.id.in_(account_ids))
        .values(baseline_at=None, looked_at=None, next_look_at=now)
        .execution_options(synchronize_session=False)
    )
    return len(gone)


def _count(session: Session, isp_id: int, state: DeliveryState) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.state == state.value, Delivery.isp_id == isp_id)
        )
        or 0
    )


def _check(text: str, longest: int, option: str) -> None:
    if not text.strip() or len(text) > longest or not text.isprintable():
        raise SetupError(f"{option}: one line of 1 to {longest} characters")
