"""Invite a customer to pair themselves: a link that opens the chat with the ISP's bot.

With the first invitation the bot begins to listen: one that only sends may have a program of its
own that reads what people write to it, and Telegram lets one reader in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.bot_turns import TOKEN_PURPOSE
from billing.chat import BotAccess, ChatPort
from billing.codes import LONGEST_LIFE, USUAL_LIFE, make_code
from billing.conversing import zone_of
from billing.dossier import first_name
from billing.isps import SetupError, find_isp
from billing.joining import keep_account
from billing.pairing import Pairing, Progress
from billing.ports import DestinationError, VaultPort
from models.bot import Bot
from models.database import Database, insert_for
from models.isp import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a customer is given. The link pairs whoever opens it first: it is a secret of theirs.

    Args:
        link: opens the chat with the bot and hands it the code.
        customer: the whole name, for staff; `first_name` is for what the customer sees.
        expires_at: from then on it pairs nobody; `timezone` is the ISP's wall.
        trouble: why the bot cannot listen right now, where it cannot.
    """

    link: str = field(repr=False)
    bot: str
    customer: str
    public_id: int | None
    first_name: str
    isp_name: str
    support: str | None
    locale: str
    timezone: str
    expires_at: datetime
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotState:
    """How the bot of an ISP fares."""

    bot: str
    since: datetime
    listened_at: datetime | None
    trouble: str | None
    trouble_since: datetime | None
    rest_until: datetime | None


class Inviting:
    """The use-case.

    Args:
        database: rows.
        vault: opens the bot's token, makes the keyed hash of a code.
        pairing: finds out who is meant.
        chat: the door to the bots.
    """

    def __init__(
        self, database: Database, vault: VaultPort, pairing: Pairing, chat: ChatPort
    ) -> None:
        self._database = database
        self._vault = vault
        self._pairing = pairing
        self._chat = chat

    def invite(
        self,
        slug: str,
        client: str,
        *,
        author: str,
        now: datetime,
        life: timedelta = USUAL_LIFE,
        progress: Progress | None = None,
    ) -> Invitation:
        """This function will make a link that pairs a client with the first chat that opens it.

        Args:
            slug: the ISP, which has a bot as its sending account for Telegram.
            client: who, in any form that `alerta pair` takes; paired already or not.
            author: who asks for it.
            now: the present.
            life: for how long it works, a minute to 90 days.
            progress: called with (pages read, pages in all) while a QR code is looked up.

        Raises:
            SetupError: if the ISP is unknown or has no bot, or `life` is out of its bounds.
            PairingError: if the client is unknown or ambiguous.
            UpstreamError: if Wispro gives no usable answer.
            ChatError: if Telegram gives none.
        """
        if not timedelta(minutes=1) <= life <= LONGEST_LIFE:
            raise SetupError(f"--days: from 1 to {LONGEST_LIFE.days}")
        access = self._bot_of(slug)
        isp_id, facts = self._pairing.identify(slug, client, progress=progress)
        username = self._chat.username(access)
        with self._database.write() as session:
            account = keep_account(session, isp_id, facts, self._vault)
            code = make_code(session, account, self._vault, author=author, now=now, life=life)
            bot = _listen(session, access, username, now=now)
            isp = account.isp
            return Invitation(
                link=self._chat.link(username, code),
                bot=username,
                customer=account.name,
                public_id=account.public_id,
                first_name=first_name(account.name),
                isp_name=isp.name,
                support=isp.support,
                locale=account.locale or isp.locale,
                timezone=zone_of(isp),
                expires_at=now + life,
                trouble=bot.trouble,
            )

    def listen(self, slug: str, *, now: datetime, take_over: bool = False) -> BotState:
        """This function will let the bot of an ISP listen; return how it fares.

        Args:
            slug: the ISP.
            now: the present.
            take_over: first take away the address to which its updates go, if one is set.

        Raises:
            SetupError: if the ISP is unknown or has no bot.
            ChatError: if Telegram gives no usable answer.
        """
        access = self._bot_of(slug)
        username = self._chat.username(access)
        if take_over:
            self._chat.take_over(access)
        with self._database.write() as session:
            row = _listen(session, access, username, now=now)
            digest = self._vault.digest(access.token, purpose=TOKEN_PURPOSE)
            if take_over or row.refused_digest == digest:
                row.rest_until = row.refused_digest = None  # ask again at once
            return BotState(
                bot=username,
                since=row.created_at,
                listened_at=row.listened_at,
                trouble=row.trouble,
                trouble_since=row.trouble_since,
                rest_until=row.rest_until,
            )

    def _bot_of(self, slug: str) -> BotAccess:
        with self._database.read() as session:
            isp = find_isp(session, slug)
            sealed = session.scalars(
                select(Transport.url_sealed).where(
                    Transport.isp_id == isp.id, Transport.scheme == "telegram"
                )
            ).first()
        if sealed is None:
            raise SetupError(
                f"{slug} has no bot yet: alerta isp transport {slug} telegram tgram://TOKEN"
            )
        try:
            return self._chat.access(self._vault.open(sealed))
        except DestinationError as error:
            raise SetupError(str(error)) from None


def _listen(session: Session, access: BotAccess, username: str, *, now: datetime) -> Bot:
    """Return the row of a bot, made where it has none, with the name that it has now."""
    session.execute(
        insert_for(session, Bot)
        .values(bot_id=access.bot_id, username=username, created_at=now, next_update=0, failures=0)
        .on_conflict_do_nothing()
    )
    row = session.get_one(Bot, access.bot_id, with_for_update=True)
    row.username = username
    return row
