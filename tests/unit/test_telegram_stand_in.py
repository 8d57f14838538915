"""The stand-in for Telegram behaves as documented: what is tested against it means something."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.processes import wait_until
from tests.support.telegram import Bot, TelegramServer

TOKEN = "123456789:AAstand-in"
#: One for all: each would read the certificates of the world.
HTTP = httpx.Client(verify=False, timeout=10)  # noqa: S501 - plain HTTP


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the present."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[TelegramServer]:
    """The stand-in, its limits on a clock that stands still."""
    with TelegramServer(clock=clock, retry_after=5) as running:
        yield running


@pytest.fixture
def bot(server: TelegramServer) -> Bot:
    """One bot."""
    return server.bot(TOKEN)


def ask(server: TelegramServer, method: str, **given: Any) -> tuple[int, dict[str, Any]]:
    answer = HTTP.post(f"{server.url}/bot{TOKEN}/{method}", json=given)
    return answer.status_code, answer.json()


def say(server: TelegramServer, chat_id: int, text: str = "hola") -> int:
    return ask(server, "sendMessage", chat_id=chat_id, text=text)[0]


def test_thirty_messages_go_in_a_second_and_the_next_blocks_the_bot(
    server: TelegramServer, bot: Bot, clock: Clock
) -> None:
    """The window slides; once exceeded, even `getMe` is refused until the pause is over."""
    assert [say(server, chat) for chat in range(1, 31)] == [200] * 30
    status, answer = ask(server, "sendMessage", chat_id=31, text="hola")
    assert (status, answer["parameters"]["retry_after"], bot.violations) == (429, 5, 1)
    clock.now += 4.5
    assert ask(server, "getMe") == (
        429,
        {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 1",
            "parameters": {"retry_after": 1},
        },
    )
    clock.now += 0.5
    assert say(server, 31) == 200
    assert (len(bot.sent), bot.violations, bot.refused) == (31, 1, 1)


def test_any_one_second_counts_and_not_each_by_the_clock(
    server: TelegramServer, bot: Bot, clock: Clock
) -> None:
    """15 late in one second and 16 early in the next are 31 within one."""
    clock.now += 0.9
    assert {say(server, chat) for chat in range(1, 16)} == {200}
    clock.now += 0.5
    assert {say(server, chat) for chat in range(16, 31)} == {200}
    assert say(server, 31) == 429
    assert bot.violations == 1


def test_a_chat_gets_one_message_a_second(server: TelegramServer, bot: Bot, clock: Clock) -> None:
    """Two a second to one chat are too many, two seconds apart are not."""
    assert say(server, 7) == 200
    clock.now += 1.0
    assert say(server, 7) == 200
    clock.now += 0.99
    assert say(server, 7) == 429
    assert bot.violations == 1


def test_a_burst_is_allowed_where_a_test_says_so(clock: Clock) -> None:
    """Three files of one message, then none for as long as they stand for."""
    with TelegramServer(clock=clock, burst=3) as server:
        server.bot(TOKEN)
        assert [say(server, 7) for _ in range(4)] == [200, 200, 200, 429]


def test_who_blocked_the_bot_who_is_gone_and_a_revoked_token(
    server: TelegramServer, bot: Bot
) -> None:
    """403, 400 and 401 in Telegram's own words; none of them counts as a message."""
    bot.blocked.add(1)
    bot.gone.add(2)
    assert ask(server, "sendMessage", chat_id=1, text="x")[1]["description"] == (
        "Forbidden: bot was blocked by the user"
    )
    assert ask(server, "sendMessage", chat_id=2, text="x")[1]["description"] == (
        "Bad Request: chat not found"
    )
    bot.revoked = True
    assert ask(server, "getMe")[0] == 401
    assert bot.sent == []
    assert HTTP.get(f"{server.url}/bot1:nobody/getMe").status_code == 401


def test_files_arrive_with_their_caption(server: TelegramServer, bot: Bot, clock: Clock) -> None:
    """A photo and a document come as forms, as Apprise sends them."""
    for method, part, content in (
        ("sendPhoto", "photo", b"\x89PNG"),
        ("sendDocument", "document", b"%PDF\r\n-x"),
    ):
        answer = HTTP.post(
            f"{server.url}/bot{TOKEN}/{method}",
            data={"chat_id": "7", "caption": "ñandú"},
            files={part: (f"{part}.bin", content)},
        )
        assert answer.status_code == 200, answer.text
        clock.now += 1
    assert [(one.method, one.text, one.files) for one in bot.to(7)] == [
        ("sendPhoto", "ñandú", {"photo.bin": b"\x89PNG"}),
        ("sendDocument", "ñandú", {"document.bin": b"%PDF\r\n-x"}),
    ]


def test_an_update_comes_again_until_its_offset_is_passed(server: TelegramServer, bot: Bot) -> None:
    """Asking from behind an update confirms it."""
    first, second = bot.hears(7, "uno"), bot.hears(7, "dos")
    got = ask(server, "getUpdates")[1]["result"]
    assert [one["message"]["text"] for one in got] == ["uno", "dos"]
    assert len(ask(server, "getUpdates", limit=1)[1]["result"]) == 1
    assert [one["update_id"] for one in ask(server, "getUpdates", offset=second)[1]["result"]] == [
        second
    ]
    assert (bot.waiting, bot.offset, first < second) == ([second], second, True)


def test_a_long_poll_ends_with_the_first_update(server: TelegramServer, bot: Bot) -> None:
    """Who waits is answered as soon as somebody types."""
    got: list[Any] = []
    poll = threading.Thread(target=lambda: got.append(ask(server, "getUpdates", timeout=30)))
    poll.start()
    wait_until(lambda: bot.calls["getUpdates"], seconds=5, what="the poller waits")
    bot.hears(7, "hola")
    poll.join(5)
    ((status, answer),) = got
    assert (status, len(answer["result"])) == (200, 1)


def test_of_two_pollers_the_earlier_is_told_so(server: TelegramServer, bot: Bot) -> None:
    """409, as with a webhook, which `deleteWebhook` takes away."""
    got: list[Any] = []
    poll = threading.Thread(target=lambda: got.append(ask(server, "getUpdates", timeout=30)))
    poll.start()
    wait_until(lambda: bot.calls["getUpdates"], seconds=5, what="the first poller waits")
    assert ask(server, "getUpdates")[0] == 200
    poll.join(5)
    assert got[0][0] == 409
    assert "terminated by other getUpdates" in got[0][1]["description"]

    bot.webhook = "https://elsewhere.example"
    status, answer = ask(server, "getUpdates")
    assert (status, "webhook is active" in answer["description"]) == (409, True)
    assert ask(server, "deleteWebhook") == (200, {"ok": True, "result": True})
    assert ask(server, "getUpdates")[0] == 200
