"""An account comes in, gets channels, and leaves: the same whoever pairs it, staff or a code.

Everything here happens in the unit of work of its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.closing import call_off_account, reopen
from billing.identity import DESTINATION_PURPOSE, keep_identity
from billing.ports import ParsedDestination, VaultPort
from billing.values import ClientFacts, Reason
from models.account import Account, Channel
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


@dataclass(frozen=True, slots=True)
class Added:
    """The channels that an account was given: new ones, and those that it had already."""

    new: tuple[Channel, ...]
    known: tuple[Channel, ...]


def add_channels(
    session: Session,
    account: Account,
    parsed: Sequence[ParsedDestination],
    vault: VaultPort,
    *,
    now: datetime,
    first: bool = False,
    risk_accepted_by: str | None = None,
) -> Added:
    """This function will give an account channels; one that it has works again.

    Args:
        session: an open unit of work.
        account: whose.
        parsed: where to.
        vault: seals and hashes it.
        now: the present.
        first: they go before the others, in their order; else new ones go last.
        risk_accepted_by: who answers for a gateway that its network may block.
    """
    rows = session.scalars(
        select(Channel)
        .where(Channel.account_id == account.id)
        .order_by(Channel.position, Channel.id)
    ).all()
    present = {row.destination_digest: row for row in rows}
    last = max((row.position for row in rows), default=0)
    added, known = [], []
    for item in parsed:
        digest = destination_digest(item, vault)
        if (row := present.get(digest)) is not None:
            if row.removed_at is not None:
                last += 1
                row.position = last
            reopen(row)
            _accept_risk(row, item, risk_accepted_by, now=now)
            known.append(row)
            continue
        last += 1
        row = Channel(
            account_id=account.id,
            scheme=item.scheme,
            medium=item.medium.value,
            destination_sealed=vault.seal(item.value),
            destination_digest=digest,
            needs_transport=item.needs_transport,
            label=item.label[:120],
            position=last,
            created_at=now,
        )
        _accept_risk(row, item, risk_accepted_by, now=now)
        session.add(row)
        present[digest] = row
        added.append(row)
    session.flush()
    if first:
        named = list(dict.fromkeys(present[destination_digest(one, vault)] for one in parsed))
        put_in_order([*named, *(row for row in rows if row not in named)])
    return Added(tuple(added), tuple(dict.fromkeys(row for row in known if row not in added)))


def put_in_order(channels: Sequence[Channel]) -> None:
    """This function will let channels be used in this order."""
    for position, channel in enumerate(channels, start=1):
        channel.position = position


def _accept_risk(
    channel: Channel, item: ParsedDestination, accepted_by: str | None, *, now: datetime
) -> None:
    if item.ban_risk and accepted_by is not None:
        channel.ban_risk_accepted_at, channel.ban_risk_accepted_by = now, accepted_by[:100]


def destination_digest(item: ParsedDestination, vault: VaultPort) -> str:
    """Return the keyed hash by which a customer's destination is found again."""
    return vault.digest(f"{item.scheme} {item.value}", purpose=DESTINATION_PURPOSE)


def leave(session: Session, account: Account, *, now: datetime) -> None:
    """This function will stop every alert of an account; codes that were not used pair nobody."""
    account.unpaired_at = now
    call_off_account(session, account, now=now)
    session.execute(
        update(PairCode)
        .where(
            PairCode.account_id == account.id,
            PairCode.used_at.is_(None),
            PairCode.expires_at > now,
        )
        .values(expires_at=now)
    )
