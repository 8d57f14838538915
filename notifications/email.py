"""An e-mail as we want it, sent as an Apprise service.

Apprise parses the sending account and stays the one interface to every channel. The message itself
is composed here: Apprise would derive the plain text from the HTML, name inline pictures by file
and draw a new Message-ID for each try, so that an e-mail sent again could not replace itself.
"""

from __future__ import annotations

import smtplib
import ssl
import warnings
from contextlib import suppress
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from billing.letter import Fate, Outcome
from billing.ports import DestinationError
from notifications.clean import NAME_LENGTH, clean_text
from notifications.destinations import email_address
from notifications.outcomes import by_smtp_reply

with warnings.catch_warnings():
    # Apprise reaches for `imghdr`, which Python 3.11 and 3.12 announce to be going.
    warnings.simplefilter("ignore", DeprecationWarning)
    from apprise.plugins.email.base import NotifyEmail
    from apprise.plugins.email.common import SecureMailMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from billing.letter import Attachment, Envelope, Message

_POLICY = policy.SMTP.clone(cte_type="7bit")
_TOO_LONG_TO_FOLD = 998  # RFC 5322 section 2.1.1


def compose(
    message: Message,
    envelope: Envelope,
    attachments: Sequence[Attachment],
    *,
    addresses: tuple[str, str],
    now: datetime,
) -> EmailMessage:
    """Return the MIME message: alternative text and HTML with its inline pictures, then files.

    Everything is 7-bit, lines are short, and no header can hold a line break of somebody's name.

    Args:
        message: the rendered letter.
        envelope: names, Message-ID and where answers go.
        attachments: files; those with a content id go inline.
        addresses: of the sender and of the recipient.
        now: for the Date header.

    Raises:
        DestinationError: if an address cannot be written in ASCII.
    """
    mail = EmailMessage(policy=_POLICY)
    name = clean_text(envelope.sender_name, limit=NAME_LENGTH)
    sender = email_address(addresses[0])
    mail["From"] = Address(display_name=name, addr_spec=sender)
    mail["To"] = Address(addr_spec=email_address(addresses[1]))
    mail["Subject"] = clean_text(message.subject, limit=_TOO_LONG_TO_FOLD)
    mail["Date"] = now
    mail["Message-ID"] = _message_id(envelope.message_id, sender)
    if envelope.reply_to:
        with suppress(DestinationError):  # found in the support line: its typo must cost no alert
            mail["Reply-To"] = Address(addr_spec=email_address(envelope.reply_to))
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(message.text, cte="quoted-printable")
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        html = list(mail.iter_parts())[1]
        assert isinstance(html, EmailMessage)
        for inline in attachments:
            if inline.content_id is not None:
                html.add_related(
                    inline.content,
                    *inline.media_type.split("/", 1),
                    cid=f"<{inline.content_id}>",
                    filename=inline.name,
                    disposition="inline",
                )
    for file in attachments:
        if file.content_id is None or message.html is None:
            mail.add_attachment(file.content, *file.media_type.split("/", 1), filename=file.name)
    # Last, because a header called Content-… moves into the first part with every part added.
    mail["Content-Language"] = message.locale.replace("_", "-")
    return mail


def _message_id(text: str, sender: str) -> str:
    """Return the id in angle brackets, at the sender's domain where it names none itself.

    Raises:
        ValueError: if it holds a character that would need encoding.
    """
    bare = text.strip().strip("<>")
    if "@" not in bare:
        bare = f"{bare}@{sender.rpartition('@')[2]}"
    left, at, right = bare.partition("@")
    safe = "!#$%&'*+-/=?^_`{|}~."
    if not (at and left and right) or not all(
        char.isascii() and (char.isalnum() or char in safe) for char in left + right
    ):
        raise ValueError("a Message-ID is <something@domain>")
    return f"<{bare}>"


