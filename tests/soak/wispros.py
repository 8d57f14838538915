"""Many Wispros on one port of 127.0.0.1, each with an address, records and faults of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import uvicorn

from tests.support.processes import wait_until
from wispro.sandbox.faults import FaultBox
from wispro.sandbox.server import make_app
from wispro.sandbox.state import State

TOKEN = "a-token-of-the-soak"


@dataclass(frozen=True, slots=True)
class Wispro:
    """One of them."""

    slug: str
    base_url: str
    state: State
    faults: FaultBox


class Wispros:
    """Serves them in a thread of this process; a context manager.

    Args:
        number: how many.
    """

    def __init__(self, number: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        port = self._socket.getsockname()[1]
        self.all: Sequence[Wispro] = [
            Wispro(f"isp{n}", f"http://127.0.0.1:{port}/{n}/api/v1", State(TOKEN), FaultBox())
            for n in range(number)
        ]
        self._apps = [make_app(one.state, one.faults) for one in self.all]
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._dispatch,
                interface="asgi3",
                log_config=None,
                log_level="critical",
                lifespan="off",
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="wispros", daemon=True
        )

    async def _dispatch(self, scope: Any, receive: Any, send: Any) -> None:
        number, _, path = scope["path"].lstrip("/").partition("/")
        inner = {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}
        await self._apps[int(number)](inner, receive, send)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, seconds=20, what="the stand-ins answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(20)
        self._socket.close()
