"""Rows for tests of the tables."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.invoice import Invoice
from models.isp import Isp

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


Row = TypeVar("Row")


def _add(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def add_isp(session: Session, **given: Any) -> Isp:
    """Add an ISP."""
    values = {
        "slug": "interatos", "name": "Interatos sas", "base_url": "http://127.0.0.1:1/api/v1",
        "token_sealed": "-", "timezone": "America/Argentina/Cordoba", "locale": "es_AR",
        "currency": "ARS", "contact_hours": "09:00-19:00", "created_at": NOW,
    }  # fmt: skip
    return _add(session, Isp(**(values | given)))


def add_account(session: Session, isp: Isp, **given: Any) -> Account:
    """Add a paired account with a baseline."""
    values = {
        "isp_id": isp.id, "client_id": "c-1", "name": "Ana Álvarez", "paired_at": NOW,
        "baseline_at": NOW, "next_look_at": NOW,
    }  # fmt: skip
    return _add(session, Account(**(values | given)))


def add_channel(session: Session, account: Account, **given: Any) -> Channel:
    """Add an e-mail channel."""
    values = {
        "account_id": account.id, "scheme": "email", "medium": "email", "destination_sealed": "-",
        "destination_digest": "d-1", "needs_transport": True, "label": "a…@example.org",
        "created_at": NOW,
    }  # fmt: skip
    return _add(session, Channel(**(values | given)))


def add_invoice(session: Session, account: Account, **given: Any) -> Invoice:
    """Add a pending invoice that is due on 20 March 2026."""
    values = {
        "isp_id": account.isp_id, "account_id": account.id, "wispro_id": "i-1", "state": "pending",
        "raw_state": "pending", "amount": Decimal("2590.00"), "balance": Decimal("2590.00"),
        "first_due_date": date(2026, 3, 20), "baseline": False, "first_seen_at": NOW,
        "confirmed_at": NOW,
    }  # fmt: skip
    return _add(session, Invoice(**(values | given)))


def add_delivery(session: Session, invoice: Invoice, channel: Channel, **given: Any) -> Delivery:
    """Add an alert of this invoice and one planned delivery of it."""
    step = given.pop("step", "-1d")
    alert = _add(
        session,
        Alert(
            isp_id=invoice.isp_id, account_id=invoice.account_id, invoice_id=invoice.id,
            subject=f"invoice:{invoice.wispro_id}", kind="due_soon", anchor="first_due",
            anchor_date=date(2026, 3, 20), step=step, due_at=NOW, details={}, created_at=NOW,
        ),
    )  # fmt: skip
    values = {
        "isp_id": invoice.isp_id, "account_id": invoice.account_id, "alert_id": alert.id,
        "channel_id": channel.id, "route": channel.scheme, "state": "planned",
        "message_id": f"m-{step}", "planned_at": NOW, "not_before": NOW, "created_at": NOW,
    }  # fmt: skip
    return _add(session, Delivery(**(values | given)))
