"""The bytes of an e-mail, read again by the standard library."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.letter import Attachment, Envelope, Message
from billing.values import Medium
from notifications.context import QR_CONTENT_ID
from notifications.mime import compose

NOW = datetime(2021, 11, 14, 13, 0, tzinfo=UTC)
UUID = "0c9e7c2e-5d31-4b6e-9a55-444455556666"
HOSTILE = {
    "line break": "Ana\r\nBcc: eva@example.org",
    "bare line feed": "Ana\nBcc: eva@example.org",
    "bare return": "Ana\rBcc: eva@example.org",
    "end of headers": "Ana\r\n\r\n<b>bad</b>",
    "nul": "Ana\x00Bravo",
    "half a surrogate pair": "Ana\ud800Bravo",
    "override": "Ana\u202egpj.exe",
    "line separator": "Ana\u2028Bcc: eva@example.org",
    "next line": "Ana\x85Bcc: eva@example.org",
    "encoded word": "=?utf-8?q?Ana=0D=0ABcc:_eva@example.org?=",
    "quotes and brackets": 'Ana" <eva@example.org>, "',
    "boundary": "--=_mixed--",
}

any_text = st.text(st.characters(), max_size=400)


def written(
    text: str = "Hola",
    html: str | None = "<p>Hola</p>",
    subject: str = "Tu factura",
    files: tuple[Attachment, ...] = (),
    **more: Any,
) -> bytes:
    """Return a message to Ana."""
    values: dict[str, Any] = {
        "scheme": "email",
        "transport": None,
        "destination": "",
        "message_id": UUID,
        "sender_name": "Interatos sas",
    }
    composed = compose(
        Message(medium=Medium.EMAIL, locale="es_AR", subject=subject, text=text, html=html),
        Envelope(**(values | more)),
        files,
        addresses=("avisos@isp.example", "ana@example.org"),
        now=NOW,
    )
    whole = bytes(composed)
    assert len(composed) == len(whole)
    assert b"".join(composed.chunks()) == whole.replace(b"\r\n.", b"\r\n..")
    return whole


def read(wire: bytes) -> EmailMessage:
    """Return the message as a mail program understands it, which finds nothing wrong with it."""
    assert wire.isascii()
    assert b"\0" not in wire
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    mail = message_from_bytes(wire, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    for part in mail.walk():
        assert not part.defects
        assert not any(getattr(value, "defects", ()) for value in part.values())
    return mail


def content(mail: EmailMessage, kind: str) -> Any:
    """Return the content of the one part of a kind."""
    (part,) = (part for part in mail.walk() if part.get_content_type() == kind)
    assert isinstance(part, EmailMessage)
    return part.get_content()


@given(text=any_text, html=any_text)
@example(text="", html="\r")
def test_any_text_arrives_as_it_was(text: str, html: str) -> None:
    """Whatever characters and lines: what is read is what was written, up to kinds of line end."""
    mail = read(written(text, html))
    for kind, sent in (("text/plain", text), ("text/html", html)):
        lines = sent.encode("utf-8", "replace").splitlines() or [b""]
        assert content(mail, kind).encode().splitlines() == lines


@given(st.binary(max_size=3000), st.text(st.characters(codec="utf-8"), max_size=90))
@example(b"", " ")
def test_any_file_arrives_as_it_was(data: bytes, name: str) -> None:
    """Byte for byte, and its name breaks nothing."""
    file = Attachment(name=name, media_type="application/pdf", content=data)

    mail = read(written(files=(file,)))

    assert content(mail, "application/pdf") == data
    (part,) = mail.iter_attachments()
    assert part.get_filename()


@given(subject=any_text, name=any_text)
def test_any_name_and_subject_make_whole_headers(subject: str, name: str) -> None:
    """Names fold and encode into headers that are read without a fault, and add none."""
    mail = read(written(subject=subject, sender_name=name))
    assert sorted(mail.keys()) == sorted(read(written()).keys())
    assert mail["From"].addresses[0].addr_spec == "avisos@isp.example"
    assert [one.addr_spec for one in mail["To"].addresses] == ["ana@example.org"]


@pytest.mark.parametrize("place", ["subject", "sender_name", "text", "reply_to"])
@pytest.mark.parametrize("bad", HOSTILE.values(), ids=HOSTILE)
def test_no_name_makes_a_header(bad: str, place: str) -> None:
    """What somebody typed as a name, a number or a support line stays text, or is left out."""
    given: dict[str, Any] = {place: f"{bad} x"}
    mail = read(written(**given))

    assert "Bcc" not in mail
    assert mail["Reply-To"] is None
    assert len(mail["From"].addresses) == len(mail["To"].addresses) == 1
    assert "\u202e" not in str(mail["Subject"]) + str(mail["From"])
    if place == "text":
        assert [part.get_content_type() for part in mail.walk()] == [
            "multipart/alternative", "text/plain", "text/html",
        ]  # fmt: skip


@pytest.mark.parametrize("length", [10, 60, 75, 76, 77, 120, 300, 900])
@pytest.mark.parametrize("letters", ["ñ", "a", "ab cd ", "€uro ", "🧾 ", "=?utf-8?q?a?= "])
def test_long_subjects_are_folded_and_read_back(length: int, letters: str) -> None:
    """Long or accented, a subject comes back as it was, spaces included (RFC 2047)."""
    subject = ("Tu " + letters * length)[:length].strip()

    wire = written(subject=subject)

    assert str(read(wire)["Subject"]) == subject
    head = wire.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78


def test_the_same_delivery_makes_the_same_bytes() -> None:
    """An e-mail sent again is the same e-mail."""
    file = Attachment(name="f.pdf", media_type="application/pdf", content=b"%PDF" * 100)
    assert written(files=(file,)) == written(files=(file,))


def test_all_alerts_about_an_invoice_are_one_conversation() -> None:
    """Each names the same message that was never sent; its own id stays its own."""
    first = read(written(thread_id="invoice-1f2e", message_id="1"))
    receipt = read(written(thread_id="invoice-1f2e", message_id="2"))

    for mail in (first, receipt):
        assert mail["References"] == mail["In-Reply-To"] == "<invoice-1f2e@isp.example>"
    assert (first["Message-ID"], receipt["Message-ID"]) == ("<1@isp.example>", "<2@isp.example>")
    alone = read(written())
    assert alone["References"] is alone["In-Reply-To"] is None


@pytest.mark.parametrize("field", ["message_id", "thread_id"])
@pytest.mark.parametrize("bad", ["a b", "a\r\nBcc: x@y.zz", "ñ", "a@b@c", "@b", "a@", "a" * 901])
def test_an_id_that_cannot_stand_in_a_header_is_refused(field: str, bad: str) -> None:
    """It would break the header, or be encoded and so change."""
    given: dict[str, Any] = {field: bad}
    with pytest.raises(ValueError, match="Message-ID"):
        written(**given)


def test_unsubscribing_leads_to_where_somebody_answers() -> None:
    """A page if there is one, the support's mailbox, or nothing at all."""
    page = "https://avisos.isp.example/baja/abc"
    support = "soporte+avisos@isp.example"
    mailbox = f"<mailto:{support}?subject=baja>"

    neither = read(written())
    assert neither["List-Unsubscribe"] is neither["List-Unsubscribe-Post"] is None

    by_mail = read(written(reply_to=support))
    assert by_mail["List-Unsubscribe"] == mailbox
    assert by_mail["List-Unsubscribe-Post"] is None

    both = read(written(reply_to=support, unsubscribe_url=page))
    assert both["List-Unsubscribe"] == f"<{page}>, {mailbox}"
    assert both["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "page", ["http://isp.example/baja", "https://isp.example/\r\nBcc: x@y.zz", "javascript:1", ""]
)
def test_one_click_needs_a_safe_page(page: str) -> None:
    """A POST without encryption is not offered (RFC 8058, 3.1), nor anything that is no link."""
    mail = read(written(unsubscribe_url=page))
    assert mail["List-Unsubscribe"] is mail["List-Unsubscribe-Post"] is mail["Bcc"] is None


def test_a_picture_is_inside_the_html_and_a_file_beside_it() -> None:
    """The QR code by its content id, the invoice by its name."""
    picture = Attachment(
        name="QR.png", media_type="image/png", content=b"\x89PNG", content_id=QR_CONTENT_ID
    )
    invoice = Attachment(
        name="Factura_A-0001-793_2021-11.pdf", media_type="application/pdf", content=b"%PDF"
    )

    mail = read(written(files=(picture, invoice)))

    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related",
        "text/html", "image/png", "application/pdf",
    ]  # fmt: skip
    (file,) = mail.iter_attachments()
    assert file["Content-Disposition"] == 'attachment; filename="Factura_A-0001-793_2021-11.pdf"'
