"""Which of an operator's channels hear of a trouble that may lie in the ISP's own sending account.

Those that are whole Apprise URLs of their own come first. The others go over an account of the ISP,
which may be what is broken: they are told where there is nothing else, or where none of the first
was reached within a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.notices import tell_operator
from billing.values import DeliveryState, NoticeKind, Reason
from models.operator import OperatorChannel, OperatorNotice

#: So long the channels of the operator's own have, retries included, before the others are told.
REACHED_WITHIN = timedelta(minutes=15)
_REACHED = frozenset({DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value})


def whom_to_tell(
    channels: Sequence[OperatorChannel], told: Sequence[OperatorNotice], *, now: datetime
) -> list[int]:
    """This function will name the channels that are told of a trouble by now. Pure.

    Args:
        channels: all of the operator's.
        told: what was written of this trouble so far.
        now: the present.
    """
    own = [one.id for one in channels if not one.needs_transport]
    everybody = [one.id for one in channels]
    if not own:
        return everybody
    so_far = [one for one in told if one.channel_id in own]
    if not so_far or any(one.state in _REACHED for one in so_far):
        return own
    hopeless = all(one.state == DeliveryState.FAILED.value for one in so_far)
    waited = now - min(one.created_at for one in so_far) >= REACHED_WITHIN
    return everybody if hopeless or waited else own


def tell_by_another_way(
    session: Session,
    isp_id: int,
    kind: NoticeKind,
    subject: str,
    details: Mapping[str, str],
    *,
    now: datetime,
) -> int:
    """This function will tell of a trouble, and may be asked again while it lasts.

    Returns:
        How many notices are new.
    """
    channels = session.scalars(
        select(OperatorChannel).where(OperatorChannel.isp_id == isp_id).order_by(OperatorChannel.id)
    ).all()
    told = _told(session, isp_id, kind, subject)
    heard = {one.channel_id for one in told}
    new = [one for one in whom_to_tell(channels, told, now=now) if one not in heard]
    if not new:
        return 0
    return tell_operator(session, isp_id, kind, subject, details, now=now, only=new)


def tell_of_its_end(
    session: Session,
    isp_id: int,
    kind: NoticeKind,
    subject: str,
    end: NoticeKind | None,
    details: Mapping[str, str],
    *,
    now: datetime,
) -> int:
    """This function will tell those who were told of a trouble that it is over.

    Who was not reached meanwhile reads of its end only; with no `end`, of nothing.

    Returns:
        How many notices are new.
    """
    told = [one.channel_id for one in _told(session, isp_id, kind, subject)]
    session.execute(
        update(OperatorNotice)
        .where(
            OperatorNotice.isp_id == isp_id,
            OperatorNotice.kind == kind.value,
            OperatorNotice.subject == subject,
            OperatorNotice.state == DeliveryState.PLANNED.value,
        )
        .values(state=DeliveryState.SKIPPED.value, reason=Reason.SUPERSEDED.value, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    if end is None or not told:
        return 0
    return tell_operator(session, isp_id, end, subject, details, now=now, only=told)


def _told(
    session: Session, isp_id: int, kind: NoticeKind, subject: str
) -> Sequence[OperatorNotice]:
    return session.scalars(
        select(OperatorNotice).where(
            OperatorNotice.isp_id == isp_id,
            OperatorNotice.kind == kind.value,
            OperatorNotice.subject == subject,
        )
    ).all()
