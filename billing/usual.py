"""What an ISP is used to, asked of our own rows only where a run is large enough to matter."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from billing.anomaly import CHANGE_DRIVEN, Thresholds, Usual, Weight
from models.account import Account
from models.alert import Alert
from models.database import Database
from models.invoice import Invoice

#: The issue of it: a billing month. "Usual" is what the last four weeks were like.
FOUR_WEEKS = 28
#: Amounts of the latest invoices that stand for all.
_AMOUNTS = 1000


def usual_of(
    database: Database,
    isp_id: int,
    weight: Weight,
    limits: Thresholds,
    *,
    open_invoices: int,
    zone: ZoneInfo,
    now: datetime,
) -> Usual:
    """This function will tell what a run is compared with.

    Args:
        database: rows.
        isp_id: which ISP.
        weight: of the run; what it is too light for is not asked.
        limits: of the ISP.
        open_invoices: before the run.
        zone: in which days begin.
        now: the present.
    """
    heavy = max(weight.alerts, weight.announcements) > limits.at_least
    with database.read() as session:
        accounts = 0
        volumes: list[int] = []
        if heavy:
            accounts = (
                session.scalar(
                    select(func.count()).where(
                        Account.isp_id == isp_id,
                        Account.paired_at.is_not(None),
                        Account.unpaired_at.is_(None),
                    )
                )
                or 0
            )
            first = session.scalar(
                select(func.min(Account.baseline_at)).where(Account.isp_id == isp_id)
            )
            days = 0 if first is None else min((now - first).days, FOUR_WEEKS)
            since = now - timedelta(days=days)
            planned = session.scalars(
                select(Alert.created_at).where(
                    Alert.isp_id == isp_id,
                    Alert.created_at >= since,
                    Alert.kind.in_([kind.value for kind in CHANGE_DRIVEN]),
                )
            )
            counted = Counter(moment.astimezone(zone).date() for moment in planned)
            volumes = [*counted.values(), *[0] * max(days - len(counted), 0)]
        amounts = (
            session.scalars(
                select(Invoice.amount)
                .where(Invoice.isp_id == isp_id)
                .order_by(Invoice.id.desc())
                .limit(_AMOUNTS)
            ).all()
            if weight.amounts
            else ()
        )
    return Usual(
        open_invoices=open_invoices, accounts=accounts, volumes=volumes, amounts=tuple(amounts)
    )
