"""Our pages on a port of 127.0.0.1, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from web.app import Uses, make_app


@contextmanager
def serving(uses: Uses) -> Iterator[httpx.Client]:
    """Serve, and yield a client whose base is where a public URL would lead."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(make_app(uses), log_config=None, lifespan="off"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=False) as client:  # noqa: S501 - plain HTTP
                yield client
        finally:
            server.should_exit = True
            thread.join(10)
