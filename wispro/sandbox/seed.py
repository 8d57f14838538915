"""What the stand-in starts with: "Interatos sas" of the seed document, and made-up customers."""

from __future__ import annotations

import calendar
import random
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from wispro.sandbox.ledger import ARGENTINA
from wispro.sandbox.model import Period

if TYPE_CHECKING:
    from wispro.sandbox.model import Client, Contract, Plan
    from wispro.sandbox.state import State

_FIRST = (
    "María", "José", "Juan", "Ana", "Lucía", "Martín", "Sofía", "Matías", "Valentina", "Nicolás",
    "Camila", "Agustín", "Florencia", "Facundo", "Julieta", "Ramón", "Graciela", "Héctor", "Mirta",
    "Ñusta",
)  # fmt: skip
_LAST = (
    "González", "Rodríguez", "Gómez", "Fernández", "López", "Díaz", "Martínez", "Pérez", "García",
    "Sánchez", "Romero", "Sosa", "Álvarez", "Torres", "Ruiz", "Ramírez", "Flores", "Acosta",
    "Benítez", "Núñez", "O'Higgins", "Peralta Ramos",
)  # fmt: skip
_CITIES = (
    "Villa General Belgrano",
    "Santa Rosa de Calamuchita",
    "Embalse",
    "Yacanto",
    "Almafuerte",
)
_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
    "octubre", "noviembre", "diciembre",
)  # fmt: skip
_PLANS = (
    ("PLAN 6 MEGAS", "2590.00"),
    ("PLAN 10 MEGAS", "3490.50"),
    ("PLAN 20 MEGAS", "4890.00"),
    ("PLAN 50 MEGAS FIBRA", "7990.75"),
    ("PLAN 100 MEGAS FIBRA", "18500.00"),
)


def interatos(state: State) -> Client:
    """Add the customer of the seed document, with the six invoices that the old app shows.

    One is pending without a number ("Factura Nº null"), so the account owes $ 2590.00.
    """
    state.isp.name = "Interatos sas"
    plan = state.add_plan("PLAN 6 MEGAS", Decimal("2590.00"))
    client = state.add_client(
        plan=plan,
        name="María Laura González",
        custom_id="001042",
        email="maria.gonzalez@example.org",
        phone="+54 9 3546 555001",
        national_id="27.345.678",
        taxpayer_id="27-27345678-4",
        address="San Martín 120",
        city="Villa General Belgrano",
        created_at="2019-03-04T10:15:30.120-03:00",
    )
    contract = state.contracts[client.contracts[0]]
    for number, issued, due, amount, paid in (
        (18154, date(2021, 7, 29), date(2021, 8, 9), "2190.00", True),
        (18943, date(2021, 8, 29), date(2021, 9, 8), "2590.00", True),
        (23184, date(2021, 9, 29), date(2021, 10, 9), "2590.00", True),
        (None, date(2021, 10, 20), date(2021, 11, 19), "2590.00", False),
        (20927, date(2021, 10, 28), date(2021, 11, 9), "2590.00", True),
        (23185, date(2021, 10, 29), date(2021, 11, 27), "2590.00", True),
    ):
        period = Period(
            issued_at=f"{issued}T09:30:00.000-03:00",
            first_due_date=f"{due}",
            second_due_date=f"{due + timedelta(days=10)}",
            starts=f"{issued}",
            ends=f"{due}",
            concept=f"PLAN 6 MEGAS {issued:%Y %m %d} {due:%Y %m %d}",
        )
        invoice = state.add_invoice(contract, period, amount=Decimal(amount), number=number)
        if paid:
            state.pay(invoice)
    return client


