"""Keep the contract map and the customers' identities, page by page, for a whole ISP.

Every contract of the ISP is on the map, for most belong to people whom we do not know: only so can
an invoice be told to be theirs. A contract that moves takes its invoices along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar, cast

from sqlalchemy import Row, Table, bindparam, select, update
from sqlalchemy.orm import Session

from billing.apply import give_to, let_vanish
from billing.desk import Desk
from billing.identity import NATIONAL_ID_PURPOSE, email_digest, keep_identity, storable
from billing.proposals import Found, ProposalKind, propose
from billing.seen import Seen
from billing.sweeping import keep_set_aside
from billing.values import ClientFacts, ContractFacts, ContractState, SetAside, Sighting, SweepPage
from models.account import CONTRACT_HOLDERS, Account, Contract
from models.bulk import insert_new, update_each
from models.invoice import Invoice

T = TypeVar("T")


def take_contracts(desk: Desk, page: SweepPage[ContractFacts], seen: Seen) -> bool:
    """This function will keep one page of contracts; one whose bytes we know is not even read.

    Returns:
        Whether every contract on it was `alerted`, so that an ignored filter shows.
    """
    keys = [one.key for one in page.sightings]
    with desk.database.read() as session:
        known = _known(session, desk.isp_id, keys)
    seen.others(keys)
    others = [one for one in page.sightings if _print_of(known.get(one.key)) != one.fingerprint]
    facts, set_aside = _readable(others)
    prints = {one.key: one.fingerprint for one in others}
    differ = [one for one in facts if _differs(known.get(one.contract_id), one)]
    differing = {one.contract_id for one in differ}
    same = {
        one.contract_id: prints[one.contract_id]
        for one in facts
        if one.contract_id not in differing and one.contract_id in prints
    }
    if differ or set_aside or same:
        with desk.database.write() as session:
            desk.must_hold(session)
            keep_contract_facts(session, desk, differ, prints)
            _remember_contracts(session, desk, same)
            keep_set_aside(session, desk, set_aside)
    told = {one.contract_id: one.state.value for one in facts}
    states = [told.get(key) or row.state for key, row in known.items()] + list(told.values())
    return all(state == ContractState.ALERTED.value for state in states)


def keep_contract_facts(
    session: Session,
    desk: Desk,
    contracts: Iterable[ContractFacts],
    prints: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """This function will keep what Wispro says of some contracts.

    The state of a paired customer's contract becomes a proposal, since it may cause a warning; who
    holds a contract is a fact.

    Args:
        session: an open unit of work.
        desk: of the run.
        contracts: what it says.
        prints: the fingerprints of their records, by id, where they came from a list.
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
    insert_new(
        session,
        Contract,
        [
            {
                "isp_id": desk.isp_id,
                "contract_id": facts.contract_id,
                "client_id": facts.client_id,
                "public_id": storable(facts.public_id),
                "state": facts.state.value,
                "seen_at": desk.started,
                "fingerprint": prints.get(facts.contract_id),
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
    """This function will keep who our customers are, from one page of all clients.

    A record whose bytes we know is not even read, nor is one of somebody whom we do not.
    """
    keys = [one.key for one in page.sightings]
    seen.others(keys)
    with desk.database.read() as session:
        known = {
            row.client_id: cast("Row[Any]", row)
            for row in session.execute(_ACCOUNTS, {"isp_id": desk.isp_id, "ids": keys})
        }
    others = [one for one in page.sightings if _is_to_read(one, known)]
    facts, set_aside = _readable(others)
    by_id = {one.client_id: one for one in facts if one.client_id in known}
    if not by_id and not set_aside:
        return
    prints = {one.key: one.fingerprint for one in others}
    moved = [known[key].id for key, one in by_id.items() if _is_other(desk, known[key], one)]
    with desk.database.write() as session:
        desk.must_hold(session)
        for account in session.scalars(
            select(Account).where(Account.id.in_(moved)).order_by(Account.id).with_for_update()
        ):
            keep_identity(account, by_id[account.client_id], desk.vault)
        session.flush()
        _remember_accounts(session, {known[key].id: prints[key] for key in by_id if key in prints})
        keep_set_aside(session, desk, set_aside)


def _is_to_read(one: Sighting[ClientFacts], known: Mapping[str, Row[Any]]) -> bool:
    row = known.get(one.key)
    if row is None:  # somebody else's, or a record without a readable id
        return one.key.startswith("raw:")
    return bool(row.fingerprint != one.fingerprint)


def _is_other(desk: Desk, account: Row[Any], client: ClientFacts) -> bool:
    digest = None
    if client.national_id:
        digest = desk.vault.digest(client.national_id, purpose=NATIONAL_ID_PURPOSE)
    return (
        account.name,
        account.public_id,
        account.custom_id,
        account.login_digest,
        account.national_id_digest,
        account.email_digest,
    ) != (
        client.name[:300],
        storable(client.public_id),
        client.custom_id[:200] if client.custom_id else None,
        client.login_digest,
        digest,
        email_digest(client.email, desk.vault),
    )


def _readable(sightings: Iterable[Sighting[T]]) -> tuple[list[T], list[SetAside]]:
    records: list[T] = []
    set_aside: list[SetAside] = []
    for one in sightings:
        if (record := one.record) is not None:
            records.append(record)
        elif one.set_aside is not None:
            set_aside.append(one.set_aside)
    return records, set_aside


#: On the tables and not on the classes: each page asks these.
_C, _A = cast("Table", Contract.__table__), cast("Table", Account.__table__)
_ACCOUNTS = select(
    _A.c.id,
    _A.c.client_id,
    _A.c.name,
    _A.c.public_id,
    _A.c.custom_id,
    _A.c.login_digest,
    _A.c.national_id_digest,
    _A.c.email_digest,
    _A.c.fingerprint,
).where(_A.c.isp_id == bindparam("isp_id"), _A.c.client_id.in_(bindparam("ids", expanding=True)))
_KNOWN = (
    select(
        _C.c.contract_id,
        _C.c.client_id,
        _C.c.state,
        _C.c.fingerprint,
        _A.c.id.label("account_id"),
    )
    .select_from(CONTRACT_HOLDERS)
    .where(
        _C.c.isp_id == bindparam("isp_id"), _C.c.contract_id.in_(bindparam("ids", expanding=True))
    )
)


def _known(session: Session, isp_id: int, ids: Sequence[str]) -> dict[str, Row[Any]]:
    if not ids:
        return {}
    rows = session.execute(_KNOWN, {"isp_id": isp_id, "ids": list(ids)})
    return {row.contract_id: cast("Row[Any]", row) for row in rows}


def _print_of(row: Row[Any] | None) -> int | None:
    return None if row is None else cast("int | None", row.fingerprint)


def _remember_contracts(session: Session, desk: Desk, prints: Mapping[str, int]) -> None:
    """Keep the fingerprints of records that say what our rows say."""
    if prints:
        session.connection().execute(
            update(_C)
            .where(_C.c.isp_id == desk.isp_id, _C.c.contract_id == bindparam("key"))
            .values(fingerprint=bindparam("found")),
            [{"key": key, "found": found} for key, found in prints.items()],
        )


def _remember_accounts(session: Session, prints: Mapping[int, int]) -> None:
    rows = [{"fingerprint": found, "id": row_id} for row_id, found in prints.items()]
    update_each(session, Account, rows)


def _differs(row: Row[Any] | None, facts: ContractFacts) -> bool:
    return row is None or (row.client_id, row.state) != (facts.client_id, facts.state.value)


def _set(session: Session, desk: Desk, facts: ContractFacts) -> None:
    session.execute(
        update(Contract)
        .where(Contract.isp_id == desk.isp_id, Contract.contract_id == facts.contract_id)
        .values(
            client_id=facts.client_id,
            state=facts.state.value,
            seen_at=desk.started,
            fingerprint=None,
        )
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
