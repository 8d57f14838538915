"""An ISP that owes each of its customers one announcement by e-mail, all of them due."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from billing.ports import VaultPort
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp, Transport

ZONE = "America/Argentina/Cordoba"
_AT_ONCE = 1000
#: A sweep that is younger than five minutes counts as a look (rule 4): here all of them are.
_AS_LONG_AS_IT_TAKES = timedelta(hours=1)


def fill(database: Database, vault: VaultPort, number: int, *, smtp: int, papers: int) -> int:
    """This function will make the rows; returns the ISP's id.

    Args:
        database: with our tables, empty.
        vault: seals addresses.
        number: of customers, each with one invoice, one channel and one delivery.
        smtp: the port of the mail server.
        papers: the port of Wispro.
    """
    now = datetime.now(UTC)
    ago, looked_at = now - timedelta(days=20), now + _AS_LONG_AS_IT_TAKES
    with database.write() as session:
        isp = Isp(
            slug="bench", name="Interatos sas", base_url=f"http://127.0.0.1:{papers}/api/v1",
            token_sealed=vault.seal("b7d0c6a1-wispro-token"), timezone=ZONE, locale="es_AR",
            currency="ARS", contact_hours="00:00-24:00", created_at=ago,
            pay_url="https://pagos.interatos.example/{invoice_id}",
            support="soporte@interatos.example", requests_per_second=1000.0, swept_at=looked_at,
        )  # fmt: skip
        session.add(isp)
        session.flush()
        account = f"mailto://127.0.0.1:{smtp}?from=avisos@interatos.example"
        session.add(
            Transport(
                isp_id=isp.id, scheme="email", url_sealed=vault.seal(account), limits="none",
                created_at=ago,
            )
        )  # fmt: skip
        isp_id = isp.id
    for first in range(1, number + 1, _AT_ONCE):
        ids = range(first, min(first + _AT_ONCE, number + 1))
        rows: dict[Any, list[dict[str, Any]]] = {
            Account: [
                {
                    "id": i, "isp_id": isp_id, "client_id": f"c-{i}", "name": f"Ana Paz {i}",
                    "paired_at": ago, "baseline_at": ago, "steps_off": [],
                }
                for i in ids
            ],
            Channel: [
                {
                    "id": i, "account_id": i, "scheme": "email", "medium": "email",
                    "destination_sealed": vault.seal(f"c{i}@clientes.example"),
                    "destination_digest": f"d-{i}", "needs_transport": True,
                    "label": "c…@clientes.example", "created_at": ago,
                }
                for i in ids
            ],
            Invoice: [
                {
                    "id": i, "isp_id": isp_id, "account_id": i, "wispro_id": f"i-{i}",
                    "number": f"A-0001-{i}", "state": "pending", "raw_state": "pending",
                    "amount": Decimal(2590), "balance": Decimal(2590), "issued_date": now.date(),
                    "first_due_date": now.date() + timedelta(days=10), "baseline": False,
                    "first_seen_at": ago, "confirmed_at": looked_at, "missing_reads": 0,
                    "was_pending": True, "steps_until": now,
                }
                for i in ids
            ],
            Alert: [
                {
                    "id": i, "isp_id": isp_id, "account_id": i, "invoice_id": i,
                    "subject": f"invoice:i-{i}", "kind": "issued", "anchor": "issued",
                    "anchor_date": now.date(), "step": "first_sight", "due_at": now, "details": {},
                    "useful_until": now + timedelta(days=9), "created_at": now,
                }
                for i in ids
            ],
            Delivery: [
                {
                    "id": i, "isp_id": isp_id, "account_id": i, "alert_id": i, "channel_id": i,
                    "route": "email", "state": "planned", "message_id": str(uuid.uuid4()),
                    "planned_at": now, "not_before": now, "created_at": now, "attempts": 0,
                }
                for i in ids
            ],
        }  # fmt: skip
        with database.write() as session:
            for table, several in rows.items():
                session.execute(insert(table.__table__), several)
    database.count_anew(Account, Channel, Invoice, Alert, Delivery)
    return isp_id
