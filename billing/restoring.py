"""After a backup was put back: nothing that may have been sent since it was made is sent again.

Nobody knows what left between the backup and now. So whatever could have left is uncertain, what
came due is taken for decided, and the first look at everything is silent: what it finds may have
been told already. Support resends what a customer lacks (`alerta resend`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from billing.ports import VaultPort
from billing.sealed import opens
from billing.values import DeliveryState, InvoiceState, Reason
from models.account import Account
from models.alert import Alert, Delivery
from models.bot import BotQuestion
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.operator import OperatorNotice
from models.pair_code import PairCode

log = structlog.get_logger()

_WORDS = "a backup was restored: it may have gone in the time that is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was held.

    Args:
        uncertain: deliveries that may have gone.
        invoices: whose steps up to now count as decided.
        accounts: paired ones, whose next look is silent.
        codes: invitations that pair nobody any more: they may have been used.
        unreadable: ISPs whose token no key of the ring opens.
    """

    uncertain: int
    invoices: int
    accounts: int
    codes: int
    unreadable: tuple[str, ...]


def hold_what_may_have_gone(database: Database, vault: VaultPort, *, now: datetime) -> Restored:
    """This function will have nothing leave that may have left since the backup was made.

    No daemon may run meanwhile. It is one unit of work: all of it is done, or nothing.

    Args:
        database: as it was restored, with the tables of this release.
        vault: tells whether the ring is the one that belongs to it.
        now: the present.
    """
    with database.write() as session:
        uncertain = _deliveries(session, now=now)
        invoices = _changed(
            session,
            update(Invoice)
            .where(Invoice.state.not_in([InvoiceState.PAID.value, InvoiceState.VOID.value]))
            .values(steps_until=now, plan_at=now),
        )
        accounts = _changed(
            session,
            update(Account)
            .where(Account.paired_at.is_not(None), Account.unpaired_at.is_(None))
            .values(baseline_at=None, looked_at=None, next_look_at=now),
        )
        codes = _changed(
            session,
            update(PairCode)
            .where(PairCode.used_at.is_(None), PairCode.expires_at > now)
            .values(expires_at=now),
        )
        _changed(
            session,
            update(BotQuestion)
            .where(BotQuestion.settled_at.is_(None))
            .values(settled_at=now, fate=Reason.RESTORED.value),
        )
        _changed(
            session,
            update(OperatorNotice)
            .where(OperatorNotice.state.in_(["planned", "sending"]))
            .values(
                state="uncertain", reason=Reason.RESTORED.value, settled_at=now, lease_until=None
            ),
        )
        _changed(
            session,
            update(Isp).values(
                sync_lease_token=None, sync_lease_until=None, next_sync_at=now, swept_at=None
            ),
        )
        isps = session.scalars(select(Isp).order_by(Isp.slug)).all()
        unreadable = tuple(isp.slug for isp in isps if not opens(vault, isp.token_sealed))
    log.info("restore.held", uncertain=uncertain, accounts=accounts, invoices=invoices)
    return Restored(
        uncertain=uncertain,
        invoices=invoices,
        accounts=accounts,
        codes=codes,
        unreadable=unreadable,
    )


def _deliveries(session: Session, *, now: datetime) -> int:
    """Let what could have gone be uncertain, and its invoices count as announced."""
    could = or_(
        Delivery.state == DeliveryState.SENDING.value,
        (Delivery.state == DeliveryState.PLANNED.value) & (Delivery.not_before <= now),
    )
    announced = select(Alert.invoice_id).join(Delivery, Delivery.alert_id == Alert.id).where(could)
    _changed(
        session,
        update(Invoice)
        .where(Invoice.id.in_(announced), Invoice.announced_at.is_(None))
        .values(announced_at=now),
    )
    return _changed(
        session,
        update(Delivery)
        .where(could)
        .values(
            state=DeliveryState.UNCERTAIN.value,
            reason=Reason.RESTORED.value,
            detail=_WORDS,
            settled_at=now,
            lease_until=None,
        ),
    )


def _changed(session: Session, statement: Any) -> int:
    found = session.execute(statement.execution_options(synchronize_session=False))
    return int(found.rowcount)  # type: ignore[attr-defined]
