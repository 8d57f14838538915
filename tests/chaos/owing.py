"""Deliveries as rows: each to an account, a channel and an address of its own.

They say that an announced invoice is void: no look at Wispro, no PDF, no cap, so that everything
that happens to them happens between our rows and the mail server.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import insert

from billing.identity import DESTINATION_PURPOSE
from billing.isps import IspSetup
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.invoice import Invoice
from notifications.capabilities import medium_of
from worker.house import House

SLUG = "interatos"
_DUE = date(2026, 3, 20)


@dataclass(frozen=True, slots=True)
class Owed:
    """One delivery, to whom it goes, and under which Message-ID it must."""

    delivery_id: int
    recipient: str
    message_id: str


class Post(Protocol):
    """Where messages arrive.

    Attributes:
        scheme: of the channels that lead there.
        url: the ISP's sending account.
        limits: of that account, as `alerta isp limits` reads them; None = those of its kind.
        settings: what a daemon is told beyond its own, without the prefix.
        taken: what arrived, in order.
        busy: whether somebody is speaking to it.
    """

    scheme: str
    limits: str | None
    settings: Mapping[str, str]

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def taken(self) -> Sequence[object]: ...  # noqa: D102
    @property
    def busy(self) -> bool: ...  # noqa: D102

    def address(self, place: int) -> str:
        """Return where the customer of this number gets messages."""
        ...


def owe(
    house: House, number: int, *, posts: Sequence[Post], rng: random.Random, now: datetime
) -> list[Owed]:
    """This function will make an ISP and so many deliveries that are due at once.

    Args:
        house: of the empty database.
        number: how many.
        posts: where they go, in turns.
        rng: draws the Message-IDs.
        now: the present.
    """
    isp_id = house.isps.add(
        IspSetup(
            slug=SLUG, name="Interatos sas", base_url="http://127.0.0.1:9/api/v1",
            token="a-token-that-nobody-asks", contact_hours="00:00-24:00",
            support="ayuda@interatos.example",
        ),
        now=now,
    )  # fmt: skip
    for post in posts:
        house.isps.set_transport(SLUG, post.scheme, post.url, now=now)
        if post.limits is not None:
            house.isps.set_limits(SLUG, post.scheme, post.limits)
    owed = [
        Owed(
            one,
            posts[one % len(posts)].address(one),
            str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        )
        for one in range(1, number + 1)
    ]
    with house.database.write() as session:
        for table, rows in _rows(house, isp_id, owed, posts, now=now).items():
            session.execute(insert(table), rows)
    house.database.count_anew(Account, Channel, Invoice, Alert, Delivery)
    return owed


def _rows(
    house: House, isp_id: int, owed: list[Owed], posts: Sequence[Post], *, now: datetime
) -> dict[Any, list[dict[str, Any]]]:
    """Return what each table gets; every number is also the id of its account, channel, …."""
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (Account, Channel, Invoice, Alert, Delivery)
    }
    before = now - timedelta(days=20)
    own = {"isp_id": isp_id}
    for one in owed:
        place = one.delivery_id
        scheme = posts[place % len(posts)].scheme
        same = {"id": place, **own}
        # Nobody is looked at: Wispro has no part in this.
        rows[Account].append(
            {
                **same,
                "client_id": f"c-{place}",
                "name": "Ana Álvarez",
                "paired_at": before,
                "baseline_at": before,
                "next_look_at": now + timedelta(days=365),
            }
        )
        rows[Channel].append(
            {
                "id": place,
                "account_id": place,
                "scheme": scheme,
                "medium": medium_of(scheme).value,
                "destination_sealed": house.vault.seal(one.recipient),
                "destination_digest": house.vault.digest(
                    one.recipient, purpose=DESTINATION_PURPOSE
                ),
                "needs_transport": True,
                "label": "c…",
                "created_at": before,
            }
        )
        rows[Invoice].append(
            {
                **same,
                "account_id": place,
                "wispro_id": f"i-{place}",
                "number": f"A-0001-{place}",
                "state": "void",
                "raw_state": "void",
                "amount": Decimal(2590),
                "balance": Decimal(0),
                "first_due_date": _DUE,
                "baseline": False,
                "was_pending": True,
                "first_seen_at": before,
                "confirmed_at": now,
                "announced_at": before,
            }
        )
        rows[Alert].append(
            {
                **same,
                "account_id": place,
                "invoice_id": place,
                "subject": f"invoice:i-{place}",
                "kind": "voided",
                "anchor": "change",
                "anchor_date": now.date(),
                "step": "seen",
                "due_at": now,
                "details": {},
                "created_at": now,
            }
        )
        rows[Delivery].append(
            {
                **same,
                "account_id": place,
                "alert_id": place,
                "channel_id": place,
                "route": scheme,
                "state": "planned",
                "message_id": one.message_id,
                "planned_at": now,
                "not_before": now,
                "created_at": now,
            }
        )
    return rows
