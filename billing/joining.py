"""An account comes in, gets channels, and leaves: the same whoever pairs it, staff or a code.

Everything here happens in the unit of work of its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.identity import DESTINATION_PURPOSE, keep_identity
from billing.ports import ParsedDestination, VaultPort
from billing.values import ClientFacts, DeliveryState, Reason
from models.account import Account, Channel
from models.alert import Delivery
from models.invoice import Invoice
from models.pair_code import PairCode


def keep_account(session: Session, isp_id: int, facts: ClientFacts, vault: VaultPort) -> Account:
    """This function will return the account of a client, locked; a new one is not paired yet."""
    account = session.scalars(
        select(Account)
        .where(Account.isp_id == isp_id, Account.client_id == facts.client_id)
        .with_for_update()
    ).first()
    if account is None:
        account = Account(isp_id=isp_id, client_id=facts.client_id)
        session.add(account)
    keep_identity(account, facts, vault)
    session.flush()
    return account


def join(session: Session, account: Account, *, now: datetime) -> None:
    """This function will pair an account that is not, beginning with a silent baseline."""
    if account.paired:
        return
    # What happened while nobody looked is history, and history is not announced.
    session.execute(
        update(Invoice).where(Invoice.account_id == account.id).values(steps_until=now, plan_at=now)
    )
    # Who comes back names where to: an address of before may be somebody else's by now.
    session.execute(
        update(Channel)
        .where(Channel.account_id == account.id, Channel.disabled_at.is_(None))
        .values(disabled_at=now, disabled_reason=Reason.UNPAIRED.value)
    )
    account.paired_at, account.unpaired_at = now, None
    account.baseline_at = account.looked_at = None
    account.next_look_at = now


def add_channels(
    session: Session,
    account: Account,
    parsed: Sequence[ParsedDestination],
    vault: VaultPort,
    *,
    now: datetime,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """This function will give an account channels; one that it has works again.

    Returns:
        The labels of the new ones, and of those it had.
    """
    rows = session.scalars(select(Channel).where(Channel.account_id == account.id))
    present = {row.destination_digest: row for row in rows}
    added, known = [], []
    for item in parsed:
        digest = destination_digest(item, vault)
        if (row := present.get(digest)) is not None:
            row.disabled_at = row.disabled_reason = None
            known.append(row.label)
            continue
        row = Channel(
            account_id=account.id,
            scheme=item.scheme,
            medium=item.medium.value,
            destination_sealed=vault.seal(item.value),
            destination_digest=digest,
            needs_transport=item.needs_transport,
            label=item.label[:120],
            created_at=now,
        )
        session.add(row)
        present[digest] = row
        added.append(row.label)
    return tuple(added), tuple(known)


def destination_digest(item: ParsedDestination, vault: VaultPort) -> str:
    """Return the keyed hash by which a customer's destination is found again."""
    return vault.digest(f"{item.scheme} {item.value}", purpose=DESTINATION_PURPOSE)


def leave(session: Session, account: Account, *, now: datetime) -> None:
    """This function will stop every alert of an account; codes that were not used pair nobody."""
    account.unpaired_at = now
    _cancel(session, Delivery.account_id == account.id, Reason.UNPAIRED, now=now)
    session.execute(
        update(PairCode)
        .where(
            PairCode.account_id == account.id,
            PairCode.used_at.is_(None),
            PairCode.expires_at > now,
        )
        .values(expires_at=now)
    )


def close_channel(session: Session, channel: Channel, *, now: datetime) -> None:
    """This function will stop what goes to one channel: who reads there does not want it."""
    channel.disabled_at, channel.disabled_reason = now, Reason.NO_CONSENT.value
    _cancel(session, Delivery.channel_id == channel.id, Reason.NO_CONSENT, now=now)


def _cancel(session: Session, whose: object, reason: Reason, *, now: datetime) -> None:
    session.execute(
        update(Delivery)
        .where(whose, Delivery.state == DeliveryState.PLANNED.value)  # type: ignore[arg-type]
        .values(state=DeliveryState.CANCELLED.value, reason=reason.value, settled_at=now)
        .execution_options(synchronize_session=False)
    )
