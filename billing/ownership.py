"""Ask whose an invoice is where two sources do not agree, before it can reach anybody."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update

from billing.apply import let_vanish
from billing.desk import Desk
from billing.mapping import keep_contract_facts
from billing.ports import UpstreamError
from billing.sweeping import SOLE_HOLDER, InvoiceTaker
from billing.values import ClientField, ContractFacts, ContractState, UpstreamReason
from models.account import Account, Contract
from models.invoice import Invoice
from models.proposal import Proposal


def adopt_orphans(desk: Desk, taker: InvoiceTaker) -> None:
    """This function will ask for the contracts that the map lacks, and sort their invoices.

    Raises:
        UpstreamError: if Wispro gives no usable answer.
        LeaseLostError: if another worker took over.
    """
    if taker.too_many_orphans:
        desk.report.incomplete("incomplete_pull", "too many invoices of contracts nobody listed")
    for contract_id in list(taker.orphans):
        facts = _contract(desk, contract_id)
        orphans = taker.orphans.pop(contract_id)
        if facts is None:
            desk.report.foreign += len(orphans)
            continue
        with desk.database.write() as session:
            desk.must_hold(session)
            keep_contract_facts(session, desk, [facts])
            taker.adopt(session, orphans)


def doubtful(desk: Desk) -> int:
    """This function will count the contracts whose holder confirm_owners would ask for."""
    with desk.database.read() as session:
        count = session.scalar(
            select(func.count(Proposal.confirm.distinct())).where(
                Proposal.sync_run_id == desk.run_id, Proposal.confirm.is_not(None)
            )
        )
    return count or 0


def confirm_owners(desk: Desk, *, fresh_map: bool) -> None:
    """This function will settle whose the proposed invoices are that are not certain.

    Args:
        desk: of the run.
        fresh_map: the whole contract map was read in this run, so it need not be asked again.

    Raises:
        UpstreamError: if Wispro gives no usable answer; what is not confirmed is not laid down.
        LeaseLostError: if another worker took over.
    """
    with desk.database.read() as session:
        rows = session.execute(
            select(Proposal.confirm, Proposal.account_id)
            .where(Proposal.sync_run_id == desk.run_id, Proposal.confirm.is_not(None))
            .distinct()
            .order_by(Proposal.confirm, Proposal.account_id)
        ).all()
    asked: dict[str, ContractFacts | None] = {}
    for confirm, account_id in rows:
        assert confirm is not None
        if confirm == SOLE_HOLDER:
            owner = account_id if _is_sole_holder(desk, account_id) else None
        else:
            if confirm not in asked:
                known = _mapped(desk, confirm) if fresh_map else None
                asked[confirm] = known or _contract(desk, confirm)
            owner = _holder(desk, asked[confirm])
        _decide(desk, confirm, account_id, owner)


def _contract(desk: Desk, contract_id: str) -> ContractFacts | None:
    try:
        return desk.wispro.contract(contract_id)
    except UpstreamError as error:
        if error.reason is not UpstreamReason.NOT_FOUND:
            raise
        return None


def _mapped(desk: Desk, contract_id: str) -> ContractFacts | None:
    with desk.database.read() as session:
        row = session.get(Contract, (desk.isp_id, contract_id))
    if row is None:
        return None
    return ContractFacts(
        contract_id=row.contract_id, client_id=row.client_id, state=ContractState(row.state)
    )


def _holder(desk: Desk, contract: ContractFacts | None) -> int | None:
    """Keep what was learnt of a contract; return the paired account that holds it."""
    if contract is None:
        return None
    with desk.database.write() as session:
        desk.must_hold(session)
        keep_contract_facts(session, desk, [contract])
        session.execute(
            update(Contract)
            .where(Contract.isp_id == desk.isp_id, Contract.contract_id == contract.contract_id)
            .values(seen_at=desk.clock())
            .execution_options(synchronize_session=False)
        )
        return session.scalars(
            select(Account.id).where(
                Account.isp_id == desk.isp_id,
                Account.client_id == contract.client_id,
                Account.paired_at.is_not(None),
                Account.unpaired_at.is_(None),
            )
        ).first()


def _is_sole_holder(desk: Desk, account_id: int) -> bool:
    with desk.database.read() as session:
        account = session.get_one(Account, account_id)
    if account.national_id_sealed is None:
        return False
    national_id = desk.vault.open(account.national_id_sealed)
    holders = desk.wispro.find_clients(ClientField.NATIONAL_ID, national_id)
    clients: Sequence[str] = sorted({client.client_id for client in holders.records})
    return holders.complete and list(clients) == [account.client_id]


def _decide(desk: Desk, confirm: str, account_id: int, owner: int | None) -> None:
    these = (
        Proposal.sync_run_id == desk.run_id,
        Proposal.confirm == confirm,
        Proposal.account_id == account_id,
    )
    with desk.database.write() as session:
        desk.must_hold(session)
        if owner is None:
            dropped = session.scalars(
                delete(Proposal).where(*these).returning(Proposal.subject)
            ).all()
            desk.report.foreign += len(dropped)
            for row in session.scalars(
                select(Invoice)
                .where(
                    Invoice.isp_id == desk.isp_id,
                    Invoice.wispro_id.in_(dropped),
                    Invoice.vanished_at.is_(None),
                )
                .with_for_update()
            ):
                let_vanish(session, row, sync_run_id=desk.run_id, now=desk.clock())
        else:
            session.execute(
                update(Proposal)
                .where(*these)
                .values(confirm=None, account_id=owner)
                .execution_options(synchronize_session=False)
            )
