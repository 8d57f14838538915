"""The stand-in for Wispro within this process: its answers without a socket, without waiting."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from wispro.sandbox import api, server
from wispro.sandbox.delivery import instead
from wispro.sandbox.faults import FaultBox
from wispro.sandbox.state import State

_LATE = frozenset({"timeout", "trickle"})


def _nothing() -> None:
    """Do nothing."""


def _let_through(target: str) -> None:
    """Do nothing about a request."""


class InProcess(httpx.BaseTransport):
    """Answers like the stand-in's server.

    Args:
        state: of the stand-in.
        faults: the rules in force.
        before: called before each request with its path and query; may raise.
        shifted: called when a fault has changed the truth.
    """

    def __init__(
        self,
        state: State,
        faults: FaultBox,
        *,
        before: Callable[[str], None] = _let_through,
        shifted: Callable[[], None] = _nothing,
    ) -> None:
        self._state = state
        self._faults = faults
        self._before = before
        self._shifted = shifted

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path.removeprefix("/api/v1")
        query = dict(request.url.params)
        self._before(f"{path}?{request.url.params}")
        rules = self._faults.take(path, int(query.get("page", "1")))
        if request.headers["authorization"] != self._state.token:
            reply = api.error(self._state, 401)
            return httpx.Response(reply.status, content=reply.body)
        names = frozenset(rule.fault for rule in rules)
        for rule in rules:
            if rule.fault == "shift":
                server._shift(self._state, rule)
                self._shifted()
        reply = instead(self._state, rules) or api.respond(
            self._state, api.Call(request.method, path, query, b"", names)
        )
        if names & _LATE:
            raise httpx.ReadTimeout("too late", request=request)
        headers = {"Content-Type": reply.content_type, **reply.headers}
        if "broken_json" in names:
            reply.body = reply.body[: len(reply.body) // 2]
        if "truncated_body" in names:
            headers["Content-Length"] = str(len(reply.body) + 1000)
        return httpx.Response(reply.status, headers=headers, content=reply.body)
