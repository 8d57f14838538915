"""The door to the Bot API, against the stand-in and against whatever else may answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from billing.chat import BotAccess, ChatError, ChatPort, ChatTrouble, Said
from billing.letter import Envelope, Fate, Message
from billing.ports import DestinationError
from billing.values import Medium
from notifications.door import AppriseDoor
from notifications.telegram import TelegramDoor
from tests.support.telegram import Bot, TelegramServer

TOKEN = "123456789:AA-SECRET_token"
ACCESS = BotAccess(bot_id=123456789, token=TOKEN)


@pytest.fixture(scope="module")
def server() -> Iterator[TelegramServer]:
    """One stand-in for this file; each test has its own bot."""
    with TelegramServer(retry_after=1) as running:
        yield running


@pytest.fixture
def bot(server: TelegramServer) -> Bot:
    """A fresh bot."""
    server.bots.clear()
    return server.bot(TOKEN)


@pytest.fixture
def door(server: TelegramServer) -> Iterator[TelegramDoor]:
    """The door to the stand-in."""
    with httpx.Client(verify=False) as http:  # noqa: S501 - plain HTTP
        yield TelegramDoor(http, api=server.url + "/")


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> TelegramDoor:
    """Return a door behind which somebody else answers."""
    return TelegramDoor(httpx.Client(transport=httpx.MockTransport(answer)))


def trouble(call: Callable[[], object]) -> ChatError:
    """Return the error of a call, which holds no secret and chains none."""
    with pytest.raises(ChatError) as caught:
        call()
    error = caught.value
    assert "SECRET" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def test_the_door_is_what_the_use_cases_ask_for(door: TelegramDoor) -> None:
    """The adapter fits the port, and hides the token."""
    port: ChatPort = door
    assert port.access(f"tgram://{TOKEN}") == ACCESS
    assert "SECRET" not in repr(ACCESS)
    with pytest.raises(DestinationError) as caught:
        door.access(f"mailto://u:{TOKEN}@x.example")
    assert "SECRET" not in str(caught.value)


def test_a_conversation(door: TelegramDoor, bot: Bot) -> None:
    """Its name, what was said to it, what it says."""
    assert door.username(ACCESS) == "interatos_bot"
    number = bot.hears(7, "/saldo", language="pt-br")
    bot.hears(-100, "hola", kind="supergroup", language=None)
    first, second = door.updates(ACCESS, after=None, wait=0)
    assert first == Said(update_id=number, chat_id=7, private=True, text="/saldo", language="pt-br")
    assert (second.chat_id, second.private, second.language) == (-100, False, None)
    assert door.updates(ACCESS, after=number + 2, wait=0) == []
    door.say(ACCESS, 7, "<b>Hola</b> &amp; chau")
    assert [(one.chat_id, one.text) for one in bot.sent] == [(7, "<b>Hola</b> &amp; chau")]
    assert door.link("interatos_bot", "AbC") == "https://t.me/interatos_bot?start=AbC"


def test_what_is_no_message_still_has_a_number(door: TelegramDoor, bot: Bot) -> None:
    """Edits, bots, broken records: seen, and nothing to answer."""
    numbers = [
        bot.happens({"edited_message": {}}),
        bot.happens({"message": {"chat": {"id": "x"}}}),
        bot.hears(7, "x", is_bot=True),
    ]
    assert door.updates(ACCESS, after=None, wait=0) == [Said(update_id=one) for one in numbers]


def test_a_long_poll_waits_for_the_first_word(door: TelegramDoor, bot: Bot) -> None:
    """The wait is Telegram's to do, and longer than any other request may take."""
    bot.before_updates = lambda: bot.hears(7, "hola")
    (said,) = door.updates(ACCESS, after=None, wait=30)
    assert said.text == "hola"


