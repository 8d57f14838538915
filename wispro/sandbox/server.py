"""Serves the stand-in on a port: `SandboxServer` beside a test, `run` for the command line."""

from __future__ import annotations

import re
import socket
import threading
from typing import TYPE_CHECKING, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from wispro.sandbox import api, seed
from wispro.sandbox.control import Control
from wispro.sandbox.delivery import deliver, instead
from wispro.sandbox.faults import FaultBox, Rule
from wispro.sandbox.state import State

if TYPE_CHECKING:
    from starlette.requests import Request

_ANY_ID = re.compile(r"/[^/]*\d[^/]*(?=/|$)")
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_START_SECONDS = 10


def make_app(state: State, faults: FaultBox) -> Starlette:
    """Return the application over a made-up account and its rules of failure."""
    control = Control(state, faults)

    async def wispro(request: Request) -> Response:
        path = "/" + request.path_params["path"]
        query = dict(request.query_params)
        state.served[_ANY_ID.sub("/{id}", path)] += 1
        page = query.get("page", "1")
        rules = faults.take(path, int(page) if page.isascii() and page.isdigit() else None)
        if request.headers.get("authorization") != state.token:
            return await deliver(api.error(state, 401), [], request)
        for rule in rules:
            if rule.fault == "shift":
                _shift(state, rule)
        reply = instead(state, rules)
        if reply is None:
            names = frozenset(rule.fault for rule in rules)
            body = await request.body()
            reply = api.respond(state, api.Call(request.method, path, query, body, names))
        return await deliver(reply, rules, request)

    async def sandbox(request: Request) -> Response:
        body = await request.body()
        status, answer = control.answer(request.method, request.path_params["path"], body)
        return Response(answer, status, media_type="application/json")

    return Starlette(
        routes=[
            Route("/api/v1/{path:path}", wispro, methods=_METHODS),
            Route("/sandbox/{path:path}", sandbox, methods=_METHODS),
        ]
    )


def _shift(state: State, rule: Rule) -> None:
    """Change the list while somebody pages through it."""
    with state.lock:
        if rule.how == "create":
            state.bill(state.contracts[-1])
            return
        pending = state.by_state["pending"]
        if not pending:
            return
        oldest = state.invoices[pending[0]]
        if rule.how == "pay" and oldest.balance > 0:
            state.pay(oldest)
        elif rule.how == "remove":
            state.remove(oldest)
        elif rule.how == "void":
            state.set_state(oldest, "void")


class SandboxServer:
    """A stand-in on 127.0.0.1, in a thread of this process; a context manager.

    It starts with the customer of the seed document. `state` and `faults` may be used directly,
    from any thread.

    Args:
        token: the only token that the API accepts.
        port: 0 takes any free one.
        interatos: whether the customer of the seed document is there.
    """

    def __init__(
        self,
        *,
        token: str = "sandbox-token",  # noqa: S107 - opens a stand-in only
        port: int = 0,
        interatos: bool = True,
    ) -> None:
        self.state = State(token)
        self.faults = FaultBox()
        if interatos:
            seed.interatos(self.state)
        # asyncio turns Nagle's delay of 40 ms off only where the protocol is named
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(self.state, self.faults),
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="wispro-sandbox", daemon=True
        )

    @property
    def base_url(self) -> str:
        """The address that a `WisproClient` is given."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def control_url(self) -> str:
        """The address of the control side."""
        return f"http://127.0.0.1:{self.port}/sandbox"

    def start(self) -> Self:
        """Serve; returns when requests are answered."""
        self._thread.start()
        waited = threading.Event()
        for _ in range(_START_SECONDS * 200):
            if self._server.started:
                return self
            waited.wait(0.005)
        raise RuntimeError("the stand-in for Wispro did not start")

    def stop(self) -> None:
        """Stop serving, without waiting for answers that are under way."""
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread.is_alive():
            self._thread.join(_START_SECONDS)
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8099,
    token: str = "sandbox-token",  # noqa: S107 - opens a stand-in only
    clients: int = 0,
    invoices: int = 0,
    seed_number: int = 1,
) -> None:
    """Serve a stand-in until it is interrupted.

    Args:
        host: the address to listen on.
        port: the port to listen on.
        token: the only token that the API accepts.
        clients: made-up customers, beside the one of the seed document.
        invoices: their invoices.
        seed_number: the same one makes the same people.
    """
    state = State(token)
    seed.interatos(state)
    seed.generate(state, clients=clients, invoices=invoices, seed=seed_number)
    uvicorn.run(
        make_app(state, FaultBox()),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
