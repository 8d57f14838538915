"""What must be true when everything has come to rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select

from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.invoice import Invoice
from models.isp import Isp
from tests.chaos.sink import Taken
from tests.soak.wispros import Wispro
from worker.house import House

_ANNOUNCED = {
    f"{kind} sent" for kind in ("issued", "due_soon", "due_today", "overdue", "second_due_soon")
}


def faults_of(
    house: House, wispros: Sequence[Wispro], copies: Mapping[Taken, int], *, began: datetime
) -> list[str]:
    """This function will name every broken promise.

    Args:
        house: on the rows.
        wispros: the truth.
        copies: how often each message arrived.
        began: since when bills are issued that are to be announced.
    """
    return [
        *_messages(house, copies),
        *_left_behind(house),
        *(fault for one in wispros for fault in _copy_of(house, one, began=began)),
    ]


def _messages(house: House, copies: Mapping[Taken, int]) -> list[str]:
    """Every delivery that is `sent` arrived, under its own Message-ID, to its own address, once."""
    left = Counter(copies)
    found = []
    with house.database.read() as session:
        rows = session.execute(
            select(
                Delivery.id, Delivery.state, Delivery.message_id, Delivery.carried_by,
                Channel.destination_sealed,
            ).join(Channel, Channel.id == Delivery.channel_id)
        ).all()  # fmt: skip
    for row in rows:
        recipient = house.vault.open(row.destination_sealed)
        number = left.pop(Taken(recipient, row.message_id), 0)
        if row.state == "sent" and row.carried_by is None and number != 1:
            found.append(f"delivery {row.id} is sent, and {number} messages arrived")
        elif row.state not in {"sent", "uncertain"} and number:
            found.append(f"delivery {row.id} is {row.state}, and {number} messages arrived")
    return [*found, *(f"{number} × {stray}: nobody owes it" for stray, number in left.items())]


def _left_behind(house: House) -> list[str]:
    """No claim, no lease, and nothing that is due."""
    now = datetime.now(UTC)
    with house.database.read() as session:
        leases = session.scalar(select(func.count()).where(Isp.sync_lease_until.is_not(None)))
        claimed = session.scalar(select(func.count()).where(Delivery.state == "sending"))
        due = session.scalar(
            select(func.count()).where(Delivery.state == "planned", Delivery.not_before <= now)
        )
    left = {"leases of looks": leases, "claims": claimed, "deliveries that are due": due}
    return [f"{number} {what} left behind" for what, number in left.items() if number]


def _copy_of(house: House, wispro: Wispro, *, began: datetime) -> list[str]:
    """Our copy of what the paired owe is Wispro's, and nobody was left without a word."""
    found = []
    with house.database.read() as session:
        isp = session.scalars(select(Isp).where(Isp.slug == wispro.slug)).one()
        ours = {
            row.wispro_id: row
            for row in session.scalars(select(Invoice).where(Invoice.isp_id == isp.id))
        }
        paired = set(session.scalars(select(Account.client_id).where(Account.isp_id == isp.id)))
        told: dict[int | None, set[str]] = defaultdict(set)
        for invoice_id, kind, state, reason in session.execute(
            select(Alert.invoice_id, Alert.kind, Delivery.state, Delivery.reason)
            .join(Delivery, Delivery.alert_id == Alert.id)
            .where(Alert.isp_id == isp.id, Alert.invoice_id.is_not(None))
        ):
            told[invoice_id].add(f"{kind} {state}")
            if state == "failed":
                found.append(f"{isp.slug}: invoice {invoice_id}: {kind} failed: {reason}")
        with wispro.state.lock:
            for theirs in wispro.state.invoices:
                if wispro.state.holder(theirs).id not in paired or theirs.state == "draft":
                    continue
                mine = ours.get(theirs.id)
                if mine is None or mine.state != theirs.state:
                    copy = None if mine is None else mine.state
                    found.append(f"{isp.slug}: {theirs.id} is {theirs.state}, our copy {copy}")
                elif (
                    theirs.state == "pending"
                    and mine.first_seen_at > began
                    and not told[mine.id] & _ANNOUNCED
                ):
                    found.append(f"{isp.slug}: {theirs.id} was never announced: {told[mine.id]}")
    return found
