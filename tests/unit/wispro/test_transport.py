"""One GET: headers, retries, pauses, deadlines, sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest

from wispro.client import WisproClient
from wispro.errors import (
    BrokenResponse,
    NotAuthorized,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
    UnexpectedResponse,
    Unreachable,
    WisproError,
)
from wispro.limits import Limits

TOKEN = "0c6f9a52-secret-token-4b1e"
GOOD = {"status": 200, "data": {"id": "i-1", "state": "paid", "amount": "1.0"}}
Scripted = Callable[..., WisproClient]


def in_turn(*answers: httpx.Response | Exception) -> Callable[[httpx.Request], httpx.Response]:
    """Give the answers one after the other, the last one for ever."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return answer


def good() -> httpx.Response:
    """Give the invoice."""
    return httpx.Response(200, json=GOOD)


def test_a_request_carries_the_bare_token(scripted: Scripted) -> None:
    """No scheme stands before the token, and JSON is asked for."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return good()

    client = scripted(answer, base_url="https://isp.example/api/v1/")
    client.invoice("i-1")
    assert seen[0].headers["Authorization"] == TOKEN
    assert seen[0].headers["Accept"] == "application/json"
    assert str(seen[0].url) == "https://isp.example/api/v1/invoicing/invoices/i-1"


def test_a_cookie_of_one_isp_never_speaks_for_another(scripted: Scripted) -> None:
    """The shared HTTP client may collect cookies; none is sent."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=GOOD, headers={"Set-Cookie": "_session=isp-a; Path=/"})

    client = scripted(answer)
    client.invoice("i-1")
    client.invoice("i-1")
    assert "Cookie" not in seen[1].headers


def test_a_redirect_is_not_followed(scripted: Scripted) -> None:
    """The token goes nowhere but to the address of the settings."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    with pytest.raises(UnexpectedResponse):
        scripted(answer).invoice("i-1")
    assert seen == ["www.cloud.wispro.example"]


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.PoolTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.Response(500),
        httpx.Response(502, html="<html>"),
        httpx.Response(429),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"status": 500}),
    ],
)
def test_passing_trouble_is_asked_again(
    scripted: Scripted, naps: list[float], trouble: httpx.Response | Exception
) -> None:
    """What may be better the next time gets a pause and another try."""
    client = scripted(in_turn(trouble, good()))
    assert client.invoice("i-1").wispro_id == "i-1"
    assert client.requests == 2
    assert naps == [1.0]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.Response(401), NotAuthorized),
        (httpx.Response(404), NotFound),
        (httpx.Response(200, json={"status": 401}), NotAuthorized),
        (httpx.Response(200, json={"status": 200, "data": []}), UnexpectedResponse),
    ],
)
def test_lasting_trouble_is_asked_once(
    scripted: Scripted, trouble: httpx.Response, kind: type[WisproError]
) -> None:
    """What the same question cannot better is raised at once."""
    client = scripted(in_turn(trouble))
    with pytest.raises(kind):
        client.invoice("i-1")
    assert client.requests == 1


def test_tries_end_and_the_last_error_tells(scripted: Scripted, naps: list[float]) -> None:
    """After three tries the last error is raised, with growing pauses between."""
    client = scripted(in_turn(httpx.Response(500), httpx.ConnectError("x")))
    with pytest.raises(Unreachable):
        client.invoice("i-1")
    assert client.requests == 3
    assert naps == [1.0, 2.0]


def test_jitter_is_added_to_every_pause(scripted: Scripted, naps: list[float]) -> None:
    """Many workers that failed together do not come back together."""
    scripted(in_turn(httpx.Response(500), good()), jitter=lambda: 0.25).invoice("i-1")
    assert naps == [1.25]


def test_a_request_waits_its_turn_every_time(scripted: Scripted) -> None:
    """The pace is kept by retries too."""
    turns: list[int] = []
    client = scripted(in_turn(httpx.Response(500), good()), pace=lambda: turns.append(1))
    client.invoice("i-1")
    assert len(turns) == client.requests == 2


def test_no_try_starts_after_the_time_is_spent(scripted: Scripted, naps: list[float]) -> None:
    """Slow failures leave no time for another try."""
    seconds = iter([0.0, 0.0, 29.5, 29.5, 29.5])
    client = scripted(in_turn(httpx.Response(500), good()), clock=lambda: next(seconds))
    with pytest.raises(ServerError):
        client.invoice("i-1")
    assert (client.requests, naps) == (1, [])


NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:09 GMT"}, 9.0),
        ({"Retry-After": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        (
            {
                "Retry-After": "Sun, 22 Nov 2026 15:00:05 GMT",
                "Date": "Sun, 22 Nov 2026 15:00:00 GMT",
            },
            5.0,
        ),
        ({"Retry-After": "soon"}, 1.0),
        ({"Retry-After": "-5"}, 1.0),
        ({"Retry-After": ""}, 1.0),
        ({}, 1.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_wispro_names_is_kept(
    scripted: Scripted, naps: list[float], status: int, headers: dict[str, str], pause: float
) -> None:
    """Seconds and dates are understood, by Wispro's own clock where it tells; else we choose."""
    refused = httpx.Response(status, headers=headers)
    scripted(in_turn(refused, good()), now=lambda: NOW).invoice("i-1")
    assert sum(naps) == pause


