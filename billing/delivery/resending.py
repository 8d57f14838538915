"""Send again by hand what may not have arrived: a person decided, and says who."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from billing.errors import ForeseenError
from billing.values import DeliveryState
from models.alert import Alert, Delivery
from models.database import Database

#: What a person may send again; everything else did arrive, will go by itself, or must not go.
_AGAIN = (DeliveryState.UNCERTAIN, DeliveryState.FAILED)


class ResendError(ForeseenError, ValueError):
    """A delivery that is not sent again by hand; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """What was planned again."""

    id: int
    customer: str
    kind: str
    channel: str


class Resending:
    """The use-case.

    Args:
        database: rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def resend(self, delivery_id: int, *, author: str, now: datetime) -> Resent:
        """This function will plan a delivery again whose outcome is uncertain or failed.

        The gate is asked as ever when it leaves: what was paid meanwhile does not go.

        Args:
            delivery_id: as `alerta alerts` shows it.
            author: who wants it.
            now: the present.

        Raises:
            ResendError: if there is no such delivery, or it is in no such state.
        """
        with self._database.write() as session:
            row = session.scalars(
                select(Delivery)
                .where(Delivery.id == delivery_id)
                .options(
                    joinedload(Delivery.channel),
                    joinedload(Delivery.alert).joinedload(Alert.account),
                )
            ).first()
            if row is None:
                raise ResendError(f"there is no delivery {delivery_id}; see alerta alerts")
            if DeliveryState(row.state) not in _AGAIN:
                raise ResendError(_why_not(row))
            if row.channel.disabled_at is not None:
                raise ResendError(
                    f"its channel is closed ({row.channel.disabled_reason}); open it first"
                )
            done = session.scalars(
                update(Delivery)
                .where(Delivery.id == delivery_id, Delivery.state == row.state)
                .values(
                    state=DeliveryState.PLANNED.value,
                    reason=None,
                    detail=f"sent again by {author}"[:500],
                    not_before=now,
                    settled_at=None,
                    carried_by=None,
                )
                .returning(Delivery.id)
                .execution_options(synchronize_session=False)
            ).first()
            if done is None:
                raise ResendError(f"delivery {delivery_id} changed at this very moment; look again")
            return Resent(
                id=delivery_id,
                customer=row.alert.account.name,
                kind=row.alert.kind,
                channel=row.channel.label,
            )


def _why_not(row: Delivery) -> str:
    match DeliveryState(row.state):
        case DeliveryState.SENT:
            return f"delivery {row.id} was sent at {row.sent_at:%Y-%m-%d %H:%M} UTC"
        case DeliveryState.PLANNED:
            return (
                f"delivery {row.id} goes by itself, not before {row.not_before:%Y-%m-%d %H:%M} UTC"
            )
        case DeliveryState.SENDING:
            return f"delivery {row.id} is being sent right now"
        case state:
            return f"delivery {row.id} is {state.value} ({row.reason}): it is not to be sent"
