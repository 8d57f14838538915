"""The application: which address leads where, and what every answer carries.

No page needs a script, a cookie or a login, none loads anything from anywhere, and no address of
ours is written into a log: whoever has the link may stop the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing import stopping
from billing.pages import Standing
from notifications.pages import no_page, stop_page

log = structlog.get_logger()

#: Bytes of a form; ours sends eight, RFC 8058 asks for 26.
_LONGEST_BODY = 4096
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class StoppingPort(Protocol):
    """What a customer may stop by a link; see `billing.stopping.Stopping`."""

    def look(self, token: str) -> Standing | None:
        """Say what a link stops."""
        ...

    def stop(self, token: str, *, now: datetime, everything: bool = False) -> Standing | None:
        """Close the channel of a link."""
        ...


@dataclass(frozen=True, slots=True)
class Uses:
    """The use-cases that pages call, and the clock that they read."""

    stopping: StoppingPort
    clock: Callable[[], datetime]


def make_app(uses: Uses) -> Starlette:
    """This function will return the application over these use-cases."""

    async def page(request: Request) -> Response:
        """Show what the link stops; looking at it stops nothing, since scanners open links too."""
        standing = await run_in_threadpool(uses.stopping.look, request.path_params["token"])
        if standing is None:
            return HTMLResponse(no_page(_language_of(request)), 404)
        return HTMLResponse(stop_page(standing))

    async def stop(request: Request) -> Response:
        """Stop: the button of our page, or a mail program's own (RFC 8058, one click)."""
        form = await _form(request)
        token = request.path_params["token"]

        def act() -> Standing | None:
            everything = form.get("todo") == ["1"]
            return uses.stopping.stop(token, now=uses.clock(), everything=everything)

        standing = await run_in_threadpool(act)
        if standing is None:
            return HTMLResponse(no_page(_language_of(request)), 404)
        log.info("web.stopped", channel=token.partition("-")[0], by_mail_program="todo" not in form)
        return HTMLResponse(stop_page(standing))

    async def nothing(request: Request, error: Exception) -> Response:
        del error
        return HTMLResponse(no_page(_language_of(request)), 404)

    async def robots(request: Request) -> Response:
        del request
        return PlainTextResponse("User-agent: *\nDisallow: /\n")

    path = f"/{stopping.PATH}/{{token}}"
    app = Starlette(
        routes=[
            Route(path, page, methods=["GET"]),
            Route(path, stop, methods=["POST"]),
            Route("/robots.txt", robots),
        ],
        exception_handlers={404: nothing},
    )
    app.add_middleware(_Headers)
    return app


async def _form(request: Request) -> dict[str, list[str]]:
    """Read a short form; whatever else a mail program posts asks for the same: to stop."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            return {}
    return parse_qs(body.decode("ascii", "replace"))


def _language_of(request: Request) -> str:
    """The first language that the browser names; nobody else tells, without a customer."""
    wanted = request.headers.get("accept-language", "")[:100]
    return wanted.split(",")[0].split(";")[0].strip().replace("-", "_")


class _Headers:
    """Give every answer the headers that keep a page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, with_headers)
