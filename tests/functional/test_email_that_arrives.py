"""What a customer's mail program gets: one conversation per invoice, and headers that are true."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tests.support.inbox import Letter
from tests.support.marks import on_sqlite
from tests.support.town import Town
from tests.unit.notifications.test_mime import HOSTILE

DOMAIN = "interatos.example"


def read(letter: Letter) -> EmailMessage:
    """Return a message as a mail program understands it, which finds nothing wrong with it."""
    mail = message_from_bytes(letter.raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    for part in mail.walk():
        assert not part.defects
        assert not any(getattr(value, "defects", ()) for value in part.values())
    return mail


def conversation(letter: Letter) -> str | None:
    """Return the conversation that a mail program files it under."""
    mail = read(letter)
    assert mail["References"] == mail["In-Reply-To"]
    return mail["References"] and str(mail["References"])


def test_all_about_one_invoice_is_one_conversation(town: Town) -> None:
    """The reminder and the receipt lie together; another invoice, or another customer, apart."""
    ana, bea = town.customer("Ana"), town.customer("Bea")
    town.settled(ana, bea)
    mine, hers = town.bill(ana, due_in=1), town.bill(bea, due_in=1)
    town.go_round()
    town.state.pay(mine)
    town.state.pay(hers)
    town.wait(hours=1)
    town.go_round()
    town.wait(hours=80)
    town.bill(ana, due_in=1)
    town.go_round()

    to_ana = town.inbox.to("ana@clientes.example")
    to_bea = town.inbox.to("bea@clientes.example")
    assert town.kinds() == ["due_soon", "due_soon", "paid", "paid", "due_soon"]
    reminder, receipt, next_one = map(conversation, to_ana)
    assert reminder == receipt
    assert reminder is not None
    assert reminder.startswith("<invoice-")
    assert reminder.endswith(f"@{DOMAIN}>")
    assert mine.id not in reminder
    assert len({reminder, next_one, *map(conversation, to_bea)}) == 3
    assert len({letter.message_id for letter in town.letters}) == 5


@on_sqlite
def test_a_digest_is_a_conversation_of_its_own(town: Town) -> None:
    """It is about several invoices, so it answers to none of them."""
    ana = town.customer("Ana")
    town.settled(ana)
    for due_in in (1, 1):
        town.bill(ana, due_in=due_in)
    town.go_round()

    (digest,) = town.letters
    assert conversation(digest) is None


@on_sqlite
def test_answers_and_unsubscribing_lead_to_the_support(town: Town) -> None:
    """The address of the support line takes both, and no page is offered that nobody serves."""
    ana = town.customer("Ana")
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.go_round()

    mail = read(town.letters[0])
    assert mail["Reply-To"] == f"ayuda@{DOMAIN}"
    assert mail["List-Unsubscribe"] == f"<mailto:ayuda@{DOMAIN}?subject=baja>"
    assert mail["List-Unsubscribe-Post"] is None
    assert mail["Auto-Submitted"] == "auto-generated"


@on_sqlite
def test_without_an_address_of_the_support_no_way_is_promised(
    make_town: Callable[..., Town],
) -> None:
    """A header that leads nowhere is worse than none."""
    town = make_town()
    town.add_isp(support="WhatsApp 3546 55-5000")
    ana = town.customer("Ana")
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.go_round()

    mail = read(town.letters[0])
    assert mail["Reply-To"] is mail["List-Unsubscribe"] is mail["List-Unsubscribe-Post"] is None


@on_sqlite
@pytest.mark.parametrize("bad", [text for text in HOSTILE.values() if "\ud800" not in text])
def test_no_name_becomes_a_header(make_town: Callable[..., Town], bad: str) -> None:
    """Of a customer or on an invoice, from Wispro to the inbox: it stays text or is left out."""
    town = make_town()
    town.add_isp()
    ana = town.customer(f"{bad} Ana", email="ana@clientes.example")
    town.settled(ana)
    town.bill(ana, due_in=1, invoice_number=f"A-1 {bad}")
    town.go_round()

    (letter,) = town.letters
    mail = read(letter)
    assert letter.recipient == "ana@clientes.example"
    assert mail["Bcc"] is None
    assert len(mail["From"].addresses) == len(mail["To"].addresses) == 1
    assert "\u202e" not in letter.everything


@on_sqlite
def test_a_huge_pdf_becomes_a_note(town: Town) -> None:
    """40 MB are neither attached nor kept; the alert goes on time and the journal says why."""
    ana = town.customer("Ana")
    town.settled(ana)
    town.bill(ana, due_in=1)
    town.break_wispro("pdf_huge", path="download_pdf", size=40_000_000)
    town.go_round()

    (letter,) = town.letters
    assert letter.pdf is None
    assert len(letter.raw) < 100_000
    assert [line.detail[:11] for line in town.lines("sent") if line.detail] == ["without PDF"]
