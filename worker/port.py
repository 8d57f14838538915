"""The port for machines: `/livez`, `/healthz` and `/metrics`, on an address of the operator's own.

Plain HTTP without a login: bind it to the loopback or to a network that customers do not reach. It
tells slugs of ISPs and numbers, nothing of customers.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

import msgspec
import structlog
from prometheus_client.exposition import choose_encoder

from config.settings import Settings, host_and_port
from worker.errors import NotReadyError
from worker.health import Examiner
from worker.metrics import registry
from worker.watcher import Watcher

log = structlog.get_logger()

#: Seconds for a client to say what it wants; then its line is cut.
_PATIENCE = 5.0
#: Requests that are answered at once; whoever comes then is told to come again.
_MOST = 16
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


def require_free(settings: Settings) -> None:
    """This function will refuse to start where nobody could listen.

    Raises:
        NotReadyError: saying what to do.
    """
    if settings.http is not None:
        _bound(settings.http, _Nothing).server_close()


def serve(settings: Settings) -> None:
    """This function will answer until SIGTERM or SIGINT.

    Raises:
        NotReadyError: if nobody can listen there.
    """
    assert settings.http is not None
    watcher = Watcher(settings)
    server = _bound(settings.http, _handler(Answers(watcher)))

    def stop(number: int, frame: object) -> None:
        del number, frame
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)
    log.info("port.listening", http=settings.http)
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.server_close()
        watcher.close()


class Answers:
    """What is answered to each path: status, kind of content, body.

    Args:
        watcher: sees the installation.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._examiner = Examiner(watcher)
        self._registry = registry(watcher)

    def livez(self, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """Say that this process lives, and nothing else."""
        del accept
        return HTTPStatus.OK, _TEXT, b"ok\n"

    def healthz(self, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """Say whether the installation is well, and what is not."""
        del accept
        health = self._examiner.examine()
        status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return status, _JSON, msgspec.json.format(msgspec.json.encode(health)) + b"\n"

    def metrics(self, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """Tell all numbers, in the form that the client takes."""
        encode, kind = choose_encoder(accept)
        return HTTPStatus.OK, kind, encode(self._registry)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def server_bind(self) -> None:
        """Bind, and ask no DNS for our own name: that may hang."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave it to the log, without a traceback for whoever hung up."""
        del request, client_address
        log.debug("port.broken", why=type(sys.exc_info()[1]).__name__)


class _ServerOfSix(_Server):
    address_family = socket.AF_INET6


class _Nothing(BaseHTTPRequestHandler):
    """Answers nobody: only the address is tried."""


def _bound(address: str, handler: type[BaseHTTPRequestHandler]) -> _Server:
    host, port = host_and_port(address)
    kind = _ServerOfSix if ":" in host else _Server
    try:
        return kind((host, port), handler)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NotReadyError(
            f"ALERTA_HTTP: cannot listen on {address}: {why}; "
            "choose an address of this machine and a port that is free"
        ) from None


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    seats = threading.BoundedSemaphore(_MOST)
    paths: dict[str, Callable[[str], tuple[HTTPStatus, str, bytes]]] = {
        "/livez": answers.livez,
        "/healthz": answers.healthz,
        "/metrics": answers.metrics,
    }

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE
        server_version = "alerta"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer."""
            answer = paths.get(self.path.partition("?")[0])
            if answer is None:
                names = " ".join(paths)
                self._say(HTTPStatus.NOT_FOUND, _TEXT, f"there is {names}\n".encode())
            elif not seats.acquire(blocking=False):
                self._say(HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"too many at once\n")
            else:
                try:
                    self._say(*answer(self.headers.get("Accept", "")))
                finally:
                    seats.release()

        do_HEAD = do_GET  # noqa: N815 - its name is http.server's

        def _say(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name is http.server's
            """Be silent: a scrape every few seconds is no news."""

    return Handler
