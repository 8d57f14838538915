"""Between rows and facts: read a stored invoice as a value, lay a value onto its row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from billing.invoice_numbers import end_of
from billing.values import InvoiceFacts, InvoiceState
from models.base import MONEY_DECIMALS
from models.invoice import Invoice

#: NUMERIC(18, 4): fourteen digits before the point.
_LARGEST = Decimal(10) ** 14
#: Beyond these, instants around a date do not exist in every zone, and no invoice is meant.
_FIRST_YEAR, _LAST_YEAR = 1900, 2999


def facts_of(row: Invoice) -> InvoiceFacts:
    """Return our last known copy of an invoice."""
    return InvoiceFacts(
        wispro_id=row.wispro_id,
        contract_id=row.contract_id,
        number=row.number,
        state=InvoiceState(row.state),
        raw_state=row.raw_state,
        amount=row.amount,
        balance=row.balance,
        issued_date=row.issued_date,
        first_due_date=row.first_due_date,
        second_due_date=row.second_due_date,
        period_from=row.period_from,
        period_to=row.period_to,
        concept=row.concept,
        pay_urls=(row.pay_url,) if row.pay_url else (),
    )


def columns_of(facts: InvoiceFacts) -> dict[str, Any]:
    """Return what we keep of the facts, by column."""
    return {
        "contract_id": facts.contract_id,
        "number": facts.number,
        "number_end": end_of(facts.number),
        "state": facts.state.value,
        "raw_state": facts.raw_state,
        "amount": facts.amount,
        "balance": facts.balance,
        "issued_date": facts.issued_date,
        "first_due_date": facts.first_due_date,
        "second_due_date": facts.second_due_date,
        "period_from": facts.period_from,
        "period_to": facts.period_to,
        "concept": facts.concept,
        "pay_url": facts.pay_urls[0] if facts.pay_urls else None,
    }


def lay_onto(row: Invoice, facts: InvoiceFacts) -> None:
    """Copy what we keep of the facts onto the row."""
    for name, value in columns_of(facts).items():
        setattr(row, name, value)


def unstorable(facts: InvoiceFacts) -> str | None:
    """Say why a record cannot be kept exactly as it came, or None.

    A record that would have to be cut or rounded is set aside instead.
    """
    if _is_plain(facts):
        return None
    texts = {
        "id": (facts.wispro_id, 64),
        "contract_id": (facts.contract_id or "", 64),
        "invoice_number": (facts.number or "", 64),
        "state": (facts.raw_state, 40),
    }
    for name, (text, limit) in texts.items():
        if len(text) > limit:
            return f"{name} is longer than {limit} characters"
        if "\x00" in text:
            return f"{name} holds a NUL character"
    for name, day in (
        ("issued_at", facts.issued_date),
        ("first_due_date", facts.first_due_date),
        ("second_due_date", facts.second_due_date),
        ("from", facts.period_from),
        ("to", facts.period_to),
    ):
        if not _is_in_range(day):
            return f"{name} is out of range"
    for name, value in (("amount", facts.amount), ("balance", facts.balance)):
        if value is None:
            continue
        if abs(value) >= _LARGEST:
            return f"{name} is out of range"
        if not is_storable(value):
            return f"{name} has more than {MONEY_DECIMALS} decimals"
    return None


def _is_plain(facts: InvoiceFacts) -> bool:
    """Whether nothing about a record is unusual, as for nearly all of them."""
    return (
        len(facts.wispro_id) <= 64
        and (facts.contract_id is None or len(facts.contract_id) <= 64)
        and (facts.number is None or (len(facts.number) <= 64 and facts.number.isprintable()))
        and len(facts.raw_state) <= 40
        and facts.raw_state.isprintable()
        and is_storable(facts.amount)
        and (facts.balance is None or is_storable(facts.balance))
        and _is_in_range(facts.issued_date)
        and _is_in_range(facts.first_due_date)
        and _is_in_range(facts.second_due_date)
        and _is_in_range(facts.period_from)
        and _is_in_range(facts.period_to)
    )


def _is_in_range(day: date | None) -> bool:
    return day is None or _FIRST_YEAR <= day.year <= _LAST_YEAR


@lru_cache(maxsize=4096)
def is_storable(amount: Decimal) -> bool:
    """Whether both databases can keep an amount exactly. Amounts repeat."""
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        return False
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MONEY_DECIMALS:
        exponent = amount.normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= MONEY_DECIMALS
