"""Somebody outside who expects to be called, as Healthchecks.io does: over HTTP, on loopback."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

#: Long and strange enough to be found again wherever it leaked.
UUID = "5f0c1d2e-heartbeat-of-the-tests-77aa"


class Watcher:
    """Remembers the path of every call.

    Attributes:
        status: with which it answers; 0 closes the connection instead.
        hold: set before an answer goes out, where there is one: for two at once.
        calls: the paths, in order.
    """

    def __init__(self) -> None:
        self.status = 200
        self.hold: threading.Barrier | None = None
        self.calls: list[str] = []
        watcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                watcher.calls.append(self.path)
                if watcher.hold is not None:
                    watcher.hold.wait(10)
                if not watcher.status:
                    self.close_connection = True
                    return
                with suppress(OSError):  # whoever called may have lost patience
                    self.send_response(watcher.status)
                    if 300 <= watcher.status < 400:
                        self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"OK")

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """The address to call."""
        return f"http://127.0.0.1:{self.port}/{UUID}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, number: int, *, seconds: float) -> None:
        """Wait until there were so many calls.

        Raises:
            TimeoutError: if they do not come in time.
        """
        deadline = time.monotonic() + seconds
        while len(self.calls) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.calls)} of {number} calls came")
            time.sleep(0.05)
