"""The e-mail on the wire: what arrives, and what becomes of it when the server misbehaves."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller

from billing.letter import Envelope, Fate, Message, Outcome
from billing.values import Medium
from notifications.context import QR_CONTENT_ID
from notifications.door import AppriseDoor
from notifications.outcomes import by_smtp_reply
from tests.unit.notifications.letters import PDF, seed
from tests.unit.notifications.servers import SILENCE, ScriptedSmtp, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiosmtpd.smtp import Envelope as Received

NOW = datetime(2021, 11, 14, 13, 0, tzinfo=UTC)
DOOR = AppriseDoor(connect_timeout=20, read_timeout=20, send_timeout=60, clock=lambda: NOW)
UUID = "0c9e7c2e-5d31-4b6e-9a55-444455556666"


class Inbox:
    """Keeps what the server accepted."""

    def __init__(self) -> None:
        self.received: list[Received] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Received
    ) -> str:
        """Accept everything."""
        self.received.append(envelope)
        return "250 OK"

    def mail(self) -> EmailMessage:
        """Return the one message that arrived, parsed."""
        (received,) = self.received
        assert isinstance(received.content, bytes)
        parsed = message_from_bytes(received.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    """A real SMTP server and the sending account that leads to it."""
    kept = Inbox()
    port = free_port()
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield kept, f"mailto://127.0.0.1:{port}?from=avisos@isp.example"
    controller.stop()


def envelope(transport: str | None, **more: Any) -> Envelope:
    """Return an envelope to Ana over this account."""
    values: dict[str, Any] = {
        "scheme": "email",
        "transport": transport,
        "destination": "ana@example.org",
        "message_id": UUID,
        "sender_name": "Interatos sas",
        "reply_to": "soporte@isp.example",
    }
    return Envelope(**(values | more))


def send(
    to: Envelope, door: AppriseDoor = DOOR, *, pdf: bytes | None = PDF, **more: Any
) -> Outcome:
    """Send the seed's reminder."""
    letter = seed("due_soon", **more)
    message = door.render(letter, medium=Medium.EMAIL, locale="es_AR")
    files = door.attachments(letter, scheme="email", locale="es_AR", pdf=pdf)
    return door.send(message, to, files)


def test_the_message_arrives_whole(inbox: tuple[Inbox, str]) -> None:
    """One recipient, our headers, two texts, the code inside the HTML and the invoice beside it."""
    kept, transport = inbox

    outcome = send(envelope(transport))

    assert outcome.fate is Fate.DELIVERED
    assert kept.received[0].mail_from == "avisos@isp.example"
    assert kept.received[0].rcpt_tos == ["ana@example.org"]
    mail = kept.mail()
    assert mail["From"] == "Interatos sas <avisos@isp.example>"
    assert mail["To"] == "ana@example.org"
    assert mail["Reply-To"] == "soporte@isp.example"
    assert mail["Subject"] == "Tu factura vence el viernes 19/11 · $ 2.590,00"
    assert mail["Message-ID"] == f"<{UUID}@isp.example>"
    assert mail["Date"].datetime == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Content-Language"] == "es-AR"
    assert mail["Cc"] is None

    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    plain, html, picture, invoice = (part for part in mail.walk() if not part.is_multipart())
    assert plain.get_content().startswith("Interatos sas\r\nFactura A-0001-793\r\n")
    assert f'src="cid:{QR_CONTENT_ID}"' in html.get_content()
    assert picture["Content-ID"] == f"<{QR_CONTENT_ID}>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content().startswith(b"\x89PNG")
    assert invoice.get_content_disposition() == "attachment"
    assert invoice.get_filename() == "Factura_A-0001-793_2021-10.pdf"
    assert invoice.get_content() == PDF


def test_the_wire_is_seven_bits_and_short_lines(inbox: tuple[Inbox, str]) -> None:
    """No server on the way has a reason to touch the message (RFC 5321, 4.5.3.1)."""
    kept, transport = inbox
    send(envelope(transport, sender_name="Ñandú «Telecomunicaciones»"))

    content = kept.received[0].content
    assert isinstance(content, bytes)
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 200
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert kept.mail()["From"].addresses[0].display_name == "Ñandú «Telecomunicaciones»"


def test_the_message_id_stays_the_same(inbox: tuple[Inbox, str]) -> None:
    """An e-mail sent again replaces itself, because its id does not change."""
    kept, transport = inbox
    for given in (UUID, f"{UUID}@isp.example", f"<{UUID}@isp.example>"):
        send(envelope(transport, message_id=given))

    ids = [
        re.findall(rb"^Message-ID: (.*?)\r$", got.content or b"", re.MULTILINE)  # type: ignore[arg-type]
        for got in kept.received
    ]
    assert ids == [[f"<{UUID}@isp.example>".encode()]] * 3


