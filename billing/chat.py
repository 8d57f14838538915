"""The door to a chat with people, as a protocol, and what crosses it; `notifications/` opens it.

ChatError    the provider gave no usable answer; carries the reason
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from billing.answers import Answer
from billing.errors import ForeseenError


class ChatTrouble(StrEnum):
    """Why a request for a bot gave no usable answer; those of a bot are stored with it."""

    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason, not a secret
    WEBHOOK = "webhook"  # updates go to an address that somebody set
    OTHER_POLLER = "other_poller"  # another program asks for the same updates
    TOO_MANY = "too_many"  # the whole bot is refused for a while
    GONE = "gone"  # this chat takes nothing from this bot
    REFUSED = "refused"  # this very message is not taken
    TIMED_OUT = "timed_out"  # it may have been taken
    UNREACHABLE = "unreachable"
    UNEXPECTED = "unexpected"

    @property
    def needs_a_person(self) -> bool:
        """Whether it ends only when somebody does something."""
        return self in {
            ChatTrouble.TOKEN_REFUSED,
            ChatTrouble.WEBHOOK,
            ChatTrouble.OTHER_POLLER,
        }


class ChatError(ForeseenError):
    """The provider gave no usable answer. The text is one line for a person, without a secret.

    Args:
        message: one line for a person.
        trouble: what to do about it.
        retry_after: seconds for which the provider refuses the whole bot, where it said so.
    """

    def __init__(
        self, message: str, *, trouble: ChatTrouble, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class BotAccess:
    """What speaking for one bot needs. The token is in clear: never log or store it."""

    bot_id: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that somebody wrote to a bot.

    Args:
        update_id: its number; nothing of smaller numbers comes after it.
        chat_id: where to answer; None = nothing that can be answered (an edit, a picture of a
            channel, a record that cannot be read).
        private: whether only one person reads and writes there.
        text: what was written; None = something else than text.
        language: of the person's own program ("es", "pt-br"), where it said so.
    """

    update_id: int
    chat_id: int | None = field(default=None, repr=False)
    private: bool = False
    text: str | None = field(default=None, repr=False)
    language: str | None = None


class ChatPort(Protocol):
    """Speaks for a bot. Every method that asks the provider may raise `ChatError`."""

    def access(self, transport: str) -> BotAccess:
        """Return the bot of a sending account. Raises `DestinationError`."""
        ...

    def username(self, access: BotAccess) -> str:
        """Return the name by which people find the bot."""
        ...

    def updates(self, access: BotAccess, *, after: int | None, wait: float) -> Sequence[Said]:
        """Return what was said from the update `after` on, which confirms all earlier ones.

        Args:
            access: the bot.
            after: the first update that was not handled; None = whatever is there.
            wait: seconds to wait for the first one.
        """
        ...

    def say(self, access: BotAccess, chat_id: int, text: str) -> None:
        """Send one message of a few HTML tags."""
        ...

    def take_over(self, access: BotAccess) -> None:
        """Take away the address to which updates go instead; what waits there is kept."""
        ...

    def link(self, username: str, code: str) -> str:
        """Return the link that opens the chat with the bot and hands it a code."""
        ...

    def render_answer(self, answer: Answer, *, locale: str) -> str:
        """Fill the template of an answer. Raises `RenderError`."""
        ...
