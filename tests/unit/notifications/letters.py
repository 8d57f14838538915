"""Letters to test with: the seed's unpaid invoice, the least and the most that a letter can say."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.letter import Debt, Letter
from billing.values import AlertKind

LINK = "https://interatos.wispro.co/pagar/8f3c2a"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"

FIRST_DUE = date(2021, 11, 19)
#: The day on which each alert about the seed's invoice goes out.
DAY = {
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


def debt(number: int, due: date, **more: Any) -> Debt:
    """Return one invoice of a digest."""
    values: dict[str, Any] = {
        "amount": Decimal("2590.0"),
        "invoice_number": f"A-0001-79{number}",
        "period_date": due.replace(day=1),
        "due_date": due,
        "pay_url": f"{LINK}-{number}",
    }
    return Debt(**(values | more))


def seed(kind: AlertKind | str, **more: Any) -> Letter:
    """Return the seed's invoice "Nº null", issued 20/10/2021, due 19/11/2021, $2590."""
    kind = AlertKind(kind)
    settled = kind in {AlertKind.PAID, AlertKind.VOIDED}
    values: dict[str, Any] = {
        "kind": kind,
        "isp_name": "Interatos sas",
        "first_name": "Ana",
        "today": DAY[kind],
        "currency": "ARS",
        "amount_due": Decimal(0) if settled else Decimal("2590.0"),
        "amount_total": Decimal("2590.0"),
        "invoice_number": "A-0001-793",
        "issued_date": date(2021, 10, 20),
        "period_date": date(2021, 10, 1),
        "due_date": date(2021, 11, 19),
        "pay_url": None if settled else LINK,
        "portal_url": "https://interatos.wispro.co/",
        "support": "WhatsApp +54 9 3546 40-1234",
        "has_pdf": kind is not AlertKind.VOIDED,
    }
    if kind is AlertKind.DIGEST:
        values |= {
            "debts": (
                debt(1, FIRST_DUE - timedelta(days=60)),
                debt(2, FIRST_DUE - timedelta(days=30), received=Decimal(600)),
                debt(3, FIRST_DUE),
            ),
            "more_debts": 0,
            "amount_due": Decimal(7770),
            "amount_total": Decimal(7770),
            "received": Decimal(600),
            "invoice_number": None,
            "issued_date": None,
            "period_date": None,
            "due_date": FIRST_DUE - timedelta(days=60),
            "has_pdf": False,
        }
    if kind.about_channel:
        values |= {
            "amount_due": Decimal(0),
            "amount_total": Decimal(0),
            "invoice_number": None,
            "issued_date": None,
            "period_date": None,
            "due_date": None,
            "pay_url": None,
            "has_pdf": False,
        }
    if kind is AlertKind.WELCOME:
        kinds = (AlertKind.ISSUED, AlertKind.DUE_SOON, AlertKind.OVERDUE, AlertKind.PAID)
        values["comes"] = kinds
    if kind is AlertKind.SECOND_DUE_SOON:
        values["second_due_date"] = date(2021, 11, 26)
    if kind is AlertKind.CHANGED:
        values |= {"previous_due_date": date(2021, 11, 10), "previous_amount": Decimal(2190)}
    return Letter(**(values | more))


def minimal(kind: AlertKind, **more: Any) -> Letter:
    """Return a letter that knows nothing but its amounts."""
    values: dict[str, Any] = {
        "kind": kind,
        "isp_name": "",
        "first_name": "",
        "today": date(2021, 11, 19),
        "currency": "ARS",
        "amount_due": Decimal(2590),
        "amount_total": Decimal(2590),
    }
    return Letter(**(values | more))


def maximal(kind: AlertKind, **more: Any) -> Letter:
    """Return a letter that knows everything, at length."""
    values: dict[str, Any] = {
        "isp_name": "Cooperativa de Servicios Públicos y Telecomunicaciones de Calamuchita",
        "first_name": "María de los Ángeles Encarnación",
        "amount_due": Decimal("123456789.50"),
        "amount_total": Decimal("123457789.50"),
        "received": Decimal(1000),
        "credit": Decimal(500),
        "invoice_number": "FAC-B-00012-0000012345678",
        "second_due_date": date(2021, 11, 26),
        "previous_due_date": date(2021, 11, 10),
        "previous_amount": Decimal(100),
        "pay_url": LINK,
    }
    if kind is AlertKind.DIGEST:
        long_debts = (
            debt(
                number,
                FIRST_DUE - timedelta(days=30 * (10 - number)),
                amount=Decimal("12345678.95"),
                invoice_number=f"FAC-B-00012-00000123456{number:02}",
            )
            for number in range(1, 11)
        )
        values |= {"debts": tuple(long_debts), "more_debts": 27}
    return seed(kind, **(values | more))
