"""A local SMTP inbox: keeps every message and leaves it on disk as a person would look at it."""

from __future__ import annotations

import base64
import email
import email.policy
import re
import socket
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that arrived."""

    recipient: str
    message_id: str
    subject: str
    text: str
    html: str
    pdf: bytes | None
    qr: bytes | None
    raw: bytes

    def everything(self) -> str:
        """Return all that the customer can read."""
        return f"{self.subject}\n{self.text}\n{self.html}"


class Inbox:
    """Listens on 127.0.0.1; one file per part lands in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.letters: list[Letter] = []
        self._folder = folder
        self.port = _free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10)

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        """Keep a message."""
        del server, session
        raw: bytes = envelope.content
        for recipient in envelope.rcpt_tos:
            letter = _read(raw, recipient)
            self._write(letter)
            self.letters.append(letter)
        return "250 kept"

    def _write(self, letter: Letter) -> None:
        number = len(self.letters) + 1
        stem = self._folder / f"{number:02}-{letter.recipient.partition('@')[0]}"
        stem.with_suffix(".eml").write_bytes(letter.raw)
        picture = base64.b64encode(letter.qr or b"").decode()
        page = re.sub(r"cid:[^\"']+", f"data:image/png;base64,{picture}", letter.html)
        stem.with_suffix(".html").write_text(page, encoding="utf-8")
        if letter.pdf is not None:
            stem.with_suffix(".pdf").write_bytes(letter.pdf)
        if letter.qr is not None:
            stem.with_suffix(".png").write_bytes(letter.qr)


def _free_port() -> int:
    """Return a port that is free now (aiosmtpd cannot choose one by itself)."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _read(raw: bytes, recipient: str) -> Letter:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts: dict[str, Any] = {}
    for part in message.walk():
        if not part.is_multipart():
            parts.setdefault(part.get_content_type(), part.get_content())
    return Letter(
        recipient=recipient,
        message_id=str(message["Message-ID"]),
        subject=str(message["Subject"]),
        text=parts.get("text/plain", ""),
        html=parts.get("text/html", ""),
        pdf=parts.get("application/pdf"),
        qr=parts.get("image/png"),
        raw=raw,
    )
