"""How large an ISP is, and its customers paired in bulk: what `alerta pair` does, by thousands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw
from sqlalchemy import insert, literal, select

from billing.identity import DESTINATION_PURPOSE, LOGIN_PURPOSE, keep_identity
from billing.isps import IspSetup
from billing.values import Medium
from config.keys import Vault
from models import questions
from models.account import Account, Channel
from models.database import Database
from tests.support.house import ImpatientHouse
from wispro import records
from wispro.sandbox import seed
from wispro.sandbox.model import Client
from wispro.sandbox.state import State

SLUG = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """One ISP: every client of it is paired, and has one channel."""

    invoices: int
    accounts: int
    open_invoices: int

    @classmethod
    def of(cls, invoices: int) -> Population:
        """Return the ISP of so many invoices.

        It grows to 10 000 customers who owe 3 000 invoices; a larger one is older, not larger.
        """
        return cls(
            invoices=invoices,
            accounts=max(min(invoices // 10, 10_000), 1),
            open_invoices=max(min(invoices * 3 // 100, 3_000), 1),
        )

    @property
    def changes(self) -> dict[str, int]:
        """What happens between two cycles: 1 % of what is open is settled, 20 are issued."""
        settled = max(self.open_invoices // 100, 2)
        voided = max(settled // 6, 1)
        issued = max(20 * self.open_invoices // 3_000, 1)
        return {"pay": settled - voided, "void": voided, "bill": issued}


def settle_in(house: ImpatientHouse, size: Population, *, base_url: str, token: str) -> int:
    """Add the ISP and pair every client that the stand-in made up; return the ISP's id."""
    now = house.clock()
    setup = IspSetup(
        slug=SLUG, name="Interatos sas", base_url=base_url, token=token, requests_per_second=1000.0
    )
    house.isps.add(setup, now=now)
    with house.database.read() as session:
        isp_id = questions.isp_id_of(session, SLUG)
    made_up = State("")
    seed.generate(made_up, clients=size.accounts, invoices=0)
    _pair_all(house.database, house.vault, isp_id, made_up.clients, now=now)
    return isp_id


def _pair_all(
    database: Database, vault: Vault, isp_id: int, clients: list[Client], *, now: datetime
) -> None:
    paired = {"isp_id": isp_id, "paired_at": now, "next_look_at": now}
    with database.write() as session:
        session.execute(
            insert(Account), [{**paired, **_identity(vault, client)} for client in clients]
        )
        # one address serves them all: nothing is sent
        address = "customers@example.org"
        channel = {
            "scheme": "email",
            "medium": Medium.EMAIL.value,
            "destination_sealed": vault.seal(address),
            "destination_digest": vault.digest(f"email {address}", purpose=DESTINATION_PURPOSE),
            "needs_transport": True,
            "label": address,
            "created_at": now,
        }
        table = Channel.__table__
        values = [literal(value, table.c[name].type) for name, value in channel.items()]
        session.execute(
            insert(Channel).from_select(
                ["account_id", *channel],
                select(Account.id, *values).where(Account.isp_id == isp_id),
            )
        )


def _identity(vault: Vault, client: Client) -> dict[str, Any]:
    """Return what is kept of a client, as pairing keeps it: of the record that Wispro shows."""
    facts = records.client(
        Raw(msgspec.json.encode(client.wire())),
        lambda token: vault.digest(token, purpose=LOGIN_PURPOSE),
    )
    account = Account(client_id=facts.client_id)
    keep_identity(account, facts, vault)
    return {name: getattr(account, name) for name in _KEPT}


_KEPT = (
    "client_id",
    "public_id",
    "custom_id",
    "name",
    "national_id_sealed",
    "national_id_digest",
    "email_digest",
    "login_digest",
)