def generate(state: State, *, clients: int, invoices: int, seed: int = 1) -> None:
    """Add made-up customers and about three years of invoices; the same seed gives the same.

    Among the customers: shared e-mails, none at all, national ids with and without dots or none,
    custom ids with leading zeros or empty, several contracts. Among the invoices: all seven states,
    and no number before authorisation. Those that are paid have no payment record (`State.pay`
    makes one).

    Args:
        state: is added to.
        clients: how many customers.
        invoices: how many invoices over all of them, oldest first.
        seed: of the random choices.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up people, not secrets
    today = state.clock().astimezone(ARGENTINA).date()
    with state.lock:
        plans = [state.add_plan(name, Decimal(price)) for name, price in _PLANS]
        first = len(state.contracts)
        for _ in range(clients):
            _add_customer(state, chance, plans)
        contracts = state.contracts[first:]
        if contracts:
            _add_invoices(state, chance, contracts, invoices, today)


def _add_customer(state: State, chance: random.Random, plans: list[Plan]) -> None:
    place = len(state.clients)
    given, family = chance.choice(_FIRST), chance.choice(_LAST)
    document = 8_000_000 + (place * 7919 + chance.randrange(7919)) % 40_000_000
    national_id = chance.choices(
        (f"{document:,}".replace(",", "."), str(document), f"DNI {document}", "", None),
        (45, 45, 4, 3, 3),
    )[0]
    mailbox = f"{given}.{family}".casefold().replace(" ", "").replace("'", "")
    mailbox = mailbox.translate(str.maketrans("áéíóúñ", "aeioun"))
    email = chance.choices(
        (f"{mailbox}{place}@example.org", f"familia{place // 50}@example.org", "", None),
        (80, 8, 6, 6),
    )[0]
    client = state.add_client(
        contracts=0,
        name=f"{given} {family}",
        custom_id=chance.choices((f"{place:06d}", str(place), "", None), (60, 20, 10, 10))[0],
        email=email,
        phone=f"+54 9 3546 {chance.randrange(400_000, 499_999)}",
        national_id=national_id,
        address=f"Calle {chance.randrange(1, 80)} Nº {chance.randrange(1, 2000)}",
        city=chance.choice(_CITIES),
    )
    for _ in range(chance.choices((1, 2, 3, 12), (88, 9, 2.8, 0.2))[0]):
        state_now = chance.choices(("enabled", "alerted", "degraded", "disabled"), (85, 7, 2, 6))[0]
        state.add_contract(client, chance.choice(plans), state_now)


def _add_invoices(
    state: State, chance: random.Random, contracts: list[Contract], invoices: int, today: date
) -> None:
    months = -(-invoices // len(contracts))
    number = 10_000
    left = invoices
    for age in range(months - 1, -1, -1):
        period = _period(today, age)
        for contract in contracts[: min(left, len(contracts))]:
            invoice_state = _state_at(age, chance.random())
            numbered = invoice_state in {"pending", "paid", "void"} and chance.random() > 0.02
            amount = state.plans[contract.plan].price
            partly = invoice_state == "pending" and chance.random() < 0.1
            state.add_invoice(
                contract,
                period,
                amount=amount,
                number=number if numbered else None,
                state=invoice_state,
                balance=amount - 1000 if partly else None,
            )
            number += numbered
        left -= len(contracts)


def _state_at(age: int, draw: float) -> str:
    """Return a likely state for an invoice that many months old."""
    if age > 1:
        return "paid" if draw < 0.95 else "pending" if draw < 0.98 else "void"
    for state, below in (
        ("pending", 0.5),
        ("paid", 0.93),
        ("void", 0.95),
        ("draft", 0.97),
        ("authorizing", 0.98),
        ("authorizing_error", 0.99),
    ):
        if draw < below:
            return state
    return "issuing"


def _period(today: date, age: int) -> Period:
    months = today.year * 12 + today.month - 1 - age
    year, month = divmod(months, 12)
    month += 1
    last = calendar.monthrange(year, month)[1]
    return Period(
        issued_at=f"{year:04d}-{month:02d}-01T06:00:00.000-03:00",
        first_due_date=f"{year:04d}-{month:02d}-10",
        second_due_date=f"{year:04d}-{month:02d}-20",
        starts=f"{year:04d}-{month:02d}-01",
        ends=f"{year:04d}-{month:02d}-{last:02d}",
        concept=f"Abono de internet {_MONTHS[month - 1]} {year}",
    )
