"""The door to people: one delivery, one Apprise service, one call, one outcome.

    AppriseDoor        implements billing.ports.MessengerPort
    reset_after_fork   first thing in a forked worker process
    warm               loads Apprise's plugins ahead of the first send

Apprise is touched by this file, `plugins.py` (who reads which URL), `channels.py` (URLs and
services) and `email.py` (the message).
"""

from __future__ import annotations

import re
import socket
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apprise import Apprise, NotifyFormat
from apprise.attachment.memory import AttachMemory
from apprise.result import AppriseResult, AppriseResultStatus

from billing.letter import Attachment, Fate, Outcome
from billing.ports import DestinationError
from billing.values import Medium
from notifications import channels, destinations, qr
from notifications.capabilities import KNOWN, Capabilities, capabilities_of
from notifications.channels import reset_after_fork, warm
from notifications.clean import NAME_LENGTH, clean_text, clean_url
from notifications.context import QR_CONTENT_ID, pay_link
from notifications.email import AlertEmail
from notifications.gsm import segments
from notifications.language import resolve
from notifications.mime import compose
from notifications.outcomes import judge
from notifications.own_destinations import own_destination
from notifications.render import render, render_notice
from notifications.smtp import Lines, TimeLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from billing.letter import Envelope, Letter, Message, Notice
    from billing.ports import ParsedDestination
    from notifications.hosts import Resolve

__all__ = ["AppriseDoor", "reset_after_fork", "warm"]

_QR_BLOCK = re.compile(r"<!--qr-->.*?<!--/qr-->", re.DOTALL)


_NOTHING = "\u2060"  # word joiner: a line that shows nothing and is not empty


def _now() -> datetime:
    return datetime.now(UTC)


def _addresses(host: str) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)]


