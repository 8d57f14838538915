"""One GET to Wispro: paced, bounded in time and size, and retried where that can help.

Failures of httpx are turned into the errors of `errors.py` *outside* the `except` that caught them:
an httpx exception carries the request, and with it the token and the query, and a chained
exception would take those along into every report.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

import httpx
import stamina

from billing.spans import span
from wispro.errors import (
    BrokenResponse,
    TimedOut,
    UnexpectedResponse,
    Unreachable,
    WisproError,
    error_for_status,
)
from wispro.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from wispro.limits import Limits

T = TypeVar("T")

_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to Wispro.

    Args:
        path: below the base address.
        what: the kind of thing, for messages; never a value of the query.
        query: filters and page.
        accept: the media type that we want.
        timeout: seconds for connecting, and for each read.
        deadline: seconds for the whole answer.
        max_bytes: the largest answer that is read.
    """

    path: str
    what: str
    query: Mapping[str, str | int]
    accept: str
    timeout: float
    deadline: float
    max_bytes: int


class _Token(httpx.Auth):
    """Puts the raw token into the header; holds it where no repr shows it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Wispro wants the bare token, without a scheme before it."""
        request.headers["Authorization"] = self._token
        yield request


class Transport:
    """Asks one ISP's Wispro; see `WisproClient` for the arguments."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        base_url: str,
        token: str,
        pace: Callable[[], None],
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        now: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
        limits: Limits,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not _TOKEN.fullmatch(token):
            raise ValueError("the Wispro token must be visible ASCII without blanks")
        self._http = http
        self._base_url = _checked_base(base_url)
        self._token = _Token(token)
        self._pace = pace
        self._sleep = sleep
        self._clock = clock
        self._now = now
        self._jitter = jitter
        self._limits = limits
        self._told = told
        self.requests = 0

    @property
    def host(self) -> str:
        """The host that is asked; safe to show."""
        return httpx.URL(self._base_url).host

    def get(self, asked: Asked, interpret: Callable[[Answer], T]) -> T:
        """Ask, and ask again while the error allows it and the bounds do.

        The pauses grow from a second, with jitter, unless Wispro named one in `Retry-After`.
        stamina counts the tries and reports each retry to the logs; it can sleep by the global
        clock only, so it is told "no pause" (its logs say `wait_for=0`) and the pause is slept
        here, before the next try.

        Args:
            asked: the question.
            interpret: makes a fact of the answer, or raises the error that is inside it.

        Raises:
            WisproError: the error of the last try; with `retry_after` where Wispro named a pause.
        """
        started = self._clock()
        pause = 0.0
        tries = 0

        def pause_after(error: Exception) -> float | bool:
            nonlocal pause
            if not isinstance(error, WisproError) or not error.may_retry:
                return False
            pause = self._pause(tries, error.retry_after)
            spent = self._clock() - started
            if pause > self._limits.longest_pause_seconds:
                return False
            return 0.0 if spent + pause <= self._limits.retry_seconds else False

        for attempt in stamina.retry_context(
            on=pause_after, attempts=self._limits.tries, timeout=None
        ):
            with attempt:
                tries += 1
                if pause:
                    self._sleep(pause)
                return self._counted(asked, interpret)
        raise AssertionError("stamina either returns or raises")

    def _counted(self, asked: Asked, interpret: Callable[[Answer], T]) -> T:
        """Make one request, and tell how it ended."""
        try:
            with span("wispro.request", what=asked.what):
                found = interpret(self._once(asked))
        except WisproError as error:
            self._told(error.reason.value)
            raise
        self._told("ok")
        return found

    def _pause(self, tries: int, retry_after: float | None) -> float:
        if retry_after is not None:
            return retry_after + self._jitter()
        return float(2 ** (tries - 1)) + self._jitter()

    def _once(self, asked: Asked) -> Answer:
        """Make one HTTP request and read its whole answer."""
        self._pace()
        request = self._http.build_request(
            "GET",
            self._base_url + asked.path,
            params=dict(asked.query),
            headers={"Accept": asked.accept},
            timeout=asked.timeout,
        )
        # A session cookie that one ISP's token earned must not speak for another ISP.
        request.headers.pop("Cookie", None)
        self.requests += 1
        deadline = self._clock() + asked.deadline
        try:
            response = self._http.send(
                request, auth=self._token, stream=True, follow_redirects=False
            )
            try:
                return self._whole(response, asked, deadline)
            finally:
                response.close()
        except httpx.TimeoutException:
            failure: WisproError = TimedOut(f"Wispro did not give {asked.what} in time.")
        except (httpx.RemoteProtocolError, httpx.DecodingError):
            failure = BrokenResponse(f"Wispro's answer about {asked.what} broke off.")
        except httpx.RequestError:
            failure = Unreachable(f"Wispro could not be reached for {asked.what}.")
        raise failure

    def _whole(self, response: httpx.Response, asked: Asked, deadline: float) -> Answer:
        """Read an answer within its deadline and size, and check that nothing of it is missing."""
        retry_after = self._retry_after(response.headers)
        error = error_for_status(response.status_code, what=asked.what, retry_after=retry_after)
        if error is not None:
            raise error
        promised = _content_length(response.headers)
        too_large = UnexpectedResponse(
            f"Wispro gave more than the allowed {asked.max_bytes} bytes of {asked.what}."
        )
        if promised is not None and promised > asked.max_bytes:
            raise too_large
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk  # decoded: a small gzip can hold a large answer
            if len(body) > asked.max_bytes:
                raise too_large
            if self._clock() > deadline:
                raise TimedOut(f"Wispro gave {asked.what} too slowly.")
        # httpx counts what came over the wire, but not where a test hands it a ready-made body
        came = response.num_bytes_downloaded or len(body)
        if promised is not None and came != promised:
            raise BrokenResponse(f"Wispro's answer about {asked.what} broke off.")
        return Answer(body=bytes(body), retry_after=retry_after)

    def _retry_after(self, headers: httpx.Headers) -> float | None:
        """Return the seconds of `Retry-After` in either form (RFC 9110, 10.2.3), within bounds."""
        value = headers.get("Retry-After", "").strip()
        if not value:
            return None
        if value.isascii() and value.isdigit():
            seconds = float(value[:9])
        else:
            moment, sent = _http_date(value), _http_date(headers.get("Date", ""))
            if moment is None:
                return None
            seconds = (moment - (sent or self._now())) / timedelta(seconds=1)
        return min(max(seconds, 0.0), self._limits.longest_retry_after)


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def _checked_base(base_url: str) -> str:
    problem = ""
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError):
        problem = "is no address"
    else:
        if url.scheme not in {"http", "https"} or not url.host:
            problem = "must begin with https:// and name a host"
        elif url.userinfo or url.query or url.fragment:
            problem = "must hold no password, query or fragment"
    if problem:
        raise ValueError(f"the Wispro address {problem}")
    return base_url.rstrip("/")


def _content_length(headers: httpx.Headers) -> int | None:
    value = headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
