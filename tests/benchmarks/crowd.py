"""A million customers with names as they are: a few that many have, many that few have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, islice
from typing import Any

from billing.identity import DESTINATION_PURPOSE, EMAIL_PURPOSE, NATIONAL_ID_PURPOSE
from billing.invoice_numbers import end_of
from billing.names import words_of
from config.keys import Vault
from models.account import Account, AccountWord, Channel, Contract
from models.bulk import insert_all
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp

_LONG_AGO = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: The most frequent first; the n-th is as frequent as 1/n, as names are.
_FIRST = (  # noqa: SIM905 - names, as a line of text
    "María Juan Ana José Carlos Luis Rosa Jorge Marta Miguel Héctor Norma Silvia Pablo Laura Diego "
    "Mónica Oscar Claudia Ramón Mario Susana Andrea Gustavo Marcela Daniel Martín Lucía Ricardo "
    "Sofía Valentina Mateo Joaquín Bautista Catalina Ñanculeo Zulema Wenceslao Yolanda Ulises"
).split()
_LAST = (  # noqa: SIM905
    "González Rodríguez Gómez Fernández López Díaz Martínez Pérez García Sánchez Romero Sosa "
    "Álvarez Torres Ruiz Ramírez Flores Acosta Benítez Medina Suárez Herrera Aguirre Pereyra "
    "Gutiérrez Giménez Molina Silva Castro Rojas Ortiz Núñez Luna Juárez Cabrera Ríos Ferreyra "
    "Godoy Morales Domínguez Moreno Peralta Vega Carrizo Quiroga Castillo Ledesma Muñoz Ojeda "
    "Ponce Vera Vázquez Villalba Cardozo Navarro Ramos Arias Coronel Córdoba Figueroa Correa"
).split()
_RARE = ("Ibarburu", "Zwenger", "Ñandutí", "Quispe", "Etchegaray", "Wolf", "Yapura", "Uriarte")


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many customers, half of them at one ISP and half at small ones of 2 000."""

    accounts: int

    @property
    def small_isps(self) -> int:
        """How many ISPs share the second half."""
        return max(self.accounts // 4000, 1)


def fill(database: Database, vault: Vault, size: Crowd) -> None:
    """This function will make the customers, each with a channel, a contract and an invoice."""
    with database.write() as session:
        for place in range(size.small_isps + 1):
            session.add(
                Isp(
                    slug="large" if place == 0 else f"small{place}", name="Interatos sas",
                    base_url="http://127.0.0.1:1/api/v1", token_sealed="-",
                    timezone="America/Argentina/Cordoba", locale="es_AR", currency="ARS",
                    contact_hours="09:00-19:00", created_at=_LONG_AGO,
                )
            )  # fmt: skip
    models: tuple[Any, ...] = (Account, AccountWord, Channel, Contract, Invoice)
    people = _people(size, vault)
    while some := list(islice(people, 5000)):
        with database.write() as session:
            for model, rows in zip(models, zip(*some, strict=True), strict=True):
                insert_all(session, model, [row for several in rows for row in several])
    database.count_anew(*models, Isp)


def _people(size: Crowd, vault: Vault) -> Iterator[tuple[list[dict[str, Any]], ...]]:
    chance = random.Random(793)  # noqa: S311 - the same crowd each time
    first = list(accumulate(1 / (place + 1) for place in range(len(_FIRST))))
    last = list(accumulate(1 / (place + 1) for place in range(len(_LAST))))
    sealed = vault.seal("30.111.222")
    for number in range(1, size.accounts + 1):
        isp_id = 1 if number % 2 else 2 + (number // 2) % size.small_isps
        given = chance.choices(_FIRST, cum_weights=first, k=chance.choice((1, 1, 2)))
        family = chance.choices(_LAST, cum_weights=last, k=1)
        if number % 5000 == 0:
            family = [chance.choice(_RARE)]
        name = f"{' '.join(family)}, {' '.join(given)}"
        yield _rows(number, isp_id, name, sealed, vault)


def _rows(
    number: int, isp_id: int, name: str, sealed: str, vault: Vault
) -> tuple[list[dict[str, Any]], ...]:
    email, client_id = email_of(number), f"c-{number}"
    account = {
        "id": number, "isp_id": isp_id, "client_id": client_id, "public_id": number,
        "custom_id": f"K{number:07}", "name": name, "national_id_sealed": sealed,
        "national_id_digest": vault.digest(national_id_of(number), purpose=NATIONAL_ID_PURPOSE),
        "email_digest": vault.digest(email, purpose=EMAIL_PURPOSE), "steps_off": [],
        "paired_at": _LONG_AGO, "baseline_at": _LONG_AGO, "looked_at": _LONG_AGO,
    }  # fmt: skip
    words = [{"account_id": number, "word": one, "isp_id": isp_id} for one in words_of(name)]
    channel = {
        "id": number, "account_id": number, "scheme": "email", "medium": "email",
        "destination_sealed": "-", "needs_transport": True, "created_at": _LONG_AGO, "position": 1,
        "destination_digest": vault.digest(f"email {email}", purpose=DESTINATION_PURPOSE),
        "label": f"{email[0]}…@correo.example",
    }  # fmt: skip
    contract = {
        "isp_id": isp_id, "contract_id": f"k-{number}", "client_id": client_id,
        "public_id": number, "state": "enabled", "seen_at": _LONG_AGO,
    }  # fmt: skip
    text = f"A-{1 + number % 3:04}-{number}"
    invoice = {
        "id": number, "isp_id": isp_id, "account_id": number, "wispro_id": f"i-{number}",
        "contract_id": f"k-{number}", "number": text, "number_end": end_of(text),
        "state": "pending", "raw_state": "pending", "amount": Decimal(2590),
        "balance": Decimal(2590), "issued_date": date(2026, 3, 1),
        "first_due_date": date(2026, 3, 10), "baseline": True, "first_seen_at": _LONG_AGO,
        "confirmed_at": _LONG_AGO, "missing_reads": 0, "was_pending": True,
        "steps_until": _LONG_AGO, "plan_at": _LONG_AGO + timedelta(days=3000),
    }  # fmt: skip
    return [account], words, [channel], [contract], [invoice]


def email_of(number: int) -> str:
    """Return the e-mail address of a customer."""
    return f"cliente{number}@correo.example"


def national_id_of(number: int) -> str:
    """Return the national id of a customer."""
    return f"{20_000_000 + number:,}".replace(",", ".")
