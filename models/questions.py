"""What people ask of the tables: one row per account, invoice, delivery or run, ready to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from models.account import Account, Channel
from models.alert import Alert, Attempt, Delivery
from models.invoice import Invoice
from models.isp import Isp, Transport
from models.operator import OperatorChannel
from models.sync_run import SyncRun


@dataclass(frozen=True, slots=True, kw_only=True)
class IspLine:
    """One ISP, without its secrets."""

    slug: str
    name: str
    base_url: str
    timezone: str
    locale: str
    currency: str
    contact_hours: str
    enabled: bool
    disabled_at: datetime | None
    transports: list[str]
    operators: list[str]
    paired: int
    synced_at: datetime | None
    failures: int
    trouble: str | None
    trouble_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One account and where its alerts go."""

    isp: str
    client_id: str
    public_id: int | None
    custom_id: str | None
    name: str
    locale: str | None
    paired: bool
    channels: list[str]
    open_invoices: int
    open_balance: Decimal
    baseline_at: datetime | None
    looked_at: datetime | None
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """Our copy of one invoice."""

    invoice_id: str
    invoice_number: str | None
    state: str
    amount: Decimal
    balance: Decimal | None
    issued_date: date | None
    first_due_date: date | None
    second_due_date: date | None
    contract_id: str | None
    concept: str | None
    pay_url: str | None
    baseline: bool
    first_seen_at: datetime
    next_step_at: datetime | None
    vanished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One delivery: what went where and when, or why it did not."""

    id: int
    isp: str
    account: str
    name: str
    invoice_id: str | None
    invoice_number: str | None
    kind: str
    step: str
    channel: str
    state: str
    reason: str | None
    detail: str | None
    planned_at: datetime
    not_before: datetime
    sent_at: datetime | None
    attempts: int


def isps(session: Session) -> list[IspLine]:
    """Return every ISP in the order of its slug."""
    counted = session.execute(
        select(Account.isp_id, func.count())
        .where(Account.paired_at.is_not(None), Account.unpaired_at.is_(None))
        .group_by(Account.isp_id)
    )
    paired = {row[0]: row[1] for row in counted}
    schemes: dict[int, list[str]] = {}
    for isp_id, scheme in session.execute(
        select(Transport.isp_id, Transport.scheme).order_by(Transport.scheme)
    ):
        schemes.setdefault(isp_id, []).append(scheme)
    labels: dict[int, list[str]] = {}
    for isp_id, label in session.execute(
        select(OperatorChannel.isp_id, OperatorChannel.label).order_by(OperatorChannel.id)
    ):
        labels.setdefault(isp_id, []).append(label)
    return [
        IspLine(
            slug=isp.slug,
            name=isp.name,
            base_url=isp.base_url,
            timezone=isp.timezone,
            locale=isp.locale,
            currency=isp.currency,
            contact_hours=isp.contact_hours,
            enabled=isp.enabled,
            disabled_at=isp.disabled_at,
            transports=schemes.get(isp.id, []),
            operators=labels.get(isp.id, []),
            paired=paired.get(isp.id, 0),
            synced_at=isp.synced_at,
            failures=isp.failures,
            trouble=isp.trouble,
            trouble_until=isp.trouble_until,
        )
        for isp in session.scalars(select(Isp).order_by(Isp.slug))
    ]


def accounts(session: Session, *, isp_id: int | None = None) -> list[AccountLine]:
    """Return the accounts of an ISP, or of all, in the order of their names."""
    open_sums = {
        account_id: (count, total or Decimal(0))
        for account_id, count, total in session.execute(
            select(
                Invoice.account_id,
                func.count(),
                func.sum(func.coalesce(Invoice.balance, Invoice.amount)),
            )
            .where(Invoice.state == "pending", Invoice.vanished_at.is_(None))
            .group_by(Invoice.account_id)
        )
    }
    query = (
        select(Account)
        .join(Account.isp)
        .options(contains_eager(Account.isp), selectinload(Account.channels))
        .where(Account.forgotten_at.is_(None))
        .order_by(Isp.slug, Account.name, Account.id)
    )
    if isp_id is not None:
        query = query.where(Account.isp_id == isp_id)
    return [_account_line(row, open_sums.get(row.id)) for row in session.scalars(query)]


def _account_line(row: Account, open_sum: tuple[int, Decimal] | None) -> AccountLine:
    count, total = open_sum or (0, Decimal(0))
    return AccountLine(
        isp=row.isp.slug,
        client_id=row.client_id,
        public_id=row.public_id,
        custom_id=row.custom_id,
        name=row.name,
        locale=row.locale,
        paired=row.paired,
        channels=[_channel_text(channel) for channel in row.channels if channel.removed_at is None],
        open_invoices=count,
        open_balance=total,
        baseline_at=row.baseline_at,
        looked_at=row.looked_at,
        trouble=row.look_trouble,
    )


def _channel_text(channel: Channel) -> str:
    return channel.label if channel.disabled_at is None else f"{channel.label} (disabled)"


def invoices(session: Session, account_id: int) -> list[InvoiceLine]:
    """Return our copies of an account's invoices, the youngest due date first."""
    rows = session.scalars(
        select(Invoice)
        .where(Invoice.account_id == account_id)
        .order_by(Invoice.first_due_date.desc().nulls_last(), Invoice.id.desc())
    )
    return [
        InvoiceLine(
            invoice_id=row.wispro_id,
            invoice_number=row.number,
            state=row.state,
            amount=row.amount,
            balance=row.balance,
            issued_date=row.issued_date,
            first_due_date=row.first_due_date,
            second_due_date=row.second_due_date,
            contract_id=row.contract_id,
            concept=row.concept,
            pay_url=row.pay_url,
            baseline=row.baseline,
            first_seen_at=row.first_seen_at,
            next_step_at=row.plan_at,
            vanished=row.vanished_at is not None,
        )
        for row in rows
    ]