class AlertEmail(NotifyEmail):  # type: ignore[no-untyped-call]
    """One e-mail to one address over the ISP's sending account.

    What Apprise passes to `send` is ignored in favour of the composed message. `outcome` says
    afterwards what the server made of it, more precisely than success or failure.

    Built from the sending account as Apprise parsed it, with exactly one target; `mail` is set
    before the send, once the addresses are known.
    """

    def __init__(self, **parsed: Any) -> None:
        super().__init__(**parsed)  # type: ignore[no-untyped-call]
        self._to = email_address(str(self.targets[0][1]))
        self._from = email_address(str(self.from_addr[1]))
        self.mail = EmailMessage()
        self.outcome: Outcome | None = None

    @property
    def addresses(self) -> tuple[str, str]:
        """Sender and recipient, in ASCII."""
        return self._from, self._to

    def send(self, *_args: Any, **_kwargs: Any) -> bool:
        """Hand the message to the SMTP server once; `outcome` has the rest."""
        self.outcome = self._deliver(self.mail.as_bytes())
        return self.outcome.fate is Fate.DELIVERED

    def _deliver(self, wire: bytes) -> Outcome:
        """Speak SMTP step by step, because the meaning of a broken line depends on the step."""
        try:
            server = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            return Outcome(
                fate=Fate.FAILED,
                detail=f"email: {error.smtp_code} at login, the sending account was refused",
            )
        except smtplib.SMTPResponseException as error:
            return Outcome(fate=Fate.FAILED, detail=f"email: {error.smtp_code} before the message")
        except ssl.SSLError:
            return Outcome(fate=Fate.FAILED, detail="email: no secure connection to the server")
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(
                fate=Fate.FAILED, detail=f"email: no connection ({type(error).__name__})"
            )
        try:
            return self._converse(server, wire)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.close()

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if not self.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        own_name = self._from.rpartition("@")[2]
        timeout = self.socket_connect_timeout
        server: smtplib.SMTP
        if self.secure_mode == SecureMailMode.SSL:
            server = smtplib.SMTP_SSL(
                self.smtp_host, int(self.port or 0), own_name, timeout=timeout, context=context
            )
        else:
            server = smtplib.SMTP(self.smtp_host, int(self.port or 0), own_name, timeout=timeout)
        try:
            assert server.sock is not None
            server.sock.settimeout(self.socket_read_timeout)
            server.ehlo_or_helo_if_needed()
            if self.secure_mode == SecureMailMode.STARTTLS:
                server.starttls(context=context)
                server.ehlo_or_helo_if_needed()
            if self.user and self.password:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _converse(self, server: smtplib.SMTP, wire: bytes) -> Outcome:
        steps: list[tuple[str, set[int], Callable[[], tuple[int, bytes]]]] = [
            ("MAIL", {250}, lambda: server.mail(self._from)),
            ("RCPT", {250, 251}, lambda: server.rcpt(self._to)),
            ("DATA", {354}, lambda: server.docmd("data")),
        ]
        stage = ""
        try:
            for stage, wanted, step in steps:
                code, reply = step()
                if code not in wanted:
                    return by_smtp_reply(stage, code, reply)
            server.send(_dot_stuffed(wire))
        except (OSError, smtplib.SMTPException) as error:
            # The closing dot never left, so the server must not deliver (RFC 5321, 4.1.1.4).
            return Outcome(
                fate=Fate.FAILED,
                detail=f"email: the connection broke at {stage} ({type(error).__name__})",
            )
        return self._close_message(server)

    def _close_message(self, server: smtplib.SMTP) -> Outcome:
        """Send the closing dot: from here on the server may have the message."""
        try:
            server.send(b".\r\n")
            code, reply = server.getreply()
        except (OSError, smtplib.SMTPException) as error:
            # smtplib turns a timeout into a disconnection and keeps only its text.
            timed_out = isinstance(error, TimeoutError) or "timed out" in str(error)
            kind = "no answer" if timed_out else "the connection broke"
            return Outcome(fate=Fate.UNCERTAIN, detail=f"email: {kind} after the message")
        if code != 250:
            return by_smtp_reply("the message", code, reply)
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
        return Outcome(fate=Fate.DELIVERED, detail="email: 250")


def _dot_stuffed(wire: bytes) -> bytes:
    """Return the message with CRLF line ends, leading dots doubled, ending in CRLF."""
    lines = wire.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n").split(b"\n")
    return b"".join((b"." + line if line[:1] == b"." else line) + b"\r\n" for line in lines)