@pytest.mark.parametrize(
    ("asked", "told"),
    [("21", 21), ("86400", 3600), ("9" * 400, 3600), ("Sun, 22 Nov 2026 12:10:00 GMT", 600)],
)
def test_a_long_pause_is_the_callers_to_keep(
    scripted: Scripted, naps: list[float], asked: str, told: float
) -> None:
    """A worker does not sleep for minutes: the pause is handed up, within reason."""
    client = scripted(in_turn(httpx.Response(429, headers={"Retry-After": asked})), now=lambda: NOW)
    with pytest.raises(RateLimited) as limited:
        client.invoice("i-1")
    assert limited.value.retry_after == told
    assert (client.requests, naps) == (1, [])


def test_an_answer_that_is_too_large_is_not_read(scripted: Scripted) -> None:
    """The size is refused where it is promised, and counted where it is not."""
    read: list[int] = []

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            read.append(1)
            yield b" " * 1000

    limits = Limits(json_max_bytes=5000)
    promised = httpx.Response(200, content=chunks(), headers={"Content-Length": "100000"})
    with pytest.raises(UnexpectedResponse, match="more than the allowed 5000 bytes"):
        scripted(in_turn(promised), limits=limits).invoice("i-1")
    assert read == []
    with pytest.raises(UnexpectedResponse, match="more than the allowed 5000 bytes"):
        scripted(in_turn(httpx.Response(200, content=chunks())), limits=limits).invoice("i-1")
    assert len(read) == 6


def test_a_small_gzip_of_a_large_answer_is_too_large(scripted: Scripted) -> None:
    """What counts is what it unpacks to."""
    import gzip

    packed = httpx.Response(
        200, content=gzip.compress(b" " * 1_000_000), headers={"Content-Encoding": "gzip"}
    )
    with pytest.raises(UnexpectedResponse, match="more than"):
        scripted(in_turn(packed), limits=Limits(json_max_bytes=50_000)).invoice("i-1")


def test_an_answer_that_trickles_meets_its_deadline(scripted: Scripted, naps: list[float]) -> None:
    """A byte now and then keeps every read alive, but not the whole."""

    def chunks() -> Iterator[bytes]:
        while True:
            naps.append(1.0)
            yield b" "

    client = scripted(in_turn(httpx.Response(200, content=chunks())))
    with pytest.raises(TimedOut, match="too slowly"):
        client.invoice("i-1")
    assert sum(naps) == pytest.approx(31, abs=1)


def test_an_answer_that_breaks_off_is_not_parsed(scripted: Scripted) -> None:
    """Fewer bytes than promised are a broken answer, even where they happen to be JSON."""
    short = httpx.Response(200, json=GOOD)
    short.headers["Content-Length"] = str(len(short.content) + 1)
    content = short.content

    def answer(request: httpx.Request) -> httpx.Response:
        length = {"Content-Length": str(len(content) + 1)}
        return httpx.Response(200, content=iter([content]), headers=length)

    client = scripted(answer)
    with pytest.raises(BrokenResponse, match="broke off"):
        client.invoice("i-1")
    assert client.requests == 3


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb", "tökén", "x\x00"])
def test_a_token_that_no_header_can_carry_is_refused(scripted: Scripted, token: str) -> None:
    """It is refused before any request, without being shown."""
    with pytest.raises(ValueError, match="visible ASCII") as refused:
        scripted(in_turn(good()), token=token)
    assert not token.strip() or token not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "wispro.co",
        "ftp://wispro.co",
        "https://",
        "https://u:p4ss@wispro.co/api",
        "https://h/?a=1",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(scripted: Scripted, address: str) -> None:
    """It is refused before any request, without its password."""
    with pytest.raises(ValueError, match="the Wispro address") as refused:
        scripted(in_turn(good()), base_url=address)
    assert "p4ss" not in str(refused.value)