class AppriseDoor:
    """Understands destinations, renders letters and sends one message at a time.

    The time budget of a whole send is `send_timeout`; what has not answered by then is uncertain,
    except for an e-mail that was certainly not handed over.

    Args:
        connect_timeout: seconds to reach a provider.
        read_timeout: seconds to wait for each of its answers. Apprise's own 4 s would report
            failures of messages that arrive.
        send_timeout: seconds for everything, attachments included.
        clock: the time for the Date header of an e-mail.
        lines: where SMTP connections come from.
        telegram_api: the address of the Bot API, without a slash at its end; None = Apprise's own.
        resolve: finds the addresses of a host that a customer named.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        send_timeout: float = 75.0,
        clock: Callable[[], datetime] = _now,
        lines: Lines | None = None,
        telegram_api: str | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._connect = connect_timeout
        self._read = read_timeout
        self._total = send_timeout
        self._clock = clock
        self._lines = lines or Lines()
        self._telegram_api = telegram_api
        self._resolve = resolve or _addresses

    def close(self) -> None:
        """Close the SMTP connections that are kept."""
        self._lines.close()

    def parse_destination(self, text: str) -> ParsedDestination:
        """Understand a destination.

        Raises:
            DestinationError: naming the accepted forms, and nothing of what was typed.
        """
        short = destinations.parse_short(text)
        if short is not None:
            return short
        with channels.listening():
            url = text.strip()
            return destinations.from_url(url, channels.facts_of(url))

    def parse_own_destination(self, text: str) -> ParsedDestination:
        """Understand a destination that a customer named.

        Raises:
            DestinationError: if it is none of the few kinds that they may, or leads inside.
        """
        return own_destination(text, resolve=self._resolve)

    def check_transport(self, scheme: str, url: str) -> str:
        """Return the URL of a sending account if it is usable; nothing is sent.

        Raises:
            DestinationError: showing the form of one, and nothing of the URL.
        """
        with channels.listening():
            return channels.check_transport(scheme, url)

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Fill the templates of the letter's kind.

        Raises:
            RenderError: if they cannot be filled.
        """
        return render(letter, medium=medium, locale=locale)

    def render_notice(self, notice: Notice, *, medium: Medium, locale: str) -> Message:
        """Fill the templates of what an operator is told.

        Raises:
            RenderError: if they cannot be filled.
        """
        return render_notice(notice, medium=medium, locale=locale)

    def attachments(
        self, letter: Letter, *, scheme: str, locale: str, pdf: bytes | None
    ) -> Sequence[Attachment]:
        """Return what a channel of this scheme can carry: QR of the pay link, invoice PDF."""
        can = self._capabilities(scheme)
        found: list[Attachment] = []
        picture = qr.png(pay_link(letter)) if can.takes_qr else None
        if picture is not None:
            found.append(
                Attachment(
                    name="QR.png",
                    media_type="image/png",
                    content=picture,
                    content_id=QR_CONTENT_ID if can.medium is Medium.EMAIL else None,
                )
            )
        if pdf is not None and can.takes_pdf:
            found.append(
                Attachment(name=pdf_name(letter, locale), media_type="application/pdf", content=pdf)
            )
        # The PDF comes last, so where there is room for one it is the one that stays.
        return tuple(found[-can.attachments :]) if can.attachments else ()

    def segments(self, message: Message) -> int:
        """Return how many SMS segments a message takes; 0 = it is no SMS."""
        return segments(message.text) if message.medium is Medium.SMS else 0

    def counts_as(self, scheme: str, attachments: Sequence[Attachment]) -> int:
        """Return how many messages a provider counts for one with these attachments.

        An e-mail holds its files; elsewhere each file is a message, the text goes with the first.
        """
        if self._capabilities(scheme).medium is Medium.EMAIL:
            return 1
        return max(len(attachments), 1)

    def account_of(self, scheme: str, url: str) -> str:
        """Return what its provider knows a sending account by: host and login, or a bot's token.

        A URL that Apprise cannot read is an account of its own.
        """
        with channels.listening():
            try:
                return channels.account_of(scheme, url)
            except DestinationError:
                return f"{scheme} {url}"

    def takes_pdf(self, scheme: str) -> bool:
        """Whether a PDF can be attached on a channel of this scheme."""
        return self._capabilities(scheme).takes_pdf

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Send once and say what became of it.

        A provider's fault is an outcome; so is a destination that cannot be used any more. The
        detail holds no address, token or text of the provider.
        """
        scheme = envelope.scheme
        with channels.listening() as heard:
            try:
                if envelope.transport is not None:
                    destinations.check_address(scheme, envelope.destination)
            except DestinationError:
                return Outcome(fate=Fate.REJECTED, detail=f"{scheme}: not a usable destination")
            try:
                service = self._service(message, envelope, attachments)
            except DestinationError:
                # A whole URL is the customer's own; a sending account is mended by the operator.
                if envelope.transport is None:
                    return Outcome(fate=Fate.REJECTED, detail=f"{scheme}: not a usable URL")
                return Outcome(fate=Fate.FAILED, detail=f"{scheme}: sending account not usable")
            except ValueError as error:
                return Outcome(
                    fate=Fate.FAILED,
                    detail=f"{scheme}: the message cannot be composed ({type(error).__name__})",
                )
            room = Apprise(asset=service.asset)
            room.add(service)
            result = room.notify(**self._call(message, attachments, service))
        if isinstance(service, AlertEmail):
            if result.status is AppriseResultStatus.TIMEOUT:
                return service.give_up(f"within {self._total:g} s")
            if service.outcome is not None:
                return service.outcome
        return self._verdict(result, heard, envelope)

    def _verdict(self, result: AppriseResult, heard: list[str], envelope: Envelope) -> Outcome:
        scheme = envelope.scheme
        if result.status is AppriseResultStatus.SUCCESS:
            return Outcome(fate=Fate.DELIVERED, detail=f"{scheme}: accepted")
        if result.status is AppriseResultStatus.TIMEOUT:
            return Outcome(
                fate=Fate.UNCERTAIN, detail=f"{scheme}: no answer within {self._total:g} s"
            )
        if not len(result.results):
            return Outcome(fate=Fate.FAILED, detail=f"{scheme}: nothing was sent")
        return judge(heard, scheme=scheme, shared=envelope.transport is not None)

    def _capabilities(self, scheme: str) -> Capabilities:
        asked = scheme not in KNOWN  # Apprise's plugins need not be loaded for what we know
        return capabilities_of(scheme, plugin_takes_files=asked and channels.takes_files(scheme))

    def _service(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Any:
        """Return the one service of this delivery."""
        if envelope.transport is None:
            parts = channels.parse(envelope.destination, trusted=False)
        else:
            parts = channels.addressed(envelope.scheme, envelope.transport, envelope.destination)
        more: dict[str, Any] = {}
        if parts["schema"] in {"mailto", "mailtos"}:
            more["kind"] = AlertEmail
        elif parts["schema"] in {"ntfy", "ntfys"}:
            more["include_image"] = False
            more["click"] = clean_url(envelope.click_url)
        elif parts["schema"] == "tgram":
            more["detect_owner"] = False
        service = channels.instantiate(
            parts,
            asset=channels.asset_for(_ascii(envelope.sender_name), timeout=self._total),
            connect=self._connect,
            read=self._read,
            **more,
        )
        if parts["schema"] == "tgram" and self._telegram_api is not None:
            service.notify_url = f"{self._telegram_api}/bot"
        if isinstance(service, AlertEmail):
            shows_code = any(file.content_id == QR_CONTENT_ID for file in attachments)
            service.lines = self._lines
            # A customer's own account sends to that one customer.
            service.keep = envelope.transport is not None
            service.time_limit = self._time_limit
            service.wire = compose(
                message if shows_code else without_picture(message),
                envelope,
                attachments,
                addresses=service.addresses,
                now=self._clock(),
            )
        return service

    def _time_limit(self) -> TimeLimit:
        return TimeLimit(connect=self._connect, read=self._read, total=self._total)

    def _call(
        self, message: Message, attachments: Sequence[Attachment], service: Any
    ) -> dict[str, Any]:
        """Return the arguments of the one call, in the format that fits the medium."""
        if isinstance(service, AlertEmail):
            return {"title": message.subject, "body": message.text}
        title, body, kind = message.subject, message.text, NotifyFormat.TEXT
        if message.medium is Medium.CHAT and message.html is not None:
            title, kind = "", NotifyFormat.HTML  # the headline is in the text already
            # Apprise keeps breaks where it drops line ends, and for Telegram drops empty lines.
            empty = f"<br/>{_NOTHING}<br/>" if service.schema == "tgram" else "<br/><br/>"
            body = message.html.replace("\n\n", empty).replace("\n", "<br/>")
        elif message.medium is Medium.EMAIL and message.html is not None:
            body, kind = without_picture(message).html or "", NotifyFormat.HTML
        elif message.medium is Medium.SMS:
            title = ""
        files = [
            AttachMemory(  # type: ignore[no-untyped-call]
                content=file.content, name=file.name, mimetype=file.media_type
            )
            for file in attachments
            if service.attachment_support and file.content
        ]
        return {"title": title, "body": body, "body_format": kind, "attach": files or None}


def _ascii(name: str) -> str:
    """Return the provider's name as a header of any service can carry it."""
    plain = unicodedata.normalize("NFKD", clean_text(name, limit=NAME_LENGTH))
    return " ".join(plain.encode("ascii", "ignore").decode().split()) or "Alerta Internet"


def without_picture(message: Message) -> Message:
    """Return the e-mail without the block that shows the QR code, for when it does not travel."""
    if message.html is None:
        return message
    return type(message)(
        medium=message.medium,
        locale=message.locale,
        subject=message.subject,
        text=message.text,
        html=_QR_BLOCK.sub("", message.html),
    )


def pdf_name(letter: Letter, locale: str) -> str:
    """Return `Factura_A-0001-793_2021-10.pdf`, of plain ASCII characters.

    The month is the invoice's; an invoice without a number is named by its month alone.
    """
    code = resolve(locale, letter.currency).code
    word = {"en": "Invoice", "pt": "Fatura"}.get(code, "Factura")
    number = clean_text(letter.invoice_number, limit=40)
    number = re.sub(r"[^A-Za-z0-9]+", "-", number).strip("-")
    day = letter.period_date or letter.issued_date or letter.due_date
    month = day.strftime("%Y-%m") if day else ""
    return "_".join(part for part in (word, number, month) if part) + ".pdf"
