"""The bytes of an e-mail: headers by the standard library, bodies by its C encoders.

`EmailMessage` would parse every header of every part again with each part that is added, and encode
the attachments line by line in Python: 14 ms a message where this takes 1.5
(docs/decisions/0017-smtp-connections-are-kept.md). The top headers are still its business, since
folding and encoding names is where mistakes become injected headers.

The same delivery makes the same bytes, the Date aside: an e-mail sent again is the same e-mail.
"""

from __future__ import annotations

import binascii
import re
from contextlib import suppress
from email import policy
from email.headerregistry import Address
from email.utils import encode_rfc2231, format_datetime
from typing import TYPE_CHECKING

from billing.ports import DestinationError
from notifications.clean import NAME_LENGTH, clean_text, clean_url
from notifications.destinations import email_address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.letter import Attachment, Envelope, Message

_POLICY = policy.SMTP.clone(cte_type="7bit")
_TOO_LONG_TO_FOLD = 998  # RFC 5322 section 2.1.1
_MIME_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._+-]{1,60}")
_IN_AN_ID = frozenset("!#$%&'*+-/=?^_`{|}~.")
_BASE64_LINE = 76  # RFC 2045 section 6.8


def compose(
    message: Message,
    envelope: Envelope,
    attachments: Sequence[Attachment],
    *,
    addresses: tuple[str, str],
    now: datetime,
) -> bytes:
    """Return the whole message: alternative text and HTML with its inline pictures, then files.

    Everything is 7-bit with CRLF, lines are short, and no header can hold a line break of
    somebody's name.

    Args:
        message: the rendered letter.
        envelope: names, Message-ID, thread and where answers go.
        attachments: files; those with a content id go inline.
        addresses: of the sender and of the recipient.
        now: for the Date header.

    Raises:
        DestinationError: if an address cannot be written in ASCII.
        ValueError: if an id cannot stand in a header.
    """
    sender = email_address(addresses[0])
    head = _names(message, envelope, sender, email_address(addresses[1]))
    head += [
        f"Date: {format_datetime(now)}",
        f"Message-ID: {_id_at(envelope.message_id, sender)}",
        *_thread(envelope, sender),
        *_unsubscribe(envelope),
        "Auto-Submitted: auto-generated",  # RFC 3834 section 5
        "X-Auto-Response-Suppress: All",  # the same to Exchange
        f"Content-Language: {message.locale.replace('_', '-')}",
        "MIME-Version: 1.0",
    ]
    lines = "\r\n".join(head).encode("ascii")
    return lines + b"\r\n" + _body(message, attachments)


def _names(message: Message, envelope: Envelope, sender: str, recipient: str) -> list[str]:
    """Return the headers that hold what somebody typed, folded and encoded."""
    name = clean_text(envelope.sender_name, limit=NAME_LENGTH)
    named: list[tuple[str, str | Address]] = [
        ("From", Address(display_name=name, addr_spec=sender)),
        ("To", Address(addr_spec=recipient)),
        ("Subject", clean_text(message.subject, limit=_TOO_LONG_TO_FOLD)),
    ]
    answers_to = _reply_to(envelope)
    if answers_to:
        named.append(("Reply-To", Address(addr_spec=answers_to)))
    folded = [_POLICY.header_factory(key, value).fold(policy=_POLICY) for key, value in named]
    return [text.removesuffix("\r\n") for text in folded]


def _reply_to(envelope: Envelope) -> str | None:
    if envelope.reply_to:
        with suppress(DestinationError):  # found in the support line: its typo must cost no alert
            return email_address(envelope.reply_to)
    return None


def _thread(envelope: Envelope, sender: str) -> list[str]:
    """Return the headers that put all alerts about one invoice into one conversation.

    They name a message that was never sent: whichever alert comes first, and whichever is lost or
    deleted, the others stay together.
    """
    if envelope.thread_id is None:
        return []
    root = _id_at(envelope.thread_id, sender)
    return [f"References: {root}", f"In-Reply-To: {root}"]


def _unsubscribe(envelope: Envelope) -> list[str]:
    """Return where a mail program's own "unsubscribe" leads, as far as somebody answers there.

    RFC 2369 section 3.2; one click by POST is RFC 8058, and needs a page.
    """
    ways = []
    page = clean_url(envelope.unsubscribe_url)
    if page is not None and page.startswith("https://"):
        ways.append(f"<{page}>")
    support = _reply_to(envelope)
    if support:
        ways.append(f"<mailto:{support.replace('%', '%25').replace('?', '%3F')}?subject=baja>")
    if not ways:
        return []
    lines = ["List-Unsubscribe: " + ",\r\n ".join(ways)]
    if ways[0].startswith("<https:"):
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return lines


def _id_at(text: str, sender: str) -> str:
    """Return an id in angle brackets, at the sender's domain where it names none itself.

    Raises:
        ValueError: if it holds a character that would need encoding, or is too long for a line.
    """
    bare = text.strip().strip("<>")
    if "@" not in bare:
        bare = f"{bare}@{sender.rpartition('@')[2]}"
    left, at, right = bare.partition("@")
    if (
        not (at and left and right)
        or len(bare) > 900
        or not all(
            char.isascii() and (char.isalnum() or char in _IN_AN_ID) for char in left + right
        )
    ):
        raise ValueError("a Message-ID is <something@domain>")
    return f"<{bare}>"


def _body(message: Message, attachments: Sequence[Attachment]) -> bytes:
    """Return what follows the headers of the message, its own Content-Type first."""
    body = _text("plain", message.text)
    inline: list[Attachment] = []
    if message.html is not None:
        html = _text("html", message.html)
        inline = [file for file in attachments if file.content_id is not None]
        if inline:
            html = _multipart("related", [html, *map(_file, inline)], '; type="text/html"')
        body = _multipart("alternative", [body, html])
    files = [file for file in attachments if file not in inline]
    return _multipart("mixed", [body, *map(_file, files)]) if files else body


def _text(kind: str, text: str) -> bytes:
    # It ends in CRLF, by which binascii knows how to end the lines that it breaks.
    lines = text.encode("utf-8", "replace").splitlines()
    encoded = binascii.b2a_qp(b"\r\n".join(lines) + b"\r\n", istext=True)
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + encoded


def _file(file: Attachment) -> bytes:
    kind = file.media_type if _MIME_TYPE.fullmatch(file.media_type) else "application/octet-stream"
    shown = "attachment" if file.content_id is None else "inline"
    head = [
        f"Content-Type: {kind}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {shown}; {_file_name(file.name)}",
    ]
    if file.content_id is not None:
        head.append(f"Content-ID: <{file.content_id}>")
    return "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + _base64(file.content)


def _file_name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f'filename="{name}"'
    plain = clean_text(name, limit=60) or "archivo"
    return "filename*=" + encode_rfc2231(plain, "utf-8")


def _base64(content: bytes) -> bytes:
    encoded = binascii.b2a_base64(content, newline=False)
    places = range(0, len(encoded), _BASE64_LINE)
    return b"\r\n".join([encoded[at : at + _BASE64_LINE] for at in places]) + b"\r\n"


def _multipart(kind: str, parts: Sequence[bytes], more: str = "") -> bytes:
    """Return the parts between lines that no encoded body can hold ("=_", RFC 2045, 6.7)."""
    mark = f"=_{kind}".encode()
    head = f'Content-Type: multipart/{kind}; boundary="=_{kind}"{more}\r\n\r\n'.encode()
    return (
        head + b"".join(b"--" + mark + b"\r\n" + part for part in parts) + b"--" + mark + b"--\r\n"
    )
