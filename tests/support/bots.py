"""A town whose ISP has a bot: people write to it in the stand-in of Telegram, the town listens."""

from __future__ import annotations

import html
import re

from sqlalchemy import select

from billing.bot_turns import Report
from models.bot import Bot as BotRow
from models.database import Database
from tests.support.telegram import Bot, TelegramServer
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Client

TOKEN = "123456789:AAbot-token-of-the-isp-that-nobody-sees"
#: Chats of three people; numbers as large as Telegram's are.
ANA, EVA, STRANGER = 5_550_000_001, 5_550_000_002, 5_550_000_003


class BotTown:
    """The ISP, its bot, and what is written between it and people.

    Args:
        town: with an ISP; its clock is the one of the limits too.
        telegram: the stand-in.
    """

    def __init__(self, town: Town, telegram: TelegramServer) -> None:
        self.town = town
        self.telegram = telegram
        telegram.clock = self._seconds
        self.bot: Bot = telegram.bot(TOKEN)
        self.house = town.house
        self.house.isps.set_transport(SLUG, "telegram", f"tgram://{TOKEN}", now=town.now)

    def _seconds(self) -> float:
        return self.town.now.timestamp()

    def link(self, client: Client, **how: object) -> str:
        """Return a link for a customer."""
        made = self.house.inviting.invite(
            SLUG,
            client.id,
            author="staff",
            now=self.town.now,
            **how,  # type: ignore[arg-type]
        )
        return made.link

    def code(self, client: Client, **how: object) -> str:
        """Return what the link of a customer hands to the bot."""
        return self.link(client, **how).partition("?start=")[2]

    def listen(self) -> Report:
        """Let the town hear and answer everything, a second apart."""
        whole = Report()
        for _ in range(20):
            self.town.wait(seconds=1)
            one = self.house.listening.glance(self.town.clock)
            whole.heard += one.heard
            whole.answered += one.answered
            whole.paired += one.paired
            if not one.heard and not one.answered:
                break
        return whole

    def write(self, chat: int, text: str | None, **how: object) -> str:
        """Let somebody write, and return what they read since."""
        before = len(self.bot.to(chat))
        self.bot.hears(chat, text, **how)  # type: ignore[arg-type]
        self.listen()
        return "\n".join(read(one.text) for one in self.bot.to(chat)[before:])

    def paired(self, client: Client, chat: int = ANA) -> None:
        """Pair a customer by a link, and look at them once, silently."""
        self.write(chat, f"/start {self.code(client)}")
        self.town.sync()

    def row(self) -> BotRow:
        """Return the bot as it is stored."""
        return row_of(self.house.database)


def row_of(database: Database) -> BotRow:
    """Return the only bot that listens."""
    with database.read() as session:
        return session.scalars(select(BotRow)).one()


def read(text: str) -> str:
    """Return what a person reads of a message."""
    return html.unescape(re.sub(r"<[^>]+>", "", text)).replace("\u00a0", " ")