def test_a_long_message_id_is_not_encoded(inbox: tuple[Inbox, str]) -> None:
    """An id beyond the folding width still arrives as it is."""
    kept, transport = inbox
    long = f"{'a' * 80}.{UUID}@avisos.telecomunicaciones.calamuchita.isp.example"

    assert send(envelope(transport, message_id=long)).fate is Fate.DELIVERED
    assert kept.mail()["Message-ID"] == f"<{long}>"


def test_a_line_of_a_dot_does_not_end_the_message(inbox: tuple[Inbox, str]) -> None:
    """A text that looks like the end of the dialogue arrives as text (RFC 5321, 4.5.2)."""
    kept, transport = inbox
    message = Message(
        medium=Medium.EMAIL, locale="es_AR", subject="x", text="one\n.\n..two\n.three\n"
    )

    DOOR.send(message, envelope(transport), ())

    assert kept.mail().get_content().splitlines() == ["one", ".", "..two", ".three"]


def test_without_a_pdf_or_a_code_nothing_is_missing(inbox: tuple[Inbox, str]) -> None:
    """A message without files has no broken picture and no empty parts."""
    kept, transport = inbox
    message = DOOR.render(seed("due_soon"), medium=Medium.EMAIL, locale="es_AR")
    assert "cid:" in (message.html or "")

    DOOR.send(message, envelope(transport, reply_to=None), ())

    mail = kept.mail()
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    html = mail.get_body(("html",))
    assert html is not None
    assert "cid:" not in html.get_content()
    assert mail["Reply-To"] is None


def test_hostile_names_add_no_header(inbox: tuple[Inbox, str]) -> None:
    """A line break in the provider's name, the customer's or the support line stays text."""
    kept, transport = inbox
    evil = 'Ana"\r\nBcc: eva@example.org\r\n\r\n<b>\u202e'

    outcome = send(
        envelope(transport, sender_name=evil, reply_to=evil),
        isp_name=evil,
        first_name=evil,
        invoice_number=evil,
    )

    mail = kept.mail()
    assert outcome.fate is Fate.DELIVERED
    assert kept.received[0].rcpt_tos == ["ana@example.org"]
    assert mail["Bcc"] is None
    assert mail["Reply-To"] is None
    assert mail["From"].addresses[0].addr_spec == "avisos@isp.example"


def test_a_whole_url_is_sent_by_the_same_composer(inbox: tuple[Inbox, str]) -> None:
    """A customer's own mailto URL gets the same message, and options in it change nothing."""
    kept, transport = inbox
    host = transport.partition("?")[0]
    url = f"{host}/ana@example.org?from=av@isp.example&retry=3&+Bcc=eva@example.org&cc=x@y.example"

    outcome = send(envelope(None, scheme="mailto", destination=url))

    assert outcome.fate is Fate.DELIVERED
    assert kept.received[0].rcpt_tos == ["ana@example.org"]
    assert kept.mail()["Bcc"] is None
    assert kept.mail()["Cc"] is None
    assert kept.mail()["Message-ID"] == f"<{UUID}@isp.example>"


def test_an_international_domain_is_written_in_ascii(inbox: tuple[Inbox, str]) -> None:
    """A domain with accents needs nothing of the server."""
    kept, transport = inbox

    send(envelope(transport, destination="ana@ñandú.example"))

    assert kept.received[0].rcpt_tos == ["ana@xn--and-6ma2c.example"]


@pytest.mark.parametrize(
    ("script", "fate", "said"),
    [
        ({"connect": "421 busy"}, Fate.HELD_UP, "421"),
        ({"connect": None}, Fate.HELD_UP, "no connection"),
        ({"MAIL": "550 5.7.1 sender refused"}, Fate.FAILED, "550 5.7.1 at MAIL"),
        ({"MAIL": "451 later"}, Fate.HELD_UP, "451 at MAIL"),
        ({"MAIL": None}, Fate.FAILED, "broke at MAIL"),
        ({"RCPT": "550 5.1.1 <ana@example.org> unknown"}, Fate.REJECTED, "550 5.1.1 at RCPT"),
        ({"RCPT": "550 no such user here"}, Fate.REJECTED, "550 at RCPT"),
        ({"RCPT": "550 5.7.1 relaying denied"}, Fate.FAILED, "550 5.7.1"),
        ({"RCPT": "554 5.7.1 relay access denied"}, Fate.FAILED, "554 5.7.1"),
        ({"RCPT": "552 5.2.2 mailbox full"}, Fate.FAILED, "552 5.2.2"),
        ({"RCPT": "550 5.2.1 mailbox disabled"}, Fate.REJECTED, "550 5.2.1"),
        ({"RCPT": "450 4.2.1 greylisted"}, Fate.FAILED, "450 4.2.1"),
        ({"RCPT": "451 4.7.1 try again"}, Fate.FAILED, "451 4.7.1"),
        ({"RCPT": "421 shutting down"}, Fate.HELD_UP, "421"),
        ({"RCPT": None}, Fate.FAILED, "broke at RCPT"),
        ({"DATA": "451 no space"}, Fate.FAILED, "451 at DATA"),
        ({"DATA": None}, Fate.FAILED, "broke at DATA"),
        ({"dot": "250 OK queued"}, Fate.DELIVERED, "250"),
        ({"dot": "451 4.3.0 try later"}, Fate.FAILED, "451 4.3.0"),
        ({"dot": "421 going away"}, Fate.HELD_UP, "421"),
        ({"dot": "554 5.7.1 looks like spam"}, Fate.FAILED, "554 5.7.1"),
        ({"dot": "550 5.1.1 no such user"}, Fate.REJECTED, "550 5.1.1"),
        ({"dot": None}, Fate.UNCERTAIN, "connection broke after the message"),
        ({"dot": SILENCE}, Fate.UNCERTAIN, "no answer after the message"),
    ],
)
def test_a_server_that_misbehaves_is_understood(
    script: dict[str, Any], fate: Fate, said: str
) -> None:
    """The step at which it went wrong decides between failed, rejected and uncertain."""
    server = ScriptedSmtp(**script)
    patience = 2 if SILENCE in script.values() else 20
    door = AppriseDoor(connect_timeout=20, read_timeout=patience, send_timeout=60)

    outcome = send(envelope(f"mailto://127.0.0.1:{server.port}?from=avisos@isp.example"), door)

    server.close()
    assert (outcome.fate, said in outcome.detail) == (fate, True), outcome
    assert "ana" not in outcome.detail
    assert "example" not in outcome.detail
    assert server.got.count("RCPT") <= 1


