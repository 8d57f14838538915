"""Everything that one delivery hangs on, read in one go, and the letter that comes of it."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from billing.facts import facts_of
from billing.gate import Case
from billing.letter import Letter
from billing.owing import Rules, lay_steps
from billing.policy import DATED, Occurrence
from billing.reactions import new_terms
from billing.terms import rules_of
from billing.values import AlertKind, InvoiceFacts
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.invoice import Invoice
from models.isp import Isp, Transport

_PLACEHOLDER = re.compile(r"\{([a-z_]*)\}")
PAY_URL_FIELDS = ("invoice_id", "invoice_number", "client_id", "public_id", "custom_id", "amount")


@dataclass(frozen=True, slots=True)
class Dossier:
    """Detached rows of one delivery; nothing in it is loaded later."""

    delivery: Delivery
    alert: Alert
    invoice: Invoice
    account: Account
    channel: Channel
    isp: Isp
    transport: Transport | None
    facts: InvoiceFacts
    rules: Rules

    @property
    def kind(self) -> AlertKind:
        """The kind of the alert."""
        return AlertKind(self.alert.kind)

    @property
    def locale(self) -> str:
        """Account, then ISP: one locale for the whole message (product.md, rule 16)."""
        return self.account.locale or self.isp.locale

    def case(self, *, checked_at: datetime | None, owed: Decimal | None) -> Case:
        """Return what the gate decides on."""
        laid = lay_steps(self.invoice, self.facts, self.rules)
        return Case(
            kind=self.kind,
            due_at=self.alert.due_at,
            useful_until=self.alert.useful_until,
            invoice=self.facts,
            vanished=self.invoice.vanished_at is not None
            or self.invoice.account_id != self.account.id,
            checked_at=checked_at,
            owed=owed,
            minimum=self.isp.minimum_amount,
            paired=self.account.paired and self.isp.enabled,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            laid=laid,
            stands=self._stands(laid),
            held=self.isp.held_run_id is not None,
        )

    def _stands(self, laid: Sequence[Occurrence]) -> bool:
        """Whether the date of a reminder, or the new value of a change, is still the invoice's."""
        alert = self.alert
        if self.kind is AlertKind.CHANGED:
            return alert.step == new_terms(self.facts)
        if alert.anchor not in DATED:
            return True
        return any(
            item.step.kind is self.kind
            and item.step.name == alert.step
            and item.anchor_date == alert.anchor_date
            for item in laid
        )

    def letter(self, *, now: datetime, covered: bool, has_pdf: bool) -> Letter:
        """Return what the templates say to this customer at this instant."""
        previous_date = self.alert.details.get("previous_due_date")
        previous_amount = self.alert.details.get("previous_amount")
        facts = self.facts
        return Letter(
            kind=self.kind,
            isp_name=self.isp.name,
            first_name=first_name(self.account.name),
            today=self.rules.calendar.today(now),
            currency=self.isp.currency,
            amount_due=facts.payable,
            amount_total=facts.amount,
            received=facts.received if self.kind.asks_to_pay else Decimal(0),
            invoice_number=facts.number,
            issued_date=facts.issued_date,
            period_date=facts.period_from or facts.issued_date,
            due_date=facts.first_due_date,
            second_due_date=facts.second_due_date,
            previous_due_date=date.fromisoformat(previous_date) if previous_date else None,
            previous_amount=Decimal(previous_amount) if previous_amount else None,
            pay_url=None if covered or facts.payable <= 0 else self.pay_url(),
            portal_url=self.isp.portal_url,
            support=self.isp.support,
            covered_by_credit=covered,
            has_pdf=has_pdf,
        )

    def pay_url(self) -> str | None:
        """The invoice's own link, else the ISP's template, else the portal."""
        if self.facts.pay_urls:
            return self.facts.pay_urls[0]
        if self.isp.pay_url:
            return (
                fill_pay_url(
                    self.isp.pay_url,
                    {
                        "invoice_id": self.facts.wispro_id,
                        "invoice_number": self.facts.number,
                        "client_id": self.account.client_id,
                        "public_id": self.account.public_id,
                        "custom_id": self.account.custom_id,
                        "amount": f"{self.facts.payable:.2f}",
                    },
                )
                or self.isp.portal_url
            )
        return self.isp.portal_url


def fill_pay_url(template: str, values: dict[str, object]) -> str | None:
    """This function will fill a pay-link template, each value percent-encoded.

    Returns:
        None where a value that the template needs is unknown: half a link helps nobody.

    Raises:
        ValueError: naming a placeholder that does not exist.
    """
    for name in _PLACEHOLDER.findall(template):
        if name not in PAY_URL_FIELDS:
            known = ", ".join(f"{{{field}}}" for field in PAY_URL_FIELDS)
            raise ValueError(f"unknown placeholder {{{name}}} in the pay link; known: {known}")
        if values.get(name) in (None, ""):
            return None
    return _PLACEHOLDER.sub(
        lambda match: urllib.parse.quote(str(values[match[1]]), safe=""), template
    )


def first_name(name: str) -> str:
    """Return the given name of "PEREZ, Ana María" or "Ana María Perez"; "" where there is none."""
    given = name.split(",", 1)[1] if "," in name else name
    words = given.split()
    return words[0].capitalize() if words and words[0].isupper() else (words or [""])[0]


def open_dossier(session: Session, delivery_id: int) -> Dossier:
    """This function will read everything about one delivery."""
    delivery = session.scalars(
        select(Delivery)
        .where(Delivery.id == delivery_id)
        .options(
            joinedload(Delivery.channel).joinedload(Channel.account).joinedload(Account.isp),
            joinedload(Delivery.alert).joinedload(Alert.invoice),
        )
    ).one()
    channel, alert = delivery.channel, delivery.alert
    account, invoice = channel.account, alert.invoice
    assert invoice is not None
    transport = session.scalars(
        select(Transport).where(
            Transport.isp_id == account.isp_id, Transport.scheme == channel.scheme
        )
    ).first()
    return Dossier(
        delivery=delivery,
        alert=alert,
        invoice=invoice,
        account=account,
        channel=channel,
        isp=account.isp,
        transport=transport if channel.needs_transport else None,
        facts=facts_of(invoice),
        rules=rules_of(account.isp),
    )
