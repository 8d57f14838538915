"""Providers on loopback: one of HTTP that answers as told, one of SMTP that follows a script."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SILENCE = "no answer at all"


class Provider:
    """An HTTP provider that answers every request alike and remembers them.

    `answers` is a list of (status, body) taken in turn, the last one for ever; a status of 0 closes
    the connection without an answer, a negative one answers only when the provider is closed.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = [(200, {})]
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._closing = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                provider.requests.append((self.path, dict(self.headers), body))
                answers = provider.answers
                status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if status < 0:
                    provider._closing.wait()
                    status = 200
                if status == 0:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                out = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(out)))
                    if 300 <= status < 400:
                        self.send_header("Location", "/elsewhere")
                    self.end_headers()
                    self.wfile.write(out)
                except OSError:
                    pass

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class ScriptedSmtp:
    """An SMTP server for one connection that answers by verb.

    `script` maps a verb ("connect", "MAIL", "RCPT", "DATA", ".") to a reply; None closes the
    connection instead, `SILENCE` leaves it open until the server is closed.
    """

    def __init__(self, **script: str | None) -> None:
        self._script = script
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.got: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _reply(self, link: socket.socket, verb: str, usual: str) -> bool:
        reply = self._script.get(verb, usual)
        if reply is None:
            return False
        if reply is SILENCE:
            self._closing.wait()
            return False
        link.sendall(reply.encode() + b"\r\n")
        return True

    def _serve(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        with link, link.makefile("rb") as lines:
            if not self._reply(link, "connect", "220 scripted"):
                return
            usual = {"EHLO": "250 scripted", "DATA": "354 go on", "QUIT": "221 bye"}
            if "auth" in self._script:
                usual["EHLO"] = "250-scripted\r\n250 AUTH PLAIN"
                usual["AUTH"] = str(self._script["auth"])
            in_body = False
            for raw in lines:
                line = raw.decode("ascii", "replace").rstrip("\r\n")
                if in_body and line != ".":
                    continue
                verb = "dot" if in_body else line.partition(" ")[0].upper()
                self.got.append(verb)
                in_body = False
                try:
                    if not self._reply(link, verb, usual.get(verb, "250 OK")):
                        return
                except OSError:
                    return
                in_body = verb == "DATA" and str(self._script.get("DATA", "354")).startswith("354")

    def close(self) -> None:
        """Stop listening and wait for the dialogue to end."""
        self._closing.set()
        self._listener.close()
        self._thread.join(5)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
