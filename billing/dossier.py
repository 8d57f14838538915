"""Everything that one delivery hangs on, and the letter that comes of it; `opening` reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict

from billing import digest, gate, greeting
from billing.besides import Besides
from billing.checked import Checked
from billing.facts import facts_of
from billing.held import Held, strictest
from billing.letter import Debt, Letter
from billing.owing import Rules
from billing.paylink import fill_pay_url
from billing.policy import Occurrence
from billing.values import AlertKind, InvoiceFacts, Reason
from billing.wanted import is_capped, refused, stands, unwanted
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.invoice import Invoice
from models.isp import Isp, Transport


class Heading(TypedDict):
    """What all letters to one customer have in common; fields as in `Letter`."""

    isp_name: str
    first_name: str
    today: date
    currency: str
    portal_url: str | None
    support: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier(ABC):
    """Detached rows of one delivery; nothing in it is loaded later."""

    delivery: Delivery
    alert: Alert
    account: Account
    channel: Channel
    isp: Isp
    transport: Transport | None
    rules: Rules
    holds: tuple[Held, ...] = ()
    limits: gate.Limits | None = None

    @property
    def minimum(self) -> Decimal:
        """The least amount that is asked for: the policy's, else the ISP's."""
        minimum = self.rules.policy.minimum
        return self.isp.minimum_amount if minimum is None else minimum

    @property
    def kind(self) -> AlertKind:
        """The kind of the alert."""
        return AlertKind(self.alert.kind)

    @property
    def is_capped(self) -> bool:
        """Whether the caps on unpaid alerts bind it, if there are any."""
        return is_capped(self.rules.policy, self.kind, self.alert.step)

    @property
    def locale(self) -> str:
        """Account, then ISP: one locale for the whole message (product.md, rule 16)."""
        return self.account.locale or self.isp.locale

    @abstractmethod
    def verdict(self, checked: Checked, *, now: datetime) -> gate.Verdict:
        """Ask the gate."""

    @abstractmethod
    def findings(self, checked: Checked, *, now: datetime) -> tuple[gate.Finding, ...]:
        """Ask each rule of the gate, for people who ask why."""

    @abstractmethod
    def to_look_at(self, checked: Checked, *, now: datetime) -> Sequence[Invoice]:
        """Name the invoices to ask Wispro about before the gate can say more."""

    def doubtful(self, owed: Decimal | None) -> Sequence[Invoice]:
        """Name the invoices that cannot be as we know them if this is what the account owes."""
        del owed
        return ()

    @abstractmethod
    def letter(self, checked: Checked, *, now: datetime, covered: bool, has_pdf: bool) -> Letter:
        """Return what the templates say to this customer at this instant."""

    @abstractmethod
    def announces(self, checked: Checked, *, now: datetime) -> Sequence[int]:
        """Name the rows of the invoices that the customer knows of once this letter is theirs."""

    @property
    def pdf_of(self) -> str | None:
        """The invoice whose PDF goes with it, if any."""
        return None

    def heading(self, now: datetime) -> Heading:
        """Return what every letter to this customer says of who writes to whom, and when."""
        return {
            "isp_name": self.isp.name,
            "first_name": first_name(self.account.name),
            "today": self.rules.calendar.today(now),
            "currency": self.isp.currency,
            "portal_url": self.isp.portal_url,
            "support": self.isp.support,
        }

    def debt_of(self, facts: InvoiceFacts, *, service: str | None = None) -> Debt:
        """Return an invoice as a line of a digest."""
        return Debt(
            amount=facts.payable,
            received=facts.received,
            service=service,
            invoice_number=facts.number,
            period_date=facts.period_from or facts.issued_date,
            due_date=facts.first_due_date,
            pay_url=self.pay_url_of(facts),
        )

    def pay_url_of_all(self, debts: Sequence[Debt]) -> str | None:
        """In the portal all of them can be paid; the link of one invoice pays that one."""
        first_link = debts[0].pay_url if debts else None
        return first_link if len(debts) == 1 else self.isp.portal_url or first_link

    def pay_url_of(self, facts: InvoiceFacts, *, amount: Decimal | None = None) -> str | None:
        """The invoice's own link, else the ISP's template, else the portal.

        `amount` is what is asked, None = all that is still to pay of it.
        """
        asked = facts.payable if amount is None else amount
        return pay_url(self.isp, self.account, facts, amount=asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDossier(Dossier):
    """An alert about one invoice; `reminded` = a receipt has a reminder to take back.

    `besides` are the open invoices of its account, this one among them, where several of them may
    go in one message.
    """

    invoice: Invoice
    facts: InvoiceFacts
    laid: tuple[Occurrence, ...] = ()
    suspended: bool = False
    reminded: bool = False
    besides: tuple[Besides, ...] = ()

    @property
    def words(self) -> AlertKind:
        """The kind whose templates this alert uses: its own, unless the policy names another."""
        manner = self.rules.policy.manner_of(self.kind, self.alert.step)
        return manner.template if manner and manner.template else self.kind

    @property
    def pdf_of(self) -> str | None:
        """The invoice itself; a voided one is no document to send."""
        return None if self.kind is AlertKind.VOIDED else self.facts.wispro_id

    def verdict(self, checked: Checked, *, now: datetime) -> gate.Verdict:
        """Ask the gate."""
        return gate.decide(self.case(checked, now=now), now=now)

    def findings(self, checked: Checked, *, now: datetime) -> tuple[gate.Finding, ...]:
        """Ask each rule of the gate, for people who ask why."""
        return gate.findings(self.case(checked, now=now), now=now)

    def to_look_at(self, checked: Checked, *, now: datetime) -> Sequence[Invoice]:
        """Look at the invoice itself, unless somebody just did."""
        checked_at = self._checked_at(checked)
        fresh = checked_at is not None and now - checked_at <= gate.FRESH_FOR
        return () if fresh else (self.invoice,)

    def doubtful(self, owed: Decimal | None) -> Sequence[Invoice]:
        """The invoice, where it asks for more than all that the account owes."""
        return (self.invoice,) if owed is not None and owed < self.facts.payable else ()

    def _checked_at(self, checked: Checked) -> datetime | None:
        """When a request began that showed this invoice as it is."""
        return checked.at(self.invoice, self.account, self.isp)

    def announces(self, checked: Checked, *, now: datetime) -> Sequence[int]:
        """The one invoice."""
        del checked, now
        return (self.invoice.id,)

    def case(self, checked: Checked, *, now: datetime) -> gate.Case:
        """Return what the gate decides on."""
        return gate.Case(
            kind=self.kind,
            due_at=self.alert.due_at,
            useful_until=self.alert.useful_until,
            invoice=self.facts,
            vanished=self.invoice.vanished_at is not None
            or self.invoice.account_id != self.account.id,
            checked_at=self._checked_at(checked),
            owed=checked.owed(self.account, now=now),
            minimum=self.minimum,
            paired=self.account.paired,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            laid=self.laid,
            stands=self._stands(self.laid),
            held=self.isp.held_run_id is not None,
            disabled=not self.isp.enabled,
            step=self.alert.step,
            unwanted=self._unwanted(),
            suspended=self.suspended,
            hold=strictest(self.holds, self.rules.calendar, now=now),
            limits=self.limits,
        )

    def _unwanted(self) -> Reason | None:
        """Why the policy in force now, or the customer, wants no such alert on this channel."""
        return refused(
            self.rules.policy,
            self.account.steps_off,
            kind=self.kind,
            anchor=self.alert.anchor,
            step=self.alert.step,
            medium=self.channel.medium,
            scheme=self.channel.scheme,
        )

    def _stands(self, laid: Sequence[Occurrence]) -> bool:
        """Whether the date of a reminder, or the new value of a change, is still the invoice's."""
        alert = self.alert
        return stands(
            self.kind,
            anchor=alert.anchor,
            anchor_date=alert.anchor_date,
            step=alert.step,
            facts=self.facts,
            laid=laid,
        )

    def letter(self, checked: Checked, *, now: datetime, covered: bool, has_pdf: bool) -> Letter:
        """Return what the templates say to this customer at this instant."""
        previous_date = self.alert.details.get("previous_due_date")
        previous_amount = self.alert.details.get("previous_amount")
        facts = self.facts
        asked = facts.payable if covered else self._asked(checked, now=now)
        return Letter(
            **self.heading(now),
            kind=self.words,
            amount_due=asked,
            amount_total=facts.amount,
            received=facts.received if self.kind.asks_to_pay else Decimal(0),
            credit=facts.payable - asked,
            invoice_number=facts.number,
            issued_date=facts.issued_date,
            period_date=facts.period_from or facts.issued_date,
            due_date=facts.first_due_date,
            second_due_date=facts.second_due_date,
            previous_due_date=date.fromisoformat(previous_date) if previous_date else None,
            previous_amount=Decimal(previous_amount) if previous_amount else None,
            pay_url=None if covered or asked <= 0 else self.pay_url_of(facts, amount=asked),
            covered_by_credit=covered,
            has_pdf=has_pdf,
            corrects_reminder=self.reminded,
        )

    def _asked(self, checked: Checked, *, now: datetime) -> Decimal:
        """Never more than the account owes: credit may pay a part of it (product.md, rule 8)."""
        owed = checked.owed(self.account, now=now) if self.kind.shows_debt else None
        return gate.asked(self.facts.payable, owed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestDossier(Dossier):
    """The digest of an account's old debts: those of the day of its release, the oldest first."""

    invoices: tuple[Invoice, ...]

    def case(self, checked: Checked, *, now: datetime) -> digest.Case:
        """Return what is decided on."""
        balance_at, owed = checked.balances.get(self.account.client_id, (None, None))
        return digest.Case(
            debts=tuple(facts_of(row) for row in self.invoices),
            confirmed=checked.invoices,
            balance_at=balance_at,
            owed=owed,
            minimum=self.minimum,
            paired=self.account.paired,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            held=self.isp.held_run_id is not None,
            disabled=not self.isp.enabled,
            hold=strictest(self.holds, self.rules.calendar, now=now),
            limits=self.limits,
        )

    def verdict(self, checked: Checked, *, now: datetime) -> gate.Verdict:
        """Ask the gate of digests."""
        return digest.decide(self.case(checked, now=now), now=now)

    def findings(self, checked: Checked, *, now: datetime) -> tuple[gate.Finding, ...]:
        """Ask each rule of the gate of digests, for people who ask why."""
        return digest.findings(self.case(checked, now=now), now=now)

    def to_look_at(self, checked: Checked, *, now: datetime) -> Sequence[Invoice]:
        """Name those that would be listed and are not confirmed."""
        wanted = {
            facts.wispro_id for facts in digest.to_confirm(self.case(checked, now=now), now=now)
        }
        return [row for row in self.invoices if row.wispro_id in wanted]

    def announces(self, checked: Checked, *, now: datetime) -> Sequence[int]:
        """Name those that are listed."""
        listed = {
            facts.wispro_id for facts in digest.compose(self.case(checked, now=now), now=now).listed
        }
        return [row.id for row in self.invoices if row.wispro_id in listed]

    def letter(self, checked: Checked, *, now: datetime, covered: bool, has_pdf: bool) -> Letter:
        """Return what the templates say to this customer at this instant."""
        says = digest.compose(self.case(checked, now=now), now=now)
        debts = tuple(self.debt_of(facts) for facts in says.listed)
        return Letter(
            **self.heading(now),
            kind=self.kind,
            amount_due=says.asked,
            amount_total=says.total,
            received=sum((debt.received for debt in debts), Decimal(0)),
            credit=says.total - says.asked,
            due_date=debts[0].due_date if debts else None,
            pay_url=self.pay_url_of_all(debts),
            covered_by_credit=covered,
            has_pdf=has_pdf,
            debts=debts,
            more_debts=says.more,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDossier(Dossier):
    """A message about the channel that it goes to; no invoice is in it."""

    def case(self) -> greeting.Case:
        """Return what is decided on."""
        return greeting.Case(
            kind=self.kind,
            useful_until=self.alert.useful_until,
            owed=None,
            minimum=self.minimum,
            paired=self.account.paired,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            held=self.isp.held_run_id is not None,
            disabled=not self.isp.enabled,
            unwanted=unwanted(self.rules.policy, (), self.kind, self.alert.step),
        )

    def verdict(self, checked: Checked, *, now: datetime) -> gate.Verdict:
        """Ask the gate of messages about channels."""
        del checked
        return greeting.decide(self.case(), now=now)

    def findings(self, checked: Checked, *, now: datetime) -> tuple[gate.Finding, ...]:
        """Ask each of its rules, for people who ask why."""
        del checked
        return greeting.findings(self.case(), now=now)

    def to_look_at(self, checked: Checked, *, now: datetime) -> Sequence[Invoice]:
        """Ask Wispro nothing."""
        del checked, now
        return ()

    def announces(self, checked: Checked, *, now: datetime) -> Sequence[int]:
        """Announce no invoice."""
        del checked, now
        return ()

    def letter(self, checked: Checked, *, now: datetime, covered: bool, has_pdf: bool) -> Letter:
        """Return what the templates say to this customer at this instant."""
        del checked, covered, has_pdf
        channel = self.channel
        return Letter(
            **self.heading(now),
            kind=self.kind,
            amount_due=Decimal(0),
            amount_total=Decimal(0),
            comes=greeting.promised(
                self.rules.policy,
                self.account.steps_off,
                medium=channel.medium,
                scheme=channel.scheme,
            ),
        )


def pay_url(isp: Isp, account: Account, facts: InvoiceFacts, *, amount: Decimal) -> str | None:
    """Return the invoice's own link, else what the ISP's template makes of it, else the portal."""
    if facts.pay_urls:
        return facts.pay_urls[0]
    if not isp.pay_url:
        return isp.portal_url
    values: dict[str, object] = {
        "invoice_id": facts.wispro_id,
        "invoice_number": facts.number,
        "client_id": account.client_id,
        "public_id": account.public_id,
        "custom_id": account.custom_id,
        "amount": f"{amount:.2f}",
    }
    return fill_pay_url(isp.pay_url, values) or isp.portal_url


def first_name(name: str) -> str:
    """Return the given name of "PEREZ, Ana María" or "Ana María Perez"; "" where there is none."""
    given = name.split(",", 1)[1] if "," in name else name
    words = given.split()
    return words[0].capitalize() if words and words[0].isupper() else (words or [""])[0]
