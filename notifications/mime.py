"""The bytes of an e-mail, by the C encoders of the standard library.

`EmailMessage` would parse every header of every part again with each part that is added, and encode
attachments line by line in Python, ten times as slowly (docs/decisions/0017); and until Python 3.13
it drops spaces where it folds a long subject with accents. Whatever is not plain and short goes
into encoded words (RFC 2047), whole characters in each, so that no header needs any folding.

Files stay as they are until they leave (`mime_wire.py`). The same delivery makes the same bytes,
the Date aside: an e-mail sent again is the same e-mail.
"""

from __future__ import annotations

import binascii
import re
from contextlib import suppress
from email.charset import BASE64, Charset
from email.header import Header
from email.utils import encode_rfc2231, format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from billing.ports import DestinationError
from notifications.clean import NAME_LENGTH, clean_text, clean_url
from notifications.destinations import email_address
from notifications.mime_wire import File, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.letter import Attachment, Envelope, Message

_LINE = 66  # leaves room for "Subject: " in the 78 of RFC 5322 section 2.1.1
_LONGEST_SUBJECT = 998
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_MIME_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_PLAIN_NAME = re.compile(r"(?! )[A-Za-z0-9 ._+-]{1,60}(?<! )")
_IN_AN_ID = frozenset("!#$%&'*+-/=?^_`{|}~.")
#: Of the two ways to encode a word; to weigh which is shorter takes longer than the whole message.
_BASE64 = Charset("utf-8")
_BASE64.header_encoding = BASE64

#: One part of a message, in the pieces that leave one after the other.
Part = list[bytes | File]


def compose(
    message: Message,
    envelope: Envelope,
    attachments: Sequence[Attachment],
    *,
    addresses: tuple[str, str],
    now: datetime,
) -> Wire:
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
    return Wire(["\r\n".join(head).encode("ascii") + b"\r\n", *_body(message, attachments)])


def _names(message: Message, envelope: Envelope, sender: str, recipient: str) -> list[str]:
    """Return the headers that hold what somebody typed."""
    subject = clean_text(message.subject, limit=_LONGEST_SUBJECT)
    headers = [
        f"From: {_named(envelope.sender_name, sender)}",
        f"To: {recipient}",
        f"Subject: {subject if _is_plain(subject) else _encoded(subject)}",
    ]
    answers_to = _reply_to(envelope)
    return [*headers, f"Reply-To: {answers_to}"] if answers_to else headers


def _named(name: str, address: str) -> str:
    """Return an address with its owner's name before it (RFC 5322, 3.4)."""
    name = clean_text(name, limit=NAME_LENGTH)
    if not name:
        return address
    if not _is_plain(name):
        return f"{_encoded(name)}\r\n <{address}>"
    if not _PHRASE.fullmatch(name):
        name = '"' + name.replace("\\", r"\\").replace('"', r"\"") + '"'
    return f"{name}\r\n <{address}>" if len(name) + len(address) > _LINE else f"{name} <{address}>"


def _is_plain(text: str) -> bool:
    """Whether a text can stand in a header as it is, and is not read as encoded."""
    return text.isascii() and len(text) <= _LINE and "=?" not in text


@lru_cache(maxsize=512)
def _encoded(text: str) -> str:
    """Return encoded words, a line each; readers join them without a space (RFC 2047, 6.2)."""
    return Header(text, _BASE64, maxlinelen=75, header_name="Reply-To").encode(linesep="\r\n")


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


def _body(message: Message, attachments: Sequence[Attachment]) -> Part:
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


def _text(kind: str, text: str) -> Part:
    # It ends in CRLF, by which binascii knows how to end the lines that it breaks.
    lines = text.encode("utf-8", "replace").splitlines()
    encoded = binascii.b2a_qp(b"\r\n".join(lines) + b"\r\n", istext=True)
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return [head.encode() + encoded]


def _file(file: Attachment) -> Part:
    kind = file.media_type if _MIME_TYPE.fullmatch(file.media_type) else "application/octet-stream"
    shown = "attachment" if file.content_id is None else "inline"
    head = [
        f"Content-Type: {kind}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {shown}; {_file_name(file.name)}",
    ]
    if file.content_id is not None:
        head.append(f"Content-ID: <{file.content_id}>")
    return ["\r\n".join(head).encode("ascii") + b"\r\n\r\n", File(file.content)]


def _file_name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f'filename="{name}"'
    plain = clean_text(name, limit=60) or "archivo"
    return "filename*=" + encode_rfc2231(plain, "utf-8")


def _multipart(kind: str, parts: Sequence[Part], more: str = "") -> Part:
    """Return the parts between lines that no encoded body can hold ("=_", RFC 2045, 6.7)."""
    mark = f"=_{kind}".encode()
    pieces: Part = [f'Content-Type: multipart/{kind}; boundary="=_{kind}"{more}\r\n\r\n'.encode()]
    for part in parts:
        # The line end before a mark belongs to the mark (RFC 2046, 5.1.1).
        pieces += [b"--" + mark + b"\r\n", *part, b"\r\n"]
    return [*pieces, b"--" + mark + b"--\r\n"]
