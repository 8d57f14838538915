"""A Telegram bot that listens, and what people wrote to it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Bot(Base):
    """One bot, by the number in front of its token, which a new token does not change.

    A bot has a row once it is to listen; one that only sends has none. Several ISPs may share one.
    `next_update` is the first update that was not handled yet, `updated_at` when the last one was.
    `lease_…` keep one poller at a time. `trouble` says why it cannot listen, since when, how often
    in a row, and until when it rests; `refused_digest` is the keyed hash of a token that Telegram
    does not take any more: another one is tried at once.
    """

    __tablename__ = "bot"

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    next_update: Mapped[int] = mapped_column(BigInteger, default=0)
    updated_at: Mapped[datetime | None]
    listened_at: Mapped[datetime | None]
    lease_token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(String(20))
    trouble_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    rest_until: Mapped[datetime | None]
    refused_digest: Mapped[str | None] = mapped_column(String(64))


class BotQuestion(Base):
    """One thing that somebody wrote to a bot in private, and the answer until it was sent.

    The chat is kept as a customer's destination is: sealed, and found by its keyed hash. Of the
    text only `verb` is kept, never a code. `wrong` = it was a code that pairs nobody.
    """

    __tablename__ = "bot_question"
    __table_args__ = (
        Index(None, "bot_id", "chat_digest", "asked_at"),
        Index(None, "bot_id", "settled_at"),
        Index(None, "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bot_id: Mapped[int] = mapped_column(ForeignKey("bot.bot_id", ondelete="CASCADE"))
    chat_digest: Mapped[str] = mapped_column(String(64))
    chat_sealed: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    verb: Mapped[str] = mapped_column(String(16))
    wrong: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    settled_at: Mapped[datetime | None]
    fate: Mapped[str | None] = mapped_column(String(12))
