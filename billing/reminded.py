"""Whether a customer was reminded of an invoice shortly before its payment was noticed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from billing.calendar import Calendar
from billing.values import AlertKind, DeliveryState
from models.alert import Alert, Delivery
from models.invoice import Invoice

#: A receipt says to ignore a reminder that is so young; nobody looks for an older one.
CORRECTS_FOR = timedelta(hours=72)
#: What a customer who pays may have crossed; an announcement reminded nobody.
_REMINDERS = tuple(kind.value for kind in AlertKind if kind.capped)


def reminded_lately(
    session: Session, invoice: Invoice, calendar: Calendar, *, noticed_at: datetime
) -> bool:
    """This function will say whether a receipt has a reminder to take back.

    A reminder counts where it was sent, or may have been (`uncertain`), to the account that holds
    the invoice; a digest of old debts counts for those that it was about.

    Args:
        session: rows.
        invoice: what was paid.
        calendar: of the ISP.
        noticed_at: when we learnt of the payment. What left after that, and before anybody could
            stop it, counts too.
    """
    about = Alert.invoice_id == invoice.id
    if invoice.baseline and invoice.first_due_date is not None:
        listed_from = calendar.start_of(invoice.first_due_date + timedelta(days=1))
        digest = and_(Alert.kind == AlertKind.DIGEST.value, Alert.due_at >= listed_from)
        about = or_(about, digest)
    found = session.execute(
        select(Delivery.id)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(
            Delivery.account_id == invoice.account_id,
            Delivery.state.in_([DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value]),
            Delivery.settled_at > noticed_at - CORRECTS_FOR,
            Alert.kind.in_(_REMINDERS),
            about,
        )
        .limit(1)
    ).first()
    return found is not None
