"""Send one test message to one channel now, through the door that alerts take, and say how it went.

It is recorded like an alert: `alerta alerts`, `alerta explain` and the evidence show it, with who
asked for it. It goes outside the contact hours too, since a person asked for it and waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import keys
from billing.channels import ChannelError, channel_numbered
from billing.delivery.delivering import Delivering
from billing.greeting import TEST_FOR
from billing.naming import AccountFinder
from billing.owing import Owing, record_all
from billing.ports import Clock
from billing.terms import rules_of
from models.alert import Alert, Attempt, Delivery
from models.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How a test message stands: of which customer and channel, as which delivery.

    `detail` is what the provider said of the last try; `closed` = it closed the channel.
    """

    customer: str
    channel: str
    delivery: int
    state: str
    reason: str | None
    detail: str | None
    sent_at: datetime | None
    not_before: datetime
    closed: bool


class Trial:
    """The use-case.

    Args:
        database: rows.
        whom: finds a customer by what names them.
        delivering: sends.
    """

    def __init__(
        self,
        database: Database,
        whom: AccountFinder,
        delivering: Delivering,
    ) -> None:
        self._database = database
        self._whom = whom
        self._delivering = delivering

    def send(self, slug: str, client: str, number: int, *, author: str, clock: Clock) -> Tried:
        """This function will send a test message and wait for its outcome.

        What waits for something (a limit of the provider, a missing sending account) goes by itself
        within `TEST_FOR`, or not at all.

        Args:
            slug: the ISP.
            client: who, by anything that names one of ours.
            number: of the channel.
            author: who asks for it.
            clock: the present.

        Raises:
            SetupError: if there is no such ISP, account or open channel, or it is not paired.
        """
        delivery_id = self._delivering.send_at_once(
            lambda session, now: self._plan(session, slug, client, number, author, now=now),
            clock=clock,
        )
        with self._database.read() as session:
            return _tried(session, delivery_id)

    def _plan(
        self, session: Session, slug: str, client: str, number: int, author: str, *, now: datetime
    ) -> int:
        account = self._whom.find(session, slug, client)
        channel = channel_numbered(session, account, number)
        if not account.isp.enabled:
            raise ChannelError(f"{slug} is disabled: alerta isp enable {slug}")
        if not account.paired:
            raise ChannelError(f"{account.name} is not paired: alerta pair {slug} … --to …")
        if channel.disabled_at is not None:
            raise ChannelError(
                f"{channel.label} is closed ({channel.disabled_reason}); "
                f"alerta channels enable {slug} … {number} opens it"
            )
        rules = rules_of(account.isp)
        key = keys.of_test(channel.id, rules.calendar.today(now), now)
        test = Owing(
            account=account,
            invoice_id=None,
            key=key,
            rules=rules,
            due_at=now,
            useful_until=now + TEST_FOR,
            details={"asked_by": author[:100]},
            channel_id=channel.id,
            at_once=True,
        )
        if not record_all(session, [test], now=now):
            raise ChannelError("a test of this channel was asked for at this very moment")
        return session.scalars(
            select(Delivery.id)
            .join(Alert, Alert.id == Delivery.alert_id)
            .where(
                Alert.account_id == account.id,
                Alert.subject == key.subject,
                Alert.kind == key.kind.value,
                Alert.step == key.step,
            )
        ).one()


def _tried(session: Session, delivery_id: int) -> Tried:
    row = session.get_one(Delivery, delivery_id)
    said = session.scalars(
        select(Attempt.detail)
        .where(Attempt.delivery_id == delivery_id)
        .order_by(Attempt.number.desc())
        .limit(1)
    ).first()
    channel = row.channel
    return Tried(
        customer=row.alert.account.name,
        channel=channel.label,
        delivery=row.id,
        state=row.state,
        reason=row.reason,
        detail=said or row.detail,
        sent_at=row.sent_at,
        not_before=row.not_before,
        closed=channel.disabled_at is not None,
    )
