"""The seed document's invoices as letters, for previews, pictures and tests.

Interatos sas, plan of 6 megas, $ 2.590,00, issued on 20/10/2021, due on 19/11/2021: "Nº null" in
the app of the document, which is the case `unnumbered`.
"""

from __future__ import annotations

import base64
from datetime import date
from decimal import Decimal
from typing import Any

from billing.letter import Debt, Letter, Message
from billing.values import AlertKind
from notifications import qr
from notifications.cases import Case
from notifications.context import QR_CONTENT_ID, pay_link

#: The day on which each kind of alert about this invoice would go.
_TODAY = {
    AlertKind.ISSUED: date(2021, 10, 29),
    AlertKind.DUE_SOON: date(2021, 11, 14),
    AlertKind.DUE_TODAY: date(2021, 11, 19),
    AlertKind.SECOND_DUE_SOON: date(2021, 11, 25),
    AlertKind.OVERDUE: date(2021, 11, 22),
    AlertKind.CUTOFF_WARNING: date(2021, 11, 29),
    AlertKind.PAID: date(2021, 11, 18),
    AlertKind.CHANGED: date(2021, 11, 2),
    AlertKind.VOIDED: date(2021, 11, 2),
    AlertKind.DIGEST: date(2021, 11, 22),
    AlertKind.WELCOME: date(2021, 10, 29),
    AlertKind.TEST: date(2021, 10, 29),
}
_SETTLED = frozenset({AlertKind.PAID, AlertKind.VOIDED})
_PORTAL = "https://interatos.wispro.co/"


def _debt(number: str, due: date, amount: str, **more: Any) -> Debt:
    values: dict[str, Any] = {
        "amount": Decimal(amount),
        "invoice_number": number,
        "period_date": due.replace(day=1),
        "due_date": due,
        "pay_url": f"{_PORTAL}pagar/{number}",
    }
    return Debt(**(values | more))


def _digest(debts: tuple[Debt, ...]) -> dict[str, Any]:
    total = sum((debt.amount for debt in debts), Decimal(0))
    return {
        "debts": debts,
        "amount_due": total,
        "amount_total": total,
        "received": sum((debt.received for debt in debts), Decimal(0)),
        "invoice_number": None,
        "issued_date": None,
        "period_date": None,
        "due_date": debts[0].due_date,
        "pay_url": _PORTAL,
        "has_pdf": False,
    }


#: Three invoices of the seed's list, as if nobody had paid them.
_OLD_DEBTS = _digest(
    (
        _debt("18154", date(2021, 8, 9), "2190.00"),
        _debt("18943", date(2021, 9, 8), "2590.00"),
        _debt("A-0001-793", date(2021, 11, 19), "2590.00"),
    )
)
_UNNUMBERED = {"period_date": date(2021, 10, 1), "pay_url": f"{_PORTAL}pagar/8f3c2a"}
#: Three of one day: a part was received of one, one has no number, one is for another contract.
_ONE_DAY = _digest(
    (
        _debt("20927", date(2021, 11, 9), "1590.00", received=Decimal(1000)),
        _debt("null", date(2021, 11, 19), "2590.00", **_UNNUMBERED, service="Plan 6 megas"),
        _debt("23185", date(2021, 11, 27), "3190.00", service="Plan 20 megas · Quincho"),
    )
) | {"daily": True, "today": date(2021, 11, 19)}
#: A message about a channel is about no invoice.
_NO_INVOICE: dict[str, Any] = {
    "amount_due": Decimal(0),
    "amount_total": Decimal(0),
    "invoice_number": None,
    "issued_date": None,
    "period_date": None,
    "due_date": None,
    "pay_url": None,
    "has_pdf": False,
}
_ALL_OF_IT = (AlertKind.ISSUED, AlertKind.DUE_SOON, AlertKind.OVERDUE, AlertKind.PAID)
_CASES: dict[Case, dict[str, Any]] = {
    Case.PLAIN: {},
    Case.UNNUMBERED: {"invoice_number": "null"},
    Case.TWO_DATES: {"second_due_date": date(2021, 11, 26)},
    Case.PARTIAL: {"amount_due": Decimal("1590.00"), "received": Decimal("1000.00")},
    Case.CREDIT: {"covered_by_credit": True, "pay_url": None},
    Case.PART_CREDIT: {"credit": Decimal("500.00")},
    Case.CORRECTS: {"corrects_reminder": True},
    Case.DAILY: _ONE_DAY,
}


def sample_letter(kind: AlertKind, case: Case = Case.PLAIN, **given: Any) -> Letter:
    """Return the seed's unpaid invoice on the day of this kind of alert; `given` wins."""
    values: dict[str, Any] = {
        "kind": kind,
        "isp_name": "Interatos sas",
        "first_name": "Ana",
        "today": _TODAY[kind],
        "currency": "ARS",
        "amount_due": Decimal(0) if kind in _SETTLED else Decimal("2590.00"),
        "amount_total": Decimal("2590.00"),
        "invoice_number": "A-0001-793",
        "issued_date": date(2021, 10, 20),
        "period_date": date(2021, 10, 1),
        "due_date": date(2021, 11, 19),
        "pay_url": None if kind in _SETTLED else f"{_PORTAL}pagar/8f3c2a",
        "portal_url": _PORTAL,
        "support": "WhatsApp +54 9 3546 40-1234",
        "has_pdf": kind is not AlertKind.VOIDED,
    }
    if kind is AlertKind.DIGEST:
        values |= _OLD_DEBTS
    if kind.about_channel:
        values |= _NO_INVOICE
    if kind is AlertKind.WELCOME:
        values["comes"] = _ALL_OF_IT
    if kind is AlertKind.SECOND_DUE_SOON:
        values["second_due_date"] = date(2021, 11, 26)
    if kind is AlertKind.CHANGED:
        values |= {"previous_due_date": date(2021, 11, 10), "previous_amount": Decimal(2190)}
    values |= _CASES[case]
    values["amount_due"] -= values.get("credit", 0)
    return Letter(**(values | given))


def page_of(message: Message, letter: Letter) -> str:
    """Return the HTML of an e-mail as one page that stands by itself, its QR code inside.

    Raises:
        ValueError: if the message has no HTML.
    """
    if message.html is None:
        raise ValueError(f"a message for {message.medium} has no HTML")
    picture = qr.png(pay_link(letter))
    if picture is None:
        return message.html
    data = "data:image/png;base64," + base64.b64encode(picture).decode()
    return message.html.replace(f"cid:{QR_CONTENT_ID}", data)