def deliveries(
    session: Session,
    *,
    isp_id: int | None = None,
    account_id: int | None = None,
    state: str | None = None,
) -> list[DeliveryLine]:
    """Return deliveries, the oldest first."""
    tries = (
        select(func.count())
        .where(Attempt.delivery_id == Delivery.id)
        .correlate(Delivery)
        .scalar_subquery()
    )
    query = (
        select(Delivery, Alert, Channel, Account, Isp.slug, Invoice, tries)
        .join(Alert, Alert.id == Delivery.alert_id)
        .join(Channel, Channel.id == Delivery.channel_id)
        .join(Account, Account.id == Delivery.account_id)
        .join(Isp, Isp.id == Delivery.isp_id)
        .outerjoin(Invoice, Invoice.id == Alert.invoice_id)
        .order_by(Delivery.id)
    )
    if isp_id is not None:
        query = query.where(Delivery.isp_id == isp_id)
    if account_id is not None:
        query = query.where(Delivery.account_id == account_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    return [
        DeliveryLine(
            id=delivery.id,
            isp=slug,
            account=account.client_id,
            name=account.name,
            invoice_id=invoice.wispro_id if invoice else None,
            invoice_number=invoice.number if invoice else None,
            kind=alert.kind,
            step=alert.step,
            channel=channel.label,
            state=delivery.state,
            reason=delivery.reason,
            detail=delivery.detail,
            planned_at=delivery.planned_at,
            not_before=delivery.not_before,
            sent_at=delivery.sent_at,
            attempts=attempts,
        )
        for delivery, alert, channel, account, slug, invoice, attempts in session.execute(query)
    ]


def last_runs(session: Session, isp_id: int, *, limit: int) -> Sequence[SyncRun]:
    """Return the latest sync runs of an ISP, the youngest first."""
    return session.scalars(
        select(SyncRun)
        .where(SyncRun.isp_id == isp_id)
        .order_by(SyncRun.started_at.desc(), SyncRun.id.desc())
        .limit(limit)
    ).all()


def isp_id_of(session: Session, slug: str) -> int:
    """Return the id of an ISP that is known to exist."""
    return session.scalars(select(Isp.id).where(Isp.slug == slug)).one()


def kind_of_message(session: Session, message_id: str) -> str | None:
    """Return the kind of the alert whose delivery has this message id, if there is one.

    One that carried others is a digest, whatever its own kind.
    """
    found = session.execute(
        select(Alert.kind, Delivery.id)
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where(Delivery.message_id == message_id)
    ).first()
    if found is None:
        return None
    carried = session.execute(select(Delivery.id).where(Delivery.carried_by == found.id)).first()
    return found.kind if carried is None else "digest"
