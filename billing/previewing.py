"""The letter that an account would get now, from our copy: nothing is asked, sent or written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.checked import Checked
from billing.closing import open_channels
from billing.dossier import ChannelDossier, DigestDossier, InvoiceDossier
from billing.facts import facts_of
from billing.isps import SetupError
from billing.letter import Letter
from billing.owing import Rules
from billing.reminded import reminded_lately
from billing.terms import rules_of
from billing.values import AlertKind, InvoiceState, Medium
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.debts import invoices_of_old_debts
from models.invoice import Invoice

_STATE_OF = {AlertKind.PAID: InvoiceState.PAID, AlertKind.VOIDED: InvoiceState.VOID}


class PreviewError(SetupError):
    """There is no such letter; the text says why."""


class NothingToListError(PreviewError):
    """The account has no old debts, so that no digest would go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A letter and the locale that it would be rendered in."""

    letter: Letter
    locale: str


def preview_letter(
    session: Session, account: Account, kind: AlertKind, *, invoice: str | None, now: datetime
) -> Preview:
    """This function will build a letter with the code that builds those which are sent.

    The invoice is taken as we know it: neither it nor the balance is looked at again, so credit is
    not counted, and what the gate would hold back is shown all the same. The PDF counts as there.

    Args:
        session: rows; nothing is added to it.
        account: who would get it.
        kind: what it says.
        invoice: Wispro's id or the number; None = the latest in the state that fits the kind, else
            the latest. Old debts have none.
        now: the present.

    Raises:
        PreviewError: if the account is not paired, or has no such invoice, or several.
        NothingToListError: if a digest would list nothing.
    """
    if not account.paired:
        raise PreviewError(f"{account.name} is not paired, so nothing is sent; alerta pair … first")
    rules = rules_of(account.isp)
    if kind is AlertKind.DIGEST:
        dossier = _digest(session, account, rules, invoice=invoice, now=now)
        checked = Checked(invoices={row.wispro_id: now for row in dossier.invoices})
        letter = dossier.letter(checked, now=now, covered=False, has_pdf=False)
        return Preview(letter=letter, locale=dossier.locale)
    if kind.about_channel:
        about_channel = _about_channel(session, account, rules, kind, invoice=invoice)
        letter = about_channel.letter(Checked(), now=now, covered=False, has_pdf=False)
        return Preview(letter=letter, locale=about_channel.locale)
    about = _named(session, account, invoice) if invoice else _latest(session, account, kind)
    single = _single(session, account, rules, about, kind, now=now)
    has_pdf = single.pdf_of is not None
    letter = single.letter(Checked(), now=now, covered=False, has_pdf=has_pdf)
    return Preview(letter=letter, locale=single.locale)


def _about_channel(
    session: Session, account: Account, rules: Rules, kind: AlertKind, *, invoice: str | None
) -> ChannelDossier:
    if invoice:
        raise PreviewError(f"a {kind} is about a channel, not about an invoice")
    channels = open_channels(session, account.id)
    return ChannelDossier(
        delivery=Delivery(),
        alert=Alert(kind=kind.value, details={}),
        account=account,
        channel=channels[0] if channels else Channel(scheme="email", medium=Medium.EMAIL.value),
        isp=account.isp,
        transport=None,
        rules=rules,
    )


def _digest(
    session: Session, account: Account, rules: Rules, *, invoice: str | None, now: datetime
) -> DigestDossier:
    if invoice:
        raise PreviewError("a digest is about every old debt, not about one invoice")
    rows = invoices_of_old_debts(session, account.id, before=rules.calendar.today(now))
    if not rows:
        raise NothingToListError(f"{account.name} has no old debts that a digest would list")
    return DigestDossier(
        delivery=Delivery(),
        alert=Alert(kind=AlertKind.DIGEST.value, details={}),
        account=account,
        channel=Channel(),
        isp=account.isp,
        transport=None,
        rules=rules,
        invoices=tuple(rows),
    )


def _single(
    session: Session,
    account: Account,
    rules: Rules,
    invoice: Invoice,
    kind: AlertKind,
    *,
    now: datetime,
) -> InvoiceDossier:
    """Return a dossier on rows that are never stored, with what the last such alert told."""
    last = session.scalars(
        select(Alert)
        .where(Alert.invoice_id == invoice.id, Alert.kind == kind.value)
        .order_by(Alert.id.desc())
        .limit(1)
    ).first()
    noticed_at = last.due_at if last else now
    return InvoiceDossier(
        delivery=Delivery(),
        alert=Alert(kind=kind.value, details=dict(last.details) if last else {}),
        account=account,
        channel=Channel(),
        isp=account.isp,
        transport=None,
        rules=rules,
        invoice=invoice,
        facts=facts_of(invoice),
        reminded=kind is AlertKind.PAID
        and reminded_lately(session, invoice, rules.calendar, noticed_at=noticed_at),
    )


def _named(session: Session, account: Account, text: str) -> Invoice:
    found = session.scalars(
        select(Invoice)
        .where(
            Invoice.account_id == account.id,
            or_(Invoice.wispro_id == text, Invoice.number == text),
        )
        .order_by(Invoice.id)
    ).all()
    if not found:
        raise PreviewError(f"{account.name} has no invoice {text!r}; see alerta invoices")
    if len(found) > 1:
        ids = ", ".join(row.wispro_id for row in found)
        raise PreviewError(f"{account.name} has {len(found)} invoices {text!r}; name one: {ids}")
    return found[0]


def _latest(session: Session, account: Account, kind: AlertKind) -> Invoice:
    rows = session.scalars(
        select(Invoice).where(Invoice.account_id == account.id, Invoice.vanished_at.is_(None))
    ).all()
    if not rows:
        raise PreviewError(f"we know no invoice of {account.name} yet; alerta sync first")
    state = _STATE_OF.get(kind, InvoiceState.PENDING).value
    return max(
        rows,
        key=lambda row: (
            row.state == state,
            row.first_due_date or row.issued_date or date.min,
            row.id,
        ),
    )
