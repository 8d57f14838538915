"""Read everything that deliveries hang on, in a few statements for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypedDict

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, joinedload

from billing import gate
from billing.besides import Besides, open_besides
from billing.contacts import limits_of
from billing.dossier import ChannelDossier, DigestDossier, Dossier, InvoiceDossier
from billing.facts import facts_of
from billing.held import Held
from billing.holds import all_holds_on, held_of
from billing.owing import Rules, lay_steps
from billing.reminded import reminded_lately
from billing.terms import rules_of
from billing.values import AlertKind, ContractState
from models.account import Account, Channel, Contract
from models.alert import Alert, Delivery
from models.debts import invoices_of_old_debts
from models.hold import Hold
from models.invoice import Invoice
from models.isp import Isp, Transport


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
    return open_besides(session, several, on_one)


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
