"""The door to Telegram's Bot API, as far as a bot listens and answers; alerts go through Apprise.

    TelegramDoor    implements billing.chat.ChatPort

The token is part of every address, so an httpx exception (which carries the request) is never
chained: failures become a `ChatError` outside of the `except` that caught them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from billing.answers import Answer
from billing.chat import BotAccess, ChatError, ChatTrouble, Said
from billing.ports import DestinationError
from notifications import channels
from notifications.answers import render_answer

T = TypeVar("T")

API = "https://api.telegram.org"
#: Seconds to connect and to wait for each part of an answer, beside what a long poll waits.
TIMEOUT = 10.0
#: Updates of one request are at most 100 messages of 4096 characters and what is around them.
_MOST_UPDATES = 100
_MAX_BYTES = 8_000_000
_TOKEN = re.compile(r"([1-9][0-9]{0,18}):[A-Za-z0-9_-]+")
_USERNAME = re.compile(r"[A-Za-z0-9_]{3,64}")
#: Telegram's own words (no codes exist for them).
_GONE = re.compile(
    r"chat not found|bot was blocked|user is deactivated|PEER_ID_INVALID|can't initiate"
    r"|bots can't send messages to bots|chat_write_forbidden",
    re.IGNORECASE,
)


class _Parameters(msgspec.Struct):
    retry_after: float | None = None


class _Reply(msgspec.Struct):
    ok: bool = False
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int = 0
    description: str = ""
    parameters: _Parameters | None = None


class _Me(msgspec.Struct):
    username: str


class _Numbered(msgspec.Struct):
    update_id: int


class _Chat(msgspec.Struct):
    id: int
    type: str


class _Person(msgspec.Struct):
    is_bot: bool = False
    language_code: str | None = None


class _Message(msgspec.Struct):
    chat: _Chat
    person: _Person | None = msgspec.field(name="from", default=None)
    text: str | None = None


class _Update(msgspec.Struct):
    update_id: int
    message: _Message | None = None


class TelegramDoor:
    """Speaks for bots.

    Args:
        http: may be shared by threads; its own timeouts do not matter.
        api: the address of the Bot API, without a slash at its end.
    """

    def __init__(self, http: httpx.Client, *, api: str = API) -> None:
        self._http = http
        self._api = api.rstrip("/")

    def access(self, transport: str) -> BotAccess:
        """Return the bot of a sending account.

        Raises:
            DestinationError: if it is none; nothing of it is shown.
        """
        with channels.listening():
            parts = channels.addressed("telegram", transport, "1")
        match = _TOKEN.fullmatch(str(parts.get("bot_token")))
        if match is None:
            raise DestinationError("a sending account for telegram is tgram://TOKEN")
        return BotAccess(bot_id=int(match[1]), token=match[0])

    def username(self, access: BotAccess) -> str:
        """Return the name by which people find the bot. Raises `ChatError`."""
        name = self._call(access, "getMe", {}, _Me).username
        if not _USERNAME.fullmatch(name):
            raise _unexpected()
        return name

    def updates(self, access: BotAccess, *, after: int | None, wait: float) -> Sequence[Said]:
        """Return what was said since; waits up to `wait` seconds for it. Raises `ChatError`.

        What is not a message comes as an update without a chat, so that it counts as seen.
        """
        given: dict[str, Any] = {
            "timeout": max(0, round(wait)),
            "limit": _MOST_UPDATES,
            "allowed_updates": ["message"],
        }
        if after:
            given["offset"] = after
        raw = self._call(access, "getUpdates", given, list[msgspec.Raw], wait=wait)
        return sorted((_said(one) for one in raw), key=lambda one: one.update_id)

    def say(self, access: BotAccess, chat_id: int, text: str) -> None:
        """Send one message of b, i, a and code. Raises `ChatError`."""
        given = {
            "chat_id": chat_id,
            "text": text,
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        self._call(access, "sendMessage", given, msgspec.Raw)

    def take_over(self, access: BotAccess) -> None:
        """Take a webhook away; what waits for it is kept. Raises `ChatError`."""
        self._call(access, "deleteWebhook", {"drop_pending_updates": False}, msgspec.Raw)

    def link(self, username: str, code: str) -> str:
        """Return the deep link (core.telegram.org/bots/features#deep-linking)."""
        return f"https://t.me/{username}?start={code}"

    def render_answer(self, answer: Answer, *, locale: str) -> str:
        """Fill the template of an answer. Raises `RenderError`."""
        return render_answer(answer, locale=locale)

    def _call(
        self,
        access: BotAccess,
        method: str,
        given: dict[str, Any],
        kind: type[T],
        *,
        wait: float = 0.0,
    ) -> T:
        """Ask once and return the result.

        Raises:
            ChatError: with what to do about it; its text holds neither token nor chat.
        """
        address = f"{self._api}/bot{access.token}/{method}"
        timeout = httpx.Timeout(TIMEOUT, read=TIMEOUT + wait)
        failure: ChatError | None = None
        status, body = 0, bytearray()
        try:
            with self._http.stream("POST", address, json=given, timeout=timeout) as response:
                status = response.status_code
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _MAX_BYTES:
                        failure = _unexpected(status)
                        break
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            failure = ChatError("Telegram cannot be reached", trouble=ChatTrouble.UNREACHABLE)
        except httpx.TimeoutException:
            failure = ChatError("Telegram did not answer in time", trouble=ChatTrouble.TIMED_OUT)
        except httpx.HTTPError:
            failure = ChatError("the connection to Telegram broke", trouble=ChatTrouble.TIMED_OUT)
        if failure is not None:
            raise failure
        return _result(status, bytes(body), kind)


def _result(status: int, body: bytes, kind: type[T]) -> T:
    reply: _Reply | None = None
    try:
        reply = msgspec.json.decode(body, type=_Reply)
        if status == 200 and reply.ok:
            return msgspec.json.decode(reply.result, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    if status == 200 or reply is None:
        raise _unexpected(status)
    raise _refusal(reply.error_code or status, reply)


def _refusal(code: int, reply: _Reply) -> ChatError:
    """Return what an error of Telegram means (core.telegram.org/bots/api#making-requests)."""
    if code in {401, 404}:  # 404 for a token that is none at all
        return ChatError(
            "Telegram refuses the bot's token (revoked, or mistyped)",
            trouble=ChatTrouble.TOKEN_REFUSED,
        )
    if code == 409:
        if "webhook" in reply.description.lower() and "terminated" not in reply.description:
            return ChatError(
                "the bot's messages go to a webhook that somebody set",
                trouble=ChatTrouble.WEBHOOK,
            )
        return ChatError(
            "another program reads this bot's messages", trouble=ChatTrouble.OTHER_POLLER
        )
    if code == 429:
        pause = reply.parameters.retry_after if reply.parameters else None
        return ChatError(
            "Telegram asks this bot to wait", trouble=ChatTrouble.TOO_MANY, retry_after=pause
        )
    if code == 403 or _GONE.search(reply.description):
        return ChatError("the chat takes no messages from this bot", trouble=ChatTrouble.GONE)
    if code == 400:
        return ChatError("Telegram does not take this message", trouble=ChatTrouble.REFUSED)
    return _unexpected(code)


def _unexpected(status: int = 200) -> ChatError:
    return ChatError(
        f"Telegram's answer is not understood (HTTP {status})", trouble=ChatTrouble.UNEXPECTED
    )


def _said(raw: msgspec.Raw) -> Said:
    """Return one update as far as we know its kind."""
    try:
        update = msgspec.json.decode(raw, type=_Update)
    except msgspec.MsgspecError:
        update = None
    if update is None:
        try:
            number = msgspec.json.decode(raw, type=_Numbered).update_id
        except msgspec.MsgspecError:
            raise _unexpected() from None
        return Said(update_id=number)
    message = update.message
    if message is None or (message.person is not None and message.person.is_bot):
        return Said(update_id=update.update_id)
    return Said(
        update_id=update.update_id,
        chat_id=message.chat.id,
        private=message.chat.type == "private",
        text=message.text,
        language=message.person.language_code if message.person else None,
    )
