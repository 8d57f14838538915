"""The facts for a simulation, from rows, a page of accounts at a time: memory does not grow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from billing.calendar import Contact
from billing.contacts import contacts_since_query
from billing.held import Held
from billing.holds import held_of
from billing.simulation.present import (
    AccountNow,
    ChannelNow,
    InvoiceNow,
    PlannedNow,
    StepKey,
)
from billing.values import AlertKind, ContractState, DeliveryState, InvoiceFacts, InvoiceState
from models.account import Account, Channel, Contract
from models.alert import Alert, Delivery
from models.database import Database
from models.hold import Hold
from models.invoice import Invoice
from models.isp import Transport

#: Accounts of one page: a few megabytes of values, and few enough statements.
PAGE = 1000
_WENT = (DeliveryState.SENT.value, DeliveryState.UNCERTAIN.value)


def count_accounts(session: Session, isp_id: int) -> int:
    """Return how many paired accounts an ISP has."""
    return session.scalars(select(func.count()).select_from(Account).where(*_paired(isp_id))).one()


def read_accounts(
    database: Database, isp_id: int, *, since: datetime, page: int = PAGE
) -> Iterator[Sequence[AccountNow]]:
    """This function will give the paired accounts of an ISP, page by page, in the order of ids.

    Each page is one consistent look; what changes between two pages may show in the later one.

    Args:
        database: reads.
        isp_id: whose.
        since: how far back contacts matter.
        page: accounts at once.
    """
    last = 0
    while True:
        with database.read() as session:
            found = _read(session, isp_id, after=last, since=since, page=page)
        if not found:
            return
        yield found
        last = found[-1].id


def _paired(isp_id: int) -> list[ColumnElement[bool]]:
    return [
        Account.isp_id == isp_id,
        Account.paired_at.is_not(None),
        Account.unpaired_at.is_(None),
    ]


@dataclass(slots=True)
class _Gathered:
    """What belongs to one account."""

    channels: list[ChannelNow] = field(default_factory=list)
    invoices: list[InvoiceNow] = field(default_factory=list)
    holds: list[Held] = field(default_factory=list)
    contacts: list[tuple[AlertKind, str, Contact]] = field(default_factory=list)
    planned: list[PlannedNow] = field(default_factory=list)


def _read(
    session: Session, isp_id: int, *, after: int, since: datetime, page: int
) -> list[AccountNow]:
    accounts = session.execute(
        select(Account.id, Account.contact_hours, Account.steps_off)
        .where(*_paired(isp_id), Account.id > after)
        .order_by(Account.id)
        .limit(page)
    ).all()
    if not accounts:
        return []
    within = _Range(isp_id, accounts[0].id, accounts[-1].id)
    gathered: dict[int, _Gathered] = defaultdict(_Gathered)
    _channels(session, within, gathered)
    _planned(session, within, gathered)
    invoice_holds = _holds(session, within, gathered)
    _invoices(session, within, gathered, invoice_holds, since=since)
    for row in session.execute(contacts_since_query(since).where(*within.of(Delivery))):
        at = row.sent_at or row.settled_at or row.not_before
        gathered[row.account_id].contacts.append(
            (AlertKind(row.kind), row.step, Contact(at, row.alert_id, row.channel_id))
        )
    return [
        AccountNow(
            id=row.id,
            hours=row.contact_hours,
            steps_off=tuple(row.steps_off),
            channels=gathered[row.id].channels,
            invoices=gathered[row.id].invoices,
            holds=tuple(gathered[row.id].holds),
            contacts=gathered[row.id].contacts,
            planned=gathered[row.id].planned,
        )
        for row in accounts
    ]


@dataclass(frozen=True, slots=True)
class _Range:
    """The accounts of one page, by id."""

    isp_id: int
    first: int
    last: int

    def of(self, table: Any) -> list[ColumnElement[bool]]:
        """Return the condition on a table that names the account and the ISP."""
        return [table.account_id.between(self.first, self.last), table.isp_id == self.isp_id]


def _channels(session: Session, within: _Range, gathered: dict[int, _Gathered]) -> None:
    transports = set(
        session.scalars(select(Transport.scheme).where(Transport.isp_id == within.isp_id))
    )
    query = (
        select(
            Channel.id,
            Channel.account_id,
            Channel.scheme,
            Channel.medium,
            Channel.needs_transport,
            Channel.disabled_at,
        )
        .where(Channel.account_id.between(within.first, within.last))
        .order_by(Channel.position, Channel.id)
    )
    for row in session.execute(query):
        gathered[row.account_id].channels.append(
            ChannelNow(
                id=row.id,
                scheme=row.scheme,
                medium=row.medium,
                enabled=row.disabled_at is None,
                reachable=not row.needs_transport or row.scheme in transports,
            )
        )


def _planned(session: Session, within: _Range, gathered: dict[int, _Gathered]) -> None:
    query = (
        select(
            Delivery.id,
            Delivery.account_id,
            Delivery.alert_id,
            Delivery.channel_id,
            Delivery.not_before,
            Alert.invoice_id,
            Alert.kind,
            Alert.anchor,
            Alert.anchor_date,
            Alert.step,
            Alert.due_at,
            Alert.useful_until,
        )
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(*within.of(Delivery), Delivery.state == DeliveryState.PLANNED.value)
        .order_by(Delivery.id)
    )
    for row in session.execute(query):
        gathered[row.account_id].planned.append(
            PlannedNow(
                id=row.id,
                alert_id=row.alert_id,
                invoice_id=row.invoice_id,
                channel_id=row.channel_id,
                kind=AlertKind(row.kind),
                anchor=row.anchor,
                anchor_date=row.anchor_date,
                step=row.step,
                due_at=row.due_at,
                useful_until=row.useful_until,
                not_before=row.not_before,
            )
        )


def _holds(
    session: Session, within: _Range, gathered: dict[int, _Gathered]
) -> dict[int, list[Held]]:
    """Gather the holds on whole accounts; return those on single invoices."""
    on_invoices: dict[int, list[Held]] = defaultdict(list)
    query = select(Hold).where(*within.of(Hold), Hold.released_at.is_(None))
    for row in session.scalars(query):
        if row.invoice_id is None:
            gathered[row.account_id].holds.append(held_of(row))
        else:
            on_invoices[row.invoice_id].append(held_of(row))
    return on_invoices


_COLUMNS = (
    Invoice.id,
    Invoice.account_id,
    Invoice.wispro_id,
    Invoice.state,
    Invoice.amount,
    Invoice.balance,
    Invoice.issued_date,
    Invoice.first_due_date,
    Invoice.second_due_date,
    Invoice.first_seen_at,
    Invoice.baseline,
    Invoice.vanished_at,
    Invoice.steps_until,
    Invoice.plan_at,
    Contract.state.label("contract_state"),
    Contract.alerted_on,
)


def _invoices(
    session: Session,
    within: _Range,
    gathered: dict[int, _Gathered],
    holds: dict[int, list[Held]],
    *,
    since: datetime,
) -> None:
    open_ones = [*within.of(Invoice), Invoice.state == InvoiceState.PENDING.value]
    wanted: ColumnElement[bool] = and_(*open_ones)
    asked = {one.invoice_id for all_of in gathered.values() for one in all_of.planned}
    if asked := {one for one in asked if one is not None}:
        wanted = or_(wanted, Invoice.id.in_(asked))
    contract = and_(Contract.isp_id == Invoice.isp_id, Contract.contract_id == Invoice.contract_id)
    query = select(*_COLUMNS).outerjoin(Contract, contract).where(wanted).order_by(Invoice.id)
    known = _known(session, open_ones)
    sent = _sent(session, within, since=since)
    for row in session.execute(query):
        gathered[row.account_id].invoices.append(
            InvoiceNow(
                id=row.id,
                facts=InvoiceFacts(
                    wispro_id=row.wispro_id,
                    state=InvoiceState(row.state),
                    raw_state=row.state,
                    amount=row.amount,
                    balance=row.balance,
                    issued_date=row.issued_date,
                    first_due_date=row.first_due_date,
                    second_due_date=row.second_due_date,
                ),
                first_seen_at=row.first_seen_at,
                baseline=row.baseline,
                vanished=row.vanished_at is not None,
                steps_until=row.steps_until,
                plan_at=row.plan_at,
                alerted_on=row.alerted_on,
                suspended=row.contract_state == ContractState.DISABLED.value,
                known=frozenset(known.get(row.id, ())),
                sent=sent.get(row.id, ()),
                holds=tuple(holds.get(row.id, ())),
            )
        )


def _known(session: Session, open_ones: Sequence[ColumnElement[bool]]) -> dict[int, list[StepKey]]:
    """Return the steps of open invoices of which there is an alert."""
    found: dict[int, list[StepKey]] = defaultdict(list)
    query = (
        select(Alert.invoice_id, Alert.kind, Alert.anchor_date, Alert.step)
        .join(Invoice, Invoice.id == Alert.invoice_id)
        .where(*open_ones)
    )
    for invoice_id, kind, day, step in session.execute(query):
        assert invoice_id is not None
        found[invoice_id].append((_once(kind), day, _once(step)))
    return found


def _sent(
    session: Session, within: _Range, *, since: datetime
) -> dict[int, list[tuple[StepKey, datetime]]]:
    """Return what left lately, by invoice."""
    found: dict[int, list[tuple[StepKey, datetime]]] = defaultdict(list)
    query = (
        select(Alert.invoice_id, Alert.kind, Alert.anchor_date, Alert.step, Delivery.settled_at)
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where(
            *within.of(Delivery),
            Delivery.state.in_(_WENT),
            Delivery.settled_at >= since,
            Alert.invoice_id.is_not(None),
        )
    )
    for invoice_id, kind, day, step, at in session.execute(query):
        assert invoice_id is not None
        assert at is not None
        found[invoice_id].append(((_once(kind), day, _once(step)), at))
    return found


@lru_cache(maxsize=256)
def _once(text: str) -> str:
    """Return one and the same text for equal ones."""
    return text