def test_a_stalled_server_is_left_after_the_total_time() -> None:
    """What has not answered within the time of a whole send is uncertain."""
    server = ScriptedSmtp(dot=SILENCE)
    door = AppriseDoor(connect_timeout=20, read_timeout=20, send_timeout=0.5)

    outcome = send(envelope(f"mailto://127.0.0.1:{server.port}?from=avisos@isp.example"), door)

    server.close()
    assert outcome.fate is Fate.UNCERTAIN


def test_nobody_listening_is_no_fault_of_the_message() -> None:
    """A refused connection certainly delivered nothing."""
    outcome = send(envelope(f"mailto://127.0.0.1:{free_port()}?from=avisos@isp.example"))

    assert outcome.fate is Fate.HELD_UP
    assert "no connection" in outcome.detail


def test_a_wrong_password_is_the_accounts_fault() -> None:
    """A refused login fails the send, keeps the channel, and shows no password."""
    server = ScriptedSmtp(auth="535 5.7.8 bad credentials for user hunter2")
    account = f"mailto://user:hunter2@127.0.0.1:{server.port}?from=avisos@isp.example"

    outcome = send(envelope(account))

    server.close()
    assert outcome.fate is Fate.HELD_UP
    assert outcome.detail == "email: 535 at login, the sending account was refused"


def test_a_server_without_tls_gets_no_password() -> None:
    """An account that asks for STARTTLS does not fall back to plain text."""
    server = ScriptedSmtp()
    account = f"mailtos://user:hunter2@127.0.0.1:{server.port}?from=avisos@isp.example"

    outcome = send(envelope(account))

    server.close()
    assert outcome.fate is Fate.HELD_UP
    assert "AUTH" not in server.got


@pytest.mark.parametrize(
    ("transport", "destination", "fate"),
    [
        ("mailto://127.0.0.1:1?from=av@isp.example", "not an address", Fate.REJECTED),
        ("mailto://127.0.0.1:1?from=av@isp.example", "a@b.co,c@d.co", Fate.REJECTED),
        ("mailto://127.0.0.1:1", "ana@example.org", Fate.FAILED),
        ("nonsense", "ana@example.org", Fate.FAILED),
        (None, "mailto://127.0.0.1:1", Fate.REJECTED),
    ],
)
def test_an_address_that_cannot_be_used_is_an_outcome(
    transport: str | None, destination: str, fate: Fate
) -> None:
    """A bad destination is its own end; a bad sending account is the operator's to mend."""
    assert send(envelope(transport, destination=destination)).fate is fate


def test_a_message_id_with_a_line_break_sends_nothing() -> None:
    """What would break a header stops the send instead."""
    outcome = send(
        envelope("mailto://127.0.0.1:1?from=av@isp.example", message_id="a\r\nBcc: x@y.zz")
    )

    assert outcome.fate is Fate.FAILED
    assert "cannot be composed" in outcome.detail


def test_enhanced_codes_decide_before_plain_ones() -> None:
    """550 alone at RCPT means an unknown mailbox; with 5.7.x it means a policy."""
    assert by_smtp_reply("RCPT", 550, b"unknown").fate is Fate.REJECTED
    assert by_smtp_reply("RCPT", 550, b"5.7.26 unauthenticated").fate is Fate.FAILED
    assert by_smtp_reply("MAIL", 550, b"5.1.1 odd").fate is Fate.FAILED
    assert by_smtp_reply("RCPT", 452, b"4.2.2 full").fate is Fate.FAILED
