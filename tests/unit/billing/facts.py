"""Invoices and calendars for the tests of decisions."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from billing.calendar import Calendar
from billing.values import InvoiceFacts, InvoiceState

CORDOBA = Calendar.of("America/Argentina/Cordoba", "09:00-19:00")


def invoice(**given: Any) -> InvoiceFacts:
    """An invoice of $ 2.590,00, pending, due on 19 November 2021, unless told otherwise."""
    state = given.pop("state", InvoiceState.PENDING)
    return InvoiceFacts(
        **{
            "wispro_id": "inv-1",
            "state": state,
            "raw_state": state.value,
            "amount": Decimal("2590.00"),
            "balance": Decimal("2590.00"),
            "number": "23185",
            "first_due_date": date(2021, 11, 19),
            "second_due_date": date(2021, 11, 29),
            **given,
        }
    )


def local(text: str, *, utc_offset: int = -3) -> datetime:
    """Return "2021-11-19 09:00" on the wall in Córdoba as an instant."""
    wall = datetime.fromisoformat(text)
    return datetime.fromisoformat(f"{wall.isoformat()}{utc_offset:+03}:00").astimezone(UTC)
