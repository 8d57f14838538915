"""Providers on loopback: one of HTTP that answers as told, one of SMTP that follows a script."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


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


#: Answers nothing until the server is closed.
SILENCE = 60.0
#: Cuts the connection so that the other side sees a reset and not an end.
RESET = object()

Reply = str | float | object | None


class ScriptedSmtp:
    """An SMTP server that answers by verb, on any number of connections.

    A script maps a verb ("connect", "EHLO", "MAIL", "RCPT", "DATA", "dot" …) to a reply, or to a
    list of replies of which each time takes the next and the last one stays. None closes the
    connection instead, `RESET` cuts it, a number waits that many seconds (or until the server
    closes) and then closes it.

    Args:
        scripts: one for each connection; the last one serves all that follow.
        features: what EHLO announces.
        script: the script of every connection, where there is only one.

    Attributes:
        dialogues: the verbs that came on each connection, "dot" for the end of a message.
        bodies: the messages that were answered with 250, without the dot.
        text_lines: how many lines came as text of a message, finished or not.
    """

    def __init__(
        self,
        *scripts: dict[str, Any],
        features: tuple[str, ...] = (),
        **script: Reply | list[Reply],
    ) -> None:
        self._scripts = list(scripts) or [script]
        self._features = features
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"mailto://127.0.0.1:{self.port}?from=avisos@isp.example"
        self.dialogues: list[list[str]] = []
        self.bodies: list[bytes] = []
        self.text_lines = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._links: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def got(self) -> list[str]:
        """All verbs, connection after connection."""
        return [verb for dialogue in self.dialogues for verb in dialogue]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true of what the server saw.

        Raises:
            TimeoutError: if it does not become true.
        """
        with self._changed:
            if not self._changed.wait_for(condition, 10):
                raise TimeoutError(f"the server saw {self.dialogues}")

    def hang_up(self) -> None:
        """Close every connection, as a server that restarts does."""
        for link in self._links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening, close what is open, and wait for the dialogues to end."""
        self._closing.set()
        with suppress(OSError):  # a second time
            self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(len(self.dialogues), len(self._scripts) - 1)]
            verbs: list[str] = []
            self.dialogues.append(verbs)
            self._links.append(link)
            replies = {key: list(r) if isinstance(r, list) else [r] for key, r in script.items()}
            thread = threading.Thread(target=self._serve, args=(link, replies, verbs))
            self._threads.append(thread)
            thread.start()

    def _serve(
        self, link: socket.socket, replies: dict[str, list[Reply]], verbs: list[str]
    ) -> None:
        with link, link.makefile("rb") as lines, suppress(OSError):
            if not self._say(link, _next(replies, "connect", "220 scripted")):
                return
            usual = {"DATA": "503 5.5.1 to whom?", "QUIT": "221 bye"}
            features = ["scripted", *self._features]
            if "auth" in replies:
                features.append("AUTH PLAIN")
                replies.setdefault("AUTH", replies["auth"])
            usual["EHLO"] = "\r\n".join(
                f"250{'-' if place + 1 < len(features) else ' '}{feature}"
                for place, feature in enumerate(features)
            )
            body: list[bytes] | None = None
            for raw in lines:
                line = raw.decode("ascii", "replace").rstrip("\r\n")
                if body is not None and line != ".":
                    body.append(raw)
                    self.text_lines += 1
                    continue
                verb = "dot" if body is not None else line.partition(" ")[0].upper()
                with self._changed:
                    verbs.append(verb)
                    self._changed.notify_all()
                answer = _next(replies, verb, usual.get(verb, "250 OK"))
                if body is not None and str(answer).startswith("250"):
                    self.bodies.append(b"".join(body))
                if not self._say(link, answer):
                    return
                if verb in {"MAIL", "dot", "RSET"}:  # one sender at a time (RFC 5321, 4.1.4)
                    begun = verb == "MAIL" and str(answer).startswith("2")
                    usual["MAIL"] = "503 5.5.1 one is begun" if begun else "250 OK"
                if verb in {"MAIL", "RCPT"}:
                    usual["DATA"] = "354 go on" if str(answer)[0] == "2" else "503 5.5.1 to whom?"
                    if verb == "MAIL":
                        usual["RCPT"] = (
                            "250 OK" if str(answer)[0] == "2" else "503 5.5.1 from whom?"
                        )
                body = [] if verb == "DATA" and str(answer).startswith("354") else None
                if verb == "QUIT" or str(answer).startswith("421"):
                    return

    def _say(self, link: socket.socket, reply: Reply) -> bool:
        """Answer; return whether the connection lives on."""
        if isinstance(reply, str):
            link.sendall(reply.encode() + b"\r\n")
            return True
        if reply is RESET:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif isinstance(reply, int | float):
            self._closing.wait(reply)
        return False


def _next(replies: dict[str, list[Reply]], verb: str, usual: str) -> Reply:
    given = replies.get(verb, [usual])
    return given.pop(0) if len(given) > 1 else given[0]


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
