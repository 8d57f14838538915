"""The stand-in for Telegram's Bot API: a real HTTP server with its limits, its refusals, its wait.

Limits (core.telegram.org/bots/faq, "My bot is hitting limits"): 30 messages in any one second per
bot, one a second per chat. Whoever exceeds one is answered 429 with `parameters.retry_after`, and
everything that this bot asks is refused until that is over.

    with TelegramServer() as telegram:
        bot = telegram.bot(TOKEN)
        ... ALERTA_TELEGRAM_API = telegram.url ...
        bot.hears(chat_id=12345, text="/start CODE")     what a person types
        (message,) = bot.wait_for(1, seconds=5)          what the bot sent
        assert bot.violations == 0
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import math
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl

import uvicorn

_START_SECONDS = 10
_METHODS_THAT_SEND = {"sendMessage", "sendPhoto", "sendDocument", "sendMediaGroup"}
_OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is "
    "running"
)
_LONGEST_TEXT, _LONGEST_CAPTION = 4096, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message that a bot sent and Telegram took; `at` is on the server's clock, in seconds."""

    method: str
    chat_id: int | str
    text: str
    at: float
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


class Bot:
    """One bot as Telegram knows it; everything may be set and read from any thread.

    Attributes:
        sent: what was accepted, in order.
        calls: how often each method was asked for, whatever the answer.
        violations: sends that exceeded a limit.
        refused: requests refused because an earlier one did, or on a whim.
        rested: seconds for which it was refused on a whim.
        blocked: chats whose owner blocked the bot: 403.
        gone: chats that do not exist: 400.
        revoked: whether the token is not valid any more: 401.
        other_poller: whether another program asks for the same updates all the time: 409.
        before_updates: called when `getUpdates` is asked for, before it is answered.
        webhook: the address to which updates go instead, which makes `getUpdates` a 409.
        offset: the smallest update that was not confirmed yet.
    """

    def __init__(self, server: TelegramServer, token: str, username: str) -> None:
        self._server = server
        self.token = token
        self.username = username
        self.id = int(token.partition(":")[0])
        self.sent: list[Sent] = []
        self.calls: Counter[str] = Counter()
        self.violations = 0
        self.refused = 0
        self.rested = 0.0
        self.blocked: set[int] = set()
        self.gone: set[int] = set()
        self.revoked = False
        self.other_poller = False
        self.before_updates: Callable[[], object] = bool
        self.webhook: str | None = None
        self.offset = 0
        self.blocked_until = 0.0
        self._next_update = 700_000_001
        self._updates: list[dict[str, Any]] = []
        self._times: deque[float] = deque()
        self._last_in: dict[int | str, deque[float]] = {}
        self._arrived = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None

    # -- for tests ----------------------------------------------------------------------------

    def hears(
        self,
        chat_id: int,
        text: str | None,
        *,
        kind: str = "private",
        language: str | None = "es",
        is_bot: bool = False,
        update_id: int | None = None,
    ) -> int:
        """Let somebody type `text` (None: send a picture instead); return the update's number."""
        message: dict[str, Any] = {
            "message_id": 1,
            "date": 1_790_000_000,
            "chat": {"id": chat_id, "type": kind},
            "from": {"id": abs(chat_id), "is_bot": is_bot, "first_name": "Ana"},
        }
        if language is not None:
            message["from"]["language_code"] = language
        if text is not None:
            message["text"] = text
        return self.happens({"message": message}, update_id=update_id)

    def happens(self, update: dict[str, Any], *, update_id: int | None = None) -> int:
        """Queue an update as it is; return its number."""
        with self._server.lock:
            number = self._next_update if update_id is None else update_id
            self._next_update = max(self._next_update, number) + 1
            self._updates.append({"update_id": number, **update})
        self._server.soon(self._arrived.set)
        return number

    @property
    def waiting(self) -> list[int]:
        """The updates that nobody confirmed."""
        return [one["update_id"] for one in self._updates]

    def to(self, chat_id: int | str) -> list[Sent]:
        """Return what one chat got."""
        return [one for one in self.sent if str(one.chat_id) == str(chat_id)]

    def wait_for(self, number: int, *, seconds: float) -> list[Sent]:
        """Return the messages once there are so many.

        Raises:
            TimeoutError: if they do not come in time.
        """
        deadline = time.monotonic() + seconds
        while len(self.sent) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.sent)} of {number} messages came")
            time.sleep(0.02)
        return list(self.sent)

    # -- for the server -----------------------------------------------------------------------

    def why_not(self, chat_id: int | str, *, messages: int, now: float) -> int | None:
        """Count a send, or say for how many seconds everything is refused from now on."""
        while self._times and now - self._times[0] >= 1.0:
            self._times.popleft()
        mine = self._last_in.setdefault(chat_id, deque())
        while mine and now - mine[0] >= self._server.burst:
            mine.popleft()
        if (
            len(self._times) + messages > self._server.per_second
            or len(mine) + messages > self._server.burst
        ):
            self.violations += 1
            self.blocked_until = now + self._server.retry_after
            return math.ceil(self._server.retry_after)
        self._times.extend([now] * messages)
        mine.extend([now] * messages)
        return None

    async def updates(self, offset: int, limit: int, wait: float) -> list[dict[str, Any]] | None:
        """Return updates, waiting for the first; None = another poller took over meanwhile."""
        if offset > 0:
            self.offset = max(self.offset, offset)
            self._updates = [one for one in self._updates if one["update_id"] >= offset]
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)  # the earlier one of two pollers loses
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = mine
        deadline = time.monotonic() + wait
        while not self._updates and not mine.done():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._arrived.clear()
            arrived = asyncio.ensure_future(self._arrived.wait())
            if not self._updates:
                either: set[asyncio.Future[Any]] = {arrived, mine}
                await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            arrived.cancel()
        if mine.done():
            return None
        mine.cancel()
        return self._updates[:limit]


