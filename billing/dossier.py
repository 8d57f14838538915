"""Everything that one delivery hangs on, read in one go, and the letter that comes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, joinedload

from billing import digest, gate, greeting
from billing.besides import Besides, open_invoices
from billing.checked import Checked
from billing.contacts import limits_of
from billing.facts import facts_of
from billing.held import Held, strictest
from billing.holds import all_holds_on, held_of
from billing.letter import Debt, Letter
from billing.owing import Rules, lay_steps
from billing.paylink import fill_pay_url
from billing.policy import Occurrence
from billing.reminded import reminded_lately
from billing.terms import rules_of
from billing.values import AlertKind, ContractState, InvoiceFacts, Reason
from billing.wanted import is_capped, refused, stands, unwanted
from models.account import Account, Channel, Contract
from models.alert import Alert, Delivery
from models.debts import invoices_of_old_debts
from models.hold import Hold
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
            owed=self._owed(checked, now=now),
            minimum=self.minimum,
            paired=self.account.paired and self.isp.enabled,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            laid=self.laid,
            stands=self._stands(self.laid),
            held=self.isp.held_run_id is not None,
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

    def _owed(self, checked: Checked, *, now: datetime) -> Decimal | None:
        """What the account owes by a look that is fresh; None = nobody knows."""
        balance_at, owed = checked.balances.get(self.account.client_id, (None, None))
        fresh = balance_at is not None and now - balance_at <= gate.FRESH_FOR
        return owed if fresh else None

    def _asked(self, checked: Checked, *, now: datetime) -> Decimal:
        """Never more than the account owes: credit may pay a part of it (product.md, rule 8)."""
        owed, payable = self._owed(checked, now=now), self.facts.payable
        return min(payable, owed) if self.kind.shows_debt and owed is not None else payable


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
            paired=self.account.paired and self.isp.enabled,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            held=self.isp.held_run_id is not None,
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
            paired=self.account.paired and self.isp.enabled,
            channel_enabled=self.channel.disabled_at is None,
            calendar=self.rules.calendar,
            held=self.isp.held_run_id is not None,
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


class _Shared(TypedDict):
    """What every dossier holds."""

    delivery: Delivery
    alert: Alert
    account: Account
    channel: Channel
    isp: Isp
    transport: Transport | None
    rules: Rules
    holds: tuple[Held, ...]
    limits: gate.Limits | None


def open_dossier(session: Session, delivery_id: int) -> Dossier:
    """This function will read everything about one delivery."""
    return open_dossiers(session, [delivery_id])[delivery_id]


def open_dossiers(session: Session, delivery_ids: Sequence[int]) -> dict[int, Dossier]:
    """This function will read everything about several deliveries, in a few statements.

    Raises:
        UnreadablePolicyError: if the policy of an ISP cannot be read.
    """
    deliveries = session.scalars(
        select(Delivery)
        .where(Delivery.id.in_(delivery_ids))
        .options(
            joinedload(Delivery.channel).joinedload(Channel.account).joinedload(Account.isp),
            joinedload(Delivery.alert).joinedload(Alert.invoice),
        )
    ).all()
    isps = {one.channel.account.isp_id: one.channel.account.isp for one in deliveries}
    rules = {isp_id: rules_of(isp) for isp_id, isp in isps.items()}
    transports = {
        (one.isp_id, one.scheme): one
        for one in session.scalars(select(Transport).where(Transport.isp_id.in_(isps)))
    }
    holds = all_holds_on(session, {one.account_id for one in deliveries})
    besides = _besides_of(session, deliveries, rules, holds)
    # Kept here, since what nobody holds is forgotten and read again for each invoice.
    contracts = _contracts_of(session, deliveries)
    opened = {
        one.id: _open(
            session,
            one,
            rules=rules[one.channel.account.isp_id],
            transport=transports.get((one.channel.account.isp_id, one.channel.scheme)),
            holds=holds.get(one.account_id, ()),
            besides=besides.get(one.account_id, ()),
        )
        for one in deliveries
    }
    del contracts
    return opened


def _open(
    session: Session,
    delivery: Delivery,
    *,
    rules: Rules,
    transport: Transport | None,
    holds: Sequence[Hold],
    besides: tuple[Besides, ...] = (),
) -> Dossier:
    channel, alert = delivery.channel, delivery.alert
    account = channel.account
    rules = rules.of_account(account)
    shared: _Shared = {
        "delivery": delivery,
        "alert": alert,
        "account": account,
        "channel": channel,
        "isp": account.isp,
        "transport": transport if channel.needs_transport else None,
        "rules": rules,
        "holds": tuple(held_of(row) for row in holds if row.invoice_id in {None, alert.invoice_id}),
        "limits": limits_of(session, delivery, alert, rules.policy, rules.calendar),
    }
    if AlertKind(alert.kind) is AlertKind.DIGEST:
        released_date = rules.calendar.today(alert.due_at)
        debts = invoices_of_old_debts(session, account.id, before=released_date)
        return DigestDossier(**shared, invoices=tuple(debts))
    if AlertKind(alert.kind).about_channel:
        return ChannelDossier(**shared)
    invoice = alert.invoice
    assert invoice is not None
    reminded = AlertKind(alert.kind) is AlertKind.PAID and reminded_lately(
        session, invoice, rules.calendar, noticed_at=alert.due_at
    )
    facts = facts_of(invoice)
    return InvoiceDossier(
        **shared,
        invoice=invoice,
        facts=facts,
        laid=lay_steps(session, invoice, facts, rules),
        suspended=_is_suspended(session, invoice),
        reminded=reminded,
        besides=besides,
    )


def _besides_of(
    session: Session,
    deliveries: Sequence[Delivery],
    rules: Mapping[int, Rules],
    holds: Mapping[int, Sequence[Hold]],
) -> Mapping[int, tuple[Besides, ...]]:
    """Read all that is open of the accounts that may get a digest of the day."""
    about: dict[int, set[int]] = defaultdict(set)
    for one in deliveries:
        wants = rules[one.isp_id].policy.digest_from
        if wants and AlertKind(one.alert.kind).asks_to_pay and one.alert.invoice_id is not None:
            about[one.account_id].add(one.alert.invoice_id)
    several = {account_id for account_id, invoices in about.items() if len(invoices) > 1}
    on_one: dict[int | None, list[Held]] = defaultdict(list)
    for row in (row for account_id in several for row in holds.get(account_id, ())):
        on_one[row.invoice_id].append(held_of(row))
    return open_invoices(session, several, on_one)


def _contracts_of(session: Session, deliveries: Sequence[Delivery]) -> Sequence[Contract]:
    """Read the contracts of their invoices in one go; `session.get` finds them from then on."""
    places = {
        (invoice.isp_id, invoice.contract_id)
        for one in deliveries
        if (invoice := one.alert.invoice) is not None and invoice.contract_id is not None
    }
    if not places:
        return ()
    wanted = tuple_(Contract.isp_id, Contract.contract_id).in_(places)
    return session.scalars(select(Contract).where(wanted)).all()


def _is_suspended(session: Session, invoice: Invoice) -> bool:
    """Whether the service that an invoice is for is cut off."""
    if invoice.contract_id is None:
        return False
    contract = session.get(Contract, (invoice.isp_id, invoice.contract_id))
    return contract is not None and contract.state == ContractState.DISABLED.value