def test_each_refusal_says_what_to_do(door: TelegramDoor, bot: Bot) -> None:
    """Blocked, gone, webhook, another reader, too many, revoked."""
    bot.blocked.add(1)
    bot.gone.add(2)
    assert trouble(lambda: door.say(ACCESS, 1, "x")).trouble is ChatTrouble.GONE
    assert trouble(lambda: door.say(ACCESS, 2, "x")).trouble is ChatTrouble.GONE
    assert trouble(lambda: door.say(ACCESS, 3, "x" * 4097)).trouble is ChatTrouble.REFUSED
    bot.webhook = "https://elsewhere.example"
    poll = lambda: door.updates(ACCESS, after=None, wait=0)  # noqa: E731
    assert trouble(poll).trouble is ChatTrouble.WEBHOOK
    door.take_over(ACCESS)
    bot.other_poller = True
    assert trouble(poll).trouble is ChatTrouble.OTHER_POLLER
    bot.other_poller = False
    door.say(ACCESS, 3, "x")
    error = trouble(lambda: door.say(ACCESS, 3, "x"))
    assert (error.trouble, error.retry_after) == (ChatTrouble.TOO_MANY, 1.0)
    assert trouble(poll).trouble is ChatTrouble.TOO_MANY
    bot.blocked_until = 0.0
    bot.revoked = True
    assert trouble(poll).trouble is ChatTrouble.TOKEN_REFUSED


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html>", ChatTrouble.UNEXPECTED),
        (200, b'{"ok": true, "result": {"username": 7}}', ChatTrouble.UNEXPECTED),
        (200, b'{"ok": true, "result": {"username": "a b/c"}}', ChatTrouble.UNEXPECTED),
        (200, b'{"ok": false}', ChatTrouble.UNEXPECTED),
        (200, b"\xff\xfe", ChatTrouble.UNEXPECTED),
        (302, b"", ChatTrouble.UNEXPECTED),
        (502, b"<html>bad gateway</html>", ChatTrouble.UNEXPECTED),
        (500, b'{"ok": false, "error_code": 500}', ChatTrouble.UNEXPECTED),
        (429, b'{"ok": false, "error_code": 429}', ChatTrouble.TOO_MANY),
        (404, b'{"ok": false, "error_code": 404}', ChatTrouble.TOKEN_REFUSED),
    ],
)
def test_a_strange_answer_is_trouble_and_not_a_crash(
    status: int, body: bytes, expected: ChatTrouble
) -> None:
    """A proxy in between, an outage, a change of the API."""
    door = answering(lambda _: httpx.Response(status, content=body))
    assert trouble(lambda: door.username(ACCESS)).trouble is expected


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError, ChatTrouble.UNREACHABLE),
        (httpx.ConnectTimeout, ChatTrouble.UNREACHABLE),
        (httpx.ReadTimeout, ChatTrouble.TIMED_OUT),
        (httpx.RemoteProtocolError, ChatTrouble.TIMED_OUT),
    ],
)
def test_a_broken_connection_says_whether_it_may_have_arrived(
    failure: type[httpx.RequestError], expected: ChatTrouble
) -> None:
    """Never reached is one thing, no answer another."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise failure(f"about {request.url}", request=request)

    assert trouble(lambda: answering(fail).say(ACCESS, 1, "x")).trouble is expected


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """Eight megabytes are more than a hundred messages."""
    endless = json.dumps({"ok": True, "result": ["x" * 9_000_000]}).encode()
    door = answering(lambda _: httpx.Response(200, content=endless))
    error = trouble(lambda: door.updates(ACCESS, after=None, wait=0))
    assert error.trouble is ChatTrouble.UNEXPECTED


def test_alerts_go_to_the_same_address(server: TelegramServer, bot: Bot) -> None:
    """`ALERTA_TELEGRAM_API` is where Apprise sends to as well."""
    door = AppriseDoor(connect_timeout=2, read_timeout=2, telegram_api=server.url)
    message = Message(medium=Medium.CHAT, locale="es_AR", subject="x", text="hola", html="hola")
    to = Envelope(
        scheme="telegram", transport=f"tgram://{TOKEN}", destination="7", message_id="x",
        sender_name="Interatos",
    )  # fmt: skip
    assert door.send(message, to, ()).fate is Fate.DELIVERED
    assert [one.text for one in bot.sent] == ["hola"]
    bot.blocked.add(7)
    assert door.send(message, to, ()).fate is Fate.REJECTED
