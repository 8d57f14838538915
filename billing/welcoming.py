"""A channel that staff added is told once that alerts will come to it.

The message is an alert like any other, to that one channel: its key is the channel's own, so there
is one for as long as the row lives, however often its account is paired. Whoever pairs their own
Telegram by a link is answered in the chat, and gets no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from billing import keys
from billing.greeting import WELCOME_FOR
from billing.owing import Owing, Tally, record_all
from billing.terms import UnreadablePolicyError, rules_of
from models.account import Account, Channel


def welcome(
    session: Session, account: Account, channels: Sequence[Channel], *, now: datetime
) -> Tally:
    """This function will plan the welcome of channels that an account just got.

    Args:
        session: the unit of work that adds them.
        account: whose.
        channels: the new ones.
        now: the present.

    Returns:
        What was planned; nothing while the ISP's policy cannot be read.
    """
    session.flush()
    try:
        rules = rules_of(account.isp)
    except UnreadablePolicyError:
        return Tally()
    owing = [
        Owing(
            account=account,
            invoice_id=None,
            key=keys.of_welcome(channel.id, channel.created_at.date()),
            rules=rules,
            due_at=now,
            useful_until=now + WELCOME_FOR,
            channel_id=channel.id,
        )
        for channel in channels
    ]
    return record_all(session, owing, now=now)
