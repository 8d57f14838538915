"""A customer stops a channel by the link in a message: no login, no code to type.

The link names the channel and carries a keyed hash of it and of the address behind it. Nobody
guesses one, and it closes nothing but that channel. It works as long as the channel exists: a
letter may be a year old when somebody has had enough (RFC 8058 knows no expiry either).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.closing import close_channel, open_channels
from billing.joining import leave
from billing.pages import Standing
from billing.ports import VaultPort
from billing.values import Reason
from models.account import Account, Channel
from models.database import Database

#: The purpose of the keyed hash, so that it cannot be compared with another.
STOP_PURPOSE = "stop-link"
#: Hex digits of the hash: 128 bits.
_HASH_LENGTH = 32
#: Where the pages are, below the public URL.
PATH = "baja"
_TOKEN = re.compile(rf"([1-9][0-9]{{0,17}})-([0-9a-f]{{{_HASH_LENGTH}}})", re.ASCII)


def nowhere(channel: Channel) -> str | None:
    """This function will return None: there are no pages."""
    del channel
    return None


def stop_links(vault: VaultPort, public_url: str | None) -> Callable[[Channel], str | None]:
    """This function will return what makes the links; they are None where there are no pages.

    Args:
        vault: makes the keyed hash.
        public_url: https address under which customers reach our pages, without a final slash.
    """
    if public_url is None:
        return nowhere
    return lambda channel: f"{public_url}/{PATH}/{_token(vault, channel)}"


class Stopping:
    """The use-case.

    Args:
        database: rows.
        vault: makes the keyed hash.
    """

    def __init__(self, database: Database, vault: VaultPort) -> None:
        self._database, self._vault = database, vault

    def look(self, token: str) -> Standing | None:
        """This function will say what a link stops; None = it is none of ours any more."""
        with self._database.read() as session:
            channel = self._channel(session, token)
            return None if channel is None else _standing(session, channel)

    def stop(self, token: str, *, now: datetime, everything: bool = False) -> Standing | None:
        """This function will close the channel of a link, and cancel what has not left for it.

        Asked twice it changes nothing. Without any channel left the account leaves, so that codes
        that were made for it pair nobody.

        Args:
            token: of the link.
            now: the present.
            everything: not only this channel: no more alerts at all.

        Returns:
            How the channel stands then; None = the link is none of ours any more.
        """
        with self._database.write() as session:
            channel = self._channel(session, token)
            if channel is None:
                return None
            # Before its deliveries, as whoever journals an attempt under the caps does.
            account = session.scalars(
                select(Account).where(Account.id == channel.account_id).with_for_update()
            ).one()
            if channel.disabled_at is None:
                close_channel(session, channel, Reason.NO_CONSENT, now=now)
            if account.paired and (everything or not open_channels(session, account.id)):
                leave(session, account, now=now)
            return _standing(session, channel)

    def _channel(self, session: Session, token: str) -> Channel | None:
        told = _TOKEN.fullmatch(token)
        channel = session.get(Channel, int(told[1])) if told else None
        if channel is None or not hmac.compare_digest(_token(self._vault, channel), token):
            return None
        return channel


def _token(vault: VaultPort, channel: Channel) -> str:
    # The address too: a database that was set up anew gives the number to somebody else.
    named = f"{channel.id} {channel.destination_digest}"
    return f"{channel.id}-{vault.digest(named, purpose=STOP_PURPOSE)[:_HASH_LENGTH]}"


def _standing(session: Session, channel: Channel) -> Standing:
    account = channel.account
    still_open = open_channels(session, account.id) if account.paired else ()
    return Standing(
        isp_name=account.isp.name,
        support=account.isp.support,
        locale=account.locale or account.isp.locale,
        label=channel.label,
        closed=channel.disabled_at is not None or not account.paired,
        others=tuple(row.label for row in still_open if row.id != channel.id),
    )
