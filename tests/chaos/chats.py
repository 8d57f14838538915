"""A bot at its limit: how much of what Telegram permits is used, and whether ever more.

The stand-in counts as the documentation says (30 messages in any one second), and refuses now and
then although nobody exceeded anything, as Telegram does when it is busy itself.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tests.chaos.judging import Findings, Stand
from tests.chaos.owing import Owed
from tests.support.telegram import Sent, TelegramServer

TOKEN = "123456789:AAbot-token-of-the-isp-that-nobody-sees"
#: Of what is permitted; the rest is the margin that keeps jitter on the way from exceeding it.
LEAST_USED = 0.95


class Chats:
    """The stand-in as a place where messages arrive; a context manager.

    Args:
        rng: draws when it refuses, and for how long.
        whims: how often it does, at most.
        every: one of so many messages is met by one, until they are spent.
    """

    scheme = "telegram"
    limits: str | None = None

    def __init__(self, rng: random.Random, *, whims: int, every: int) -> None:
        self._rng = rng
        self._whims = whims
        self._every = every
        self._server = TelegramServer(whim=self._whim)
        self.bot = self._server.bot(TOKEN)
        self.url = f"tgram://{TOKEN}"
        self.settings: Mapping[str, str] = {"TELEGRAM_API": self._server.url}
        self.busy = False

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def taken(self) -> Sequence[Sent]:
        """What was accepted."""
        return self.bot.sent

    def address(self, place: int) -> str:
        """Return the chat of a customer."""
        return str(500_000 + place)

    def used(self) -> float:
        """Return the share of the permitted rate that was used, while the bot was not refused."""
        times = [one.at for one in self.bot.sent]
        permitted = (times[-1] - times[0] - self.bot.rested) * self._server.per_second
        return (len(times) - 1) / permitted

    def _whim(self) -> int | None:
        if self._whims == 0 or self._rng.randrange(self._every):
            return None
        self._whims -= 1
        return self._rng.randint(1, 3)


@dataclass(frozen=True, slots=True)
class Used(Findings):
    """What is to be told of a trial; `note` says how near the limit it came."""

    note: str


def judge(owed: Sequence[Owed], stands: Sequence[Stand], chats: Chats) -> Used:
    """This function will hold the rows and the stand-in's counts against what was promised."""
    copies = Counter(str(one.chat_id) for one in chats.taken)
    bot, used = chats.bot, chats.used()
    faults = [f"{one}" for one in stands if one.state != "sent" or one.delivered != 1]
    faults += [
        f"delivery {one.delivery_id}: {copies[one.recipient]} messages"
        for one in owed
        if copies[one.recipient] != 1
    ]
    if bot.violations:
        faults.append(f"{bot.violations} times more than Telegram permits")
    if used < LEAST_USED:
        faults.append(f"{used:.1%} of the permitted rate, less than {LEAST_USED:.0%}")
    return Used(
        faults=tuple(faults),
        deliveries=len(owed),
        sent=sum(one.state == "sent" for one in stands),
        uncertain=sum(one.state == "uncertain" for one in stands),
        uncertain_arrived=sum(
            copies[str(500_000 + one.delivery_id)] > 0 for one in stands if one.state == "uncertain"
        ),
        again=sum(len(one.fates) > 1 for one in stands),
        twice=sum(number > 1 for number in copies.values()),
        messages=len(chats.taken),
        note=f"{used:.1%} of the permitted rate was used, it was exceeded {bot.violations} times, "
        f"and {bot.refused} requests were refused",
    )
