"""Keep the contract map and the customers' identities, page by page, for a whole ISP.

Every contract of the ISP is on the map, for most belong to people whom we do not know: only so can
an invoice be told to be theirs. A contract that moves takes its invoices along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from billing.apply import give_to, let_vanish
from billing.desk import Desk
from billing.identity import NATIONAL_ID_PURPOSE, keep_identity, storable
from billing.proposals import Found, ProposalKind, propose
from billing.seen import Seen
from billing.sweeping import keep_set_aside
from billing.values import ClientFacts, ContractFacts, ContractState, SetAside, SweepPage
from models.account import Account, Contract
from models.database import insert_for
from models.invoice import Invoice


def take_contracts(desk: Desk, page: SweepPage[ContractFacts], seen: Seen) -> bool:
    """This function will keep one page of contracts.

    Returns:
        Whether every contract on it was `alerted`, so that an ignored filter shows.
    """
    facts, set_aside = _readable(page)
    with desk.database.read() as session:
        known = _known(session, desk.isp_id, [one.contract_id for one in facts])
    seen.others(one.key for one in page.sightings)
    differ = [one for one in facts if _differs(known.get(one.contract_id), one)]
    if differ or set_aside:
        with desk.database.write() as session:
            desk.must_hold(session)
            keep_contract_facts(session, desk, differ)
            keep_set_aside(session, desk, set_aside)
    return all(one.state is ContractState.ALERTED for one in facts)


def keep_contract_facts(session: Session, desk: Desk, contracts: Iterable[ContractFacts]) -> None:
    """This function will keep what Wispro says of some contracts.

    The state of a paired customer's contract becomes a proposal, since it may cause a warning; who
    holds a contract is a fact.
    """
    contracts = list(contracts)
    known = _known(session, desk.isp_id, [one.contract_id for one in contracts])
    found = []
    new = []
    for facts in contracts:
        row = known.get(facts.contract_id)
        if row is None:
            new.append(facts)
            continue
        if row.client_id != facts.client_id:
            _move(session, desk, facts)
        elif row.state == facts.state.value:
            continue
        elif row.account_id is not None:
            found.append(
                Found(
                    kind=ProposalKind.CONTRACT,
                    account_id=row.account_id,
                    subject=facts.contract_id,
                    asked_at=desk.clock(),
                    contract_state=facts.state,
                )
            )
            continue
        _set(session, desk, facts)
    if new:
        session.execute(
            insert_for(session, Contract).on_conflict_do_nothing(),
            [
                {
                    "isp_id": desk.isp_id,
                    "contract_id": facts.contract_id,
                    "client_id": facts.client_id,
                    "public_id": storable(facts.public_id),
                    "state": facts.state.value,
                    "seen_at": desk.started,
                }
                for facts in new
            ],
        )
    desk.report.proposed += propose(session, desk.isp_id, desk.run_id, found)


def calm(desk: Desk, alerted: set[str]) -> None:
    """This function will note which contracts a complete list of alerted ones lacks.

    What became of them is not asked: that they are not about to be cut off is what counts.
    """
    with desk.database.read() as session:
        rows = session.execute(
            select(Contract.contract_id, Contract.client_id, Contract.public_id).where(
                Contract.isp_id == desk.isp_id, Contract.state == ContractState.ALERTED.value
            )
        ).all()
    calmed = [
        ContractFacts(contract_id=row.contract_id, client_id=row.client_id, public_id=row.public_id)
        for row in rows
        if row.contract_id not in alerted
    ]
    if calmed:
        with desk.database.write() as session:
            desk.must_hold(session)
            keep_contract_facts(session, desk, calmed)


def take_clients(desk: Desk, page: SweepPage[ClientFacts], seen: Seen) -> None:
    """This function will keep who our customers are, from one page of all clients."""
    facts, set_aside = _readable(page)
    seen.others(one.key for one in page.sightings)
    by_id = {one.client_id: one for one in facts}
    with desk.database.read() as session:
        accounts = session.scalars(
            select(Account).where(Account.isp_id == desk.isp_id, Account.client_id.in_(by_id))
        ).all()
    moved = [one.id for one in accounts if _is_other(desk, one, by_id[one.client_id])]
    if moved or set_aside:
        with desk.database.write() as session:
            desk.must_hold(session)
            for account in session.scalars(
                select(Account).where(Account.id.in_(moved)).order_by(Account.id).with_for_update()
            ):
                keep_identity(account, by_id[account.client_id], desk.vault)
            keep_set_aside(session, desk, set_aside)


def _is_other(desk: Desk, account: Account, client: ClientFacts) -> bool:
    digest = None
    if client.national_id:
        digest = desk.vault.digest(client.national_id, purpose=NATIONAL_ID_PURPOSE)
    return (
        account.name,
        account.public_id,
        account.custom_id,
        account.login_digest,
        account.national_id_digest,
    ) != (
        client.name[:300],
        storable(client.public_id),
        client.custom_id[:200] if client.custom_id else None,
        client.login_digest,
        digest,
    )


def _readable(page: SweepPage[Any]) -> tuple[list[Any], list[SetAside]]:
    records = [one.record for one in page.sightings if one.record is not None]
    return records, [one.set_aside for one in page.sightings if one.set_aside is not None]


#: On the tables and not on the classes: each page of contracts asks this.
_C, _A = Contract.__table__, Account.__table__
_KNOWN = (
    select(_C.c.contract_id, _C.c.client_id, _C.c.state, _A.c.id.label("account_id"))
    .select_from(
        _C.outerjoin(
            _A,
            (_A.c.isp_id == _C.c.isp_id)
            & (_A.c.client_id == _C.c.client_id)
            & _A.c.paired_at.is_not(None)
            & _A.c.unpaired_at.is_(None),
        )
    )
    .where(
        _C.c.isp_id == bindparam("isp_id"), _C.c.contract_id.in_(bindparam("ids", expanding=True))
    )
)


def _known(session: Session, isp_id: int, ids: Sequence[str]) -> dict[str, Row[Any]]:
    if not ids:
        return {}
    rows = session.execute(_KNOWN, {"isp_id": isp_id, "ids": list(ids)})
    return {row.contract_id: cast("Row[Any]", row) for row in rows}


def _differs(row: Row[Any] | None, facts: ContractFacts) -> bool:
    return row is None or (row.client_id, row.state) != (facts.client_id, facts.state.value)


def _set(session: Session, desk: Desk, facts: ContractFacts) -> None:
    session.execute(
        update(Contract)
        .where(Contract.isp_id == desk.isp_id, Contract.contract_id == facts.contract_id)
        .values(client_id=facts.client_id, state=facts.state.value, seen_at=desk.started)
        .execution_options(synchronize_session=False)
    )


def _move(session: Session, desk: Desk, facts: ContractFacts) -> None:
    """Let the invoices of a contract go where it goes; nobody hears of it."""
    account = session.scalars(
        select(Account).where(
            Account.isp_id == desk.isp_id,
            Account.client_id == facts.client_id,
            Account.paired_at.is_not(None),
            Account.unpaired_at.is_(None),
        )
    ).first()
    now = desk.clock()
    rows = session.scalars(
        select(Invoice)
        .where(Invoice.isp_id == desk.isp_id, Invoice.contract_id == facts.contract_id)
        .order_by(Invoice.id)
        .with_for_update()
    ).all()
    for row in rows:
        if account is None:
            if row.vanished_at is None:
                let_vanish(session, row, sync_run_id=desk.run_id, now=now)
        elif row.account_id != account.id:
            give_to(session, row, account, sync_run_id=desk.run_id, now=now)