class TelegramServer:
    """Serves the Bot API on a port of 127.0.0.1, in a thread of this process; a context manager.

    Args:
        per_second: messages that a bot may send in any one second.
        burst: messages that a chat may get within as many seconds. 1 = one a second, as documented;
            Telegram itself "may allow short bursts", such as a text that comes with two files.
        retry_after: seconds for which a bot is refused once it exceeded a limit.
        whim: asked before each send that is within the limits: whole seconds for which the bot is
            refused all the same, or None.
        clock: seconds, for the limits.
    """

    def __init__(
        self,
        *,
        per_second: int = 30,
        burst: int = 1,
        retry_after: float = 3,
        whim: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_second = per_second
        self.burst = burst
        self.retry_after = retry_after
        self.whim = whim
        self.clock = clock
        self.lock = threading.Lock()
        self.bots: dict[str, Bot] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._answer,
                interface="asgi3",  # a bound method does not look like one
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=0,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="telegram", daemon=True)

    @property
    def url(self) -> str:
        """The address of the Bot API, for `ALERTA_TELEGRAM_API`."""
        return f"http://127.0.0.1:{self.port}"

    def bot(self, token: str, username: str = "interatos_bot") -> Bot:
        """Return the bot of this token, made when it is first asked for."""
        with self.lock:
            return self.bots.setdefault(token, Bot(self, token, username))

    def soon(self, what: Callable[[], object]) -> None:
        """Call something in the server's own thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(what)

    def __enter__(self) -> Self:
        self._thread.start()
        waited = threading.Event()
        for _ in range(_START_SECONDS * 200):
            if self._server.started:
                return self
            waited.wait(0.005)
        raise RuntimeError("the stand-in for Telegram did not start")

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(_START_SECONDS)
        self._socket.close()

    def _serve(self) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._socket])

        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run())

    # -- one request --------------------------------------------------------------------------

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, answer = await self._respond(scope, bytes(body))
        raw = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    async def _respond(self, scope: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        token, _, method = scope["path"].removeprefix("/bot").partition("/")
        bot = self.bots.get(token)
        if bot is None or bot.revoked:
            return _error(401, "Unauthorized")
        bot.calls[method] += 1
        now = self.clock()
        if now < bot.blocked_until:
            bot.refused += 1
            return _too_many(math.ceil(bot.blocked_until - now))
        given, files = _parameters(scope, body)
        if method == "getMe":
            return _ok({
                "id": bot.id, "is_bot": True, "first_name": "Avisos", "username": bot.username,
            })  # fmt: skip
        if method == "deleteWebhook":
            bot.webhook = None
            return _ok(True)
        if method == "getUpdates":
            return await self._updates(bot, given)
        if method in _METHODS_THAT_SEND:
            return self._take(bot, method, given, files, now=now)
        return _error(404, "Not Found")

    async def _updates(self, bot: Bot, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if bot.webhook is not None:
            return _error(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook "
                "to delete the webhook first",
            )
        await asyncio.to_thread(bot.before_updates)
        if bot.other_poller:
            return _error(409, _OTHER_POLLER)
        found = await bot.updates(
            int(given.get("offset", 0)),
            int(given.get("limit", 100)),
            float(given.get("timeout", 0)),
        )
        if found is None:
            return _error(409, _OTHER_POLLER)
        return _ok(found)

    def _take(
        self,
        bot: Bot,
        method: str,
        given: dict[str, Any],
        files: dict[str, bytes],
        *,
        now: float,
    ) -> tuple[int, dict[str, Any]]:
        chat = given.get("chat_id", "")
        chat_id = int(chat) if str(chat).lstrip("-").isdigit() else chat
        text = str(given.get("text", given.get("caption", "")))
        limit = _LONGEST_TEXT if method == "sendMessage" else _LONGEST_CAPTION
        if chat_id == "" or chat_id in bot.gone:
            return _error(400, "Bad Request: chat not found")
        if chat_id in bot.blocked:
            return _error(403, "Forbidden: bot was blocked by the user")
        if method == "sendMessage" and not text:
            return _error(400, "Bad Request: message text is empty")
        if len(text) > limit:
            return _error(400, "Bad Request: message is too long")
        pause = bot.why_not(chat_id, messages=max(1, len(files)), now=now)
        if pause is not None:
            return _too_many(pause)
        if (whim := self.whim()) is not None:
            bot.blocked_until = now + whim
            bot.rested += whim
            bot.refused += 1
            return _too_many(whim)
        with self.lock:
            bot.sent.append(Sent(method=method, chat_id=chat_id, text=text, at=now, files=files))
        return _ok({"message_id": len(bot.sent), "chat": {"id": chat_id}, "text": text})


def _ok(result: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": True, "result": result}


def _error(code: int, description: str, **more: Any) -> tuple[int, dict[str, Any]]:
    return code, {"ok": False, "error_code": code, "description": description, **more}


def _too_many(seconds: int) -> tuple[int, dict[str, Any]]:
    return _error(
        429, f"Too Many Requests: retry after {seconds}", parameters={"retry_after": seconds}
    )


def _parameters(scope: Any, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the parameters of a request in any of the four forms that Telegram takes."""
    given: dict[str, Any] = dict(parse_qsl(scope["query_string"].decode()))
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    kind = dict(headers).get(b"content-type", b"").decode("latin-1")
    if kind.startswith("application/json"):
        return given | json.loads(body or b"{}"), {}
    if kind.startswith("application/x-www-form-urlencoded"):
        return given | dict(parse_qsl(body.decode())), {}
    files: dict[str, bytes] = {}
    if kind.startswith("multipart/form-data"):
        whole = b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body
        for part in email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts():
            content: Any = part.get_payload(decode=True) or b""
            if (name := part.get_filename()) is not None:
                files[name] = content
            else:
                field_name = part.get_param("name", header="content-disposition")
                given[str(field_name)] = content.decode()
    return given, files
