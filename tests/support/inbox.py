"""A real SMTP server: keeps every message, and can refuse one or hesitate before it answers."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import threading
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that arrived, raw and read."""

    recipient: str
    raw: bytes = field(repr=False)
    message_id: str
    subject: str
    sender: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    qr: bytes | None = field(repr=False)
    qr_is_inline: bool
    pdf: bytes | None = field(repr=False)

    @property
    def everything(self) -> str:
        """All that the customer can read."""
        return f"{self.subject}\n{self.text}\n{self.html}"


class Inbox:
    """Listens on a port of 127.0.0.1 that the system chose; a context manager.

    Attributes:
        letters: what arrived and was accepted, in order.
        answer: the reply to a message; "250 kept" keeps it.
        hesitate: seconds between having a message and answering.
        received: set once a message came, whatever the answer.
        password: if set, the only one that a login may use; a message then needs a login.
    """

    def __init__(self, *, password: str | None = None) -> None:
        self.letters: list[Letter] = []
        self.answer = "250 kept"
        self.hesitate = 0.0
        self.received = threading.Event()
        self.password = password
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._controller = _Controller(self, self._socket)

    @property
    def url(self) -> str:
        """The sending account of an ISP that uses this server."""
        login = f"avisos:{self.password}@" if self.password else ""
        return f"mailto://{login}127.0.0.1:{self.port}?from=avisos@interatos.example"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
        self._socket.close()

    def to(self, address: str) -> list[Letter]:
        """Return the messages for one address."""
        return [letter for letter in self.letters if letter.recipient == address]

    def wait_for(self, number: int, *, seconds: float) -> list[Letter]:
        """Return the messages once there are so many.

        Raises:
            TimeoutError: if they do not come in time.
        """
        deadline = time.monotonic() + seconds
        while len(self.letters) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.letters)} of {number} messages came")
            time.sleep(0.05)
        return list(self.letters)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message."""
        if self.password is not None and not session.authenticated:
            return "530 5.7.0 log in first"
        if self.answer.startswith("250"):
            self.letters += [_read(envelope.content, one) for one in envelope.rcpt_tos]
        self.received.set()
        if self.hesitate:
            await asyncio.sleep(self.hesitate)
        return self.answer

    def authenticate(self, _s: Any, _session: Any, _e: Any, _mechanism: str, given: Any) -> Any:
        """Accept the one password."""
        assert isinstance(given, LoginPassword)
        right = self.password is not None and given.password == self.password.encode()
        return AuthResult(success=right)


class _Controller(Controller):
    """aiosmtpd on a socket that is bound already: its own cannot choose a port."""

    def __init__(self, inbox: Inbox, bound: socket.socket) -> None:
        login: dict[str, Any] = {}
        if inbox.password is not None:
            login = {"authenticator": inbox.authenticate, "auth_require_tls": False}
        super().__init__(
            inbox, hostname="127.0.0.1", port=bound.getsockname()[1], ready_timeout=10, **login
        )
        self._bound = bound

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._bound)


def _read(raw: bytes, recipient: str) -> Letter:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts: dict[str, EmailMessage] = {}
    for part in message.walk():
        if not part.is_multipart():
            parts.setdefault(part.get_content_type(), part)
    content = {kind: part.get_content() for kind, part in parts.items()}
    html = str(content.get("text/html", ""))
    cid = str(parts["image/png"]["Content-ID"]).strip("<>") if "image/png" in parts else None
    return Letter(
        recipient=recipient,
        raw=raw,
        message_id=str(message["Message-ID"]),
        subject=str(message["Subject"]),
        sender=str(message["From"]),
        text=str(content.get("text/plain", "")),
        html=html,
        qr=content.get("image/png"),
        qr_is_inline=cid is not None and f"cid:{cid}" in html,
        pdf=content.get("application/pdf"),
    )
