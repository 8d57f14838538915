"""From what may go to what is handed to the messenger: letter, message, attachments, envelope."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from billing.checked import Checked
from billing.delivery.conversation import conversation_of
from billing.delivery.errand import Errand, Ready
from billing.delivery.evidence import evidence_of
from billing.delivery.providers import Account
from billing.delivery.together import daily_letter
from billing.dossier import Dossier, InvoiceDossier
from billing.letter import Attachment, Envelope, Letter, Message
from billing.ports import MessengerPort, VaultPort
from billing.stopping import nowhere
from billing.values import Medium
from models.account import Channel

_EMAIL = re.compile(r"[^\s@<>,;:()]+@[^\s@<>,;:()]+\.[^\s@<>,;:().]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message, ready to leave.

    Attributes:
        errand: whose it is.
        parcel: the deliveries that it is; the first one carries the others.
        account: over which it leaves.
        announces: rows of the invoices that the customer knows of once it is theirs.
        segments: what it costs as an SMS; 0 = it is none.
        note: what it goes without.
    """

    errand: Errand
    parcel: tuple[Ready, ...]
    account: Account
    message: Message = field(repr=False)
    envelope: Envelope = field(repr=False)
    attachments: Sequence[Attachment] = field(repr=False)
    evidence: dict[str, str]
    announces: Sequence[int]
    segments: int
    note: str | None


def write(
    errand: Errand,
    checked: Checked,
    account: Account,
    pdf: bytes | str | None,
    *,
    vault: VaultPort,
    messenger: MessengerPort,
    stop_link: Callable[[Channel], str | None] = nowhere,
) -> Outgoing:
    """This function will write the message of an errand's parcel.

    Args:
        errand: with a parcel.
        checked: what the last-second looks said.
        account: over which it leaves.
        pdf: of the invoice; a text = why it goes without; None = none is wanted.
        vault: opens addresses.
        messenger: fills templates.
        stop_link: returns the page that stops a channel, None where there is none.

    Raises:
        RenderError: if a template cannot be filled.
        SecretError: if the destination or the sending account cannot be opened.
    """
    parcel = errand.parcel
    first = parcel[0]
    dossier, now = first.dossier, first.judged_at
    letter, announces = _letter(parcel, checked, has_pdf=isinstance(pdf, bytes), now=now)
    channel = dossier.channel
    stop_url = stop_link(channel) if channel.medium == Medium.EMAIL.value else None
    letter = replace(letter, stop_url=stop_url)
    transport = dossier.transport
    envelope = Envelope(
        scheme=channel.scheme,
        transport=vault.open(transport.url_sealed) if transport else None,
        destination=vault.open(channel.destination_sealed),
        message_id=dossier.delivery.message_id,
        sender_name=dossier.isp.name,
        reply_to=email_in(dossier.isp.support),
        click_url=letter.pay_url or letter.portal_url,
        thread_id=conversation_of(vault, dossier.alert, letter),
        unsubscribe_url=stop_url,
    )
    message = messenger.render(letter, medium=Medium(channel.medium), locale=dossier.locale)
    attachments = messenger.attachments(
        letter,
        scheme=channel.scheme,
        locale=dossier.locale,
        pdf=pdf if isinstance(pdf, bytes) else None,
    )
    return Outgoing(
        errand=errand,
        parcel=parcel,
        account=account,
        message=message,
        envelope=envelope,
        attachments=attachments,
        evidence=evidence_of(dossier, message, now=now),
        announces=announces,
        segments=messenger.segments(message),
        note=pdf if isinstance(pdf, str) else None,
    )


def _letter(
    parcel: Sequence[Ready], checked: Checked, *, has_pdf: bool, now: datetime
) -> tuple[Letter, Sequence[int]]:
    """Return the letter, and the rows of the invoices that it announces."""
    if len(parcel) > 1:
        several = [one.dossier for one in parcel if isinstance(one.dossier, InvoiceDossier)]
        return daily_letter(several, checked, now=now)
    (one,) = parcel
    letter = one.dossier.letter(checked, now=now, covered=one.covered, has_pdf=has_pdf)
    return letter, one.dossier.announces(checked, now=now)


def pdf_wanted(parcel: Sequence[Ready], messenger: MessengerPort) -> tuple[Dossier, str] | None:
    """This function will name the invoice whose PDF goes with a parcel; None = none does."""
    if len(parcel) != 1:
        return None
    dossier = parcel[0].dossier
    wispro_id = dossier.pdf_of
    if wispro_id is None or not messenger.takes_pdf(dossier.channel.scheme):
        return None
    return dossier, wispro_id


@dataclass(frozen=True, slots=True)
class Paper:
    """One version of an invoice as a PDF: `name` is another one once the invoice changed."""

    wispro_id: str
    name: str


def paper_of(dossier: Dossier) -> Paper:
    """This function will name the PDF of an alert's invoice as it is now."""
    assert isinstance(dossier, InvoiceDossier)
    facts = dossier.facts
    version = (
        facts.number, facts.state.value, facts.amount, facts.payable, facts.first_due_date,
        facts.second_due_date, dossier.invoice.fingerprint,
    )  # fmt: skip
    name = "|".join([f"{dossier.isp.id}", facts.wispro_id, *(f"{part}" for part in version)])
    return Paper(facts.wispro_id, name)


def email_in(text: str | None) -> str | None:
    """This function will find the first e-mail address in the ISP's line about support.

    Customers' answers go there.
    """
    found = _EMAIL.search(text or "")
    return found[0] if found else None
