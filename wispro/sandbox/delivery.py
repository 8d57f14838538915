"""How an answer travels: at once, late, byte by byte, cut off, or something else instead of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from wispro.sandbox import api
from wispro.sandbox.api import Reply
from wispro.sandbox.faults import REPLACING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request

    from wispro.sandbox.faults import Rule
    from wispro.sandbox.state import State

_BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_CHUNK = 65_536


def instead(state: State, rules: Sequence[Rule]) -> Reply | None:
    """Return what a rule has answered instead of the truth, if one does."""
    for rule in rules:
        if rule.fault not in REPLACING:
            continue
        where, _, code = rule.fault.partition("_")
        wait = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
        if where == "redirect":
            return Reply(b"", status=302, headers={"Location": "https://elsewhere.example/"})
        if code == "502_html":
            return Reply(_BAD_GATEWAY, status=502, content_type="text/html")
        reply = api.error(state, int(code))
        reply.status = int(code) if where == "http" else reply.status
        reply.headers |= wait
        return reply
    return None


async def deliver(reply: Reply, rules: Sequence[Rule], request: Request) -> Response:
    """Return the response that sends a reply the way the rules have it."""
    by_name = {rule.fault: rule for rule in rules}
    late = by_name.get("timeout")
    if late is not None:
        await asyncio.sleep(late.delay)
    headers = {"Content-Type": reply.content_type, **reply.headers}
    if "broken_json" in by_name:
        reply.body = reply.body[: len(reply.body) // 2]
    if "truncated_body" in by_name:
        headers["Content-Length"] = str(len(reply.body) + 1000)
        return StreamingResponse(_at_once(reply.body), reply.status, headers)
    huge = by_name.get("pdf_huge")
    if huge is not None:
        headers["Content-Length"] = str(huge.size)
        return StreamingResponse(_huge(huge.size, request), reply.status, headers)
    slow = by_name.get("trickle") or by_name.get("pdf_slow")
    if slow is not None:
        headers["Content-Length"] = str(len(reply.body))
        return StreamingResponse(_by_bytes(reply.body, slow.delay, request), reply.status, headers)
    return Response(reply.body, reply.status, headers)


async def _at_once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _by_bytes(body: bytes, delay: float, request: Request) -> AsyncIterator[bytes]:
    for place in range(len(body)):
        if await request.is_disconnected():
            return
        yield body[place : place + 1]
        await asyncio.sleep(delay)


async def _huge(size: int, request: Request) -> AsyncIterator[bytes]:
    yield b"%PDF-1.3\n"
    left = size - 15
    while left > 0 and not await request.is_disconnected():
        yield b" " * min(left, _CHUNK)
        left -= _CHUNK
    yield b"%%EOF\n"
