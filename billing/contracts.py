"""The contract map, and the warning before a contract is cut off.

A contract that becomes `alerted` (wispro-api.md, section 4: the payment notice is being shown) owes
its customer one warning; one that ceases to be so takes back what still waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing import keys
from billing.identity import storable
from billing.owing import DEMANDS, Rules, Tally, end_planned, owe
from billing.policy import Anchor
from billing.values import AlertKind, ContractFacts, ContractState, InvoiceState, Reason
from models.account import Account, Contract
from models.database import insert_for
from models.invoice import Invoice


def keep_contracts(
    session: Session, account: Account, contracts: Iterable[ContractFacts], *, now: datetime
) -> tuple[list[str], list[str]]:
    """This function will keep the contract map.

    Returns:
        The contracts that became `alerted`, and those that ceased to be so.
    """
    known = {
        row.contract_id: row
        for row in session.scalars(
            select(Contract).where(
                Contract.isp_id == account.isp_id, Contract.client_id == account.client_id
            )
        )
    }
    warned: list[str] = []
    calmed: list[str] = []
    for facts in contracts:
        row = known.get(facts.contract_id)
        if row is None:
            session.execute(
                insert_for(session, Contract)
                .values(
                    isp_id=account.isp_id,
                    contract_id=facts.contract_id,
                    client_id=account.client_id,
                    public_id=storable(facts.public_id),
                    state=facts.state.value,
                    seen_at=now,
                )
                .on_conflict_do_update(
                    index_elements=["isp_id", "contract_id"],
                    set_={
                        "client_id": account.client_id,
                        "state": facts.state.value,
                        "fingerprint": None,
                    },
                )
            )
        elif row.state != facts.state.value:
            if facts.state is ContractState.ALERTED:
                warned.append(facts.contract_id)
            elif row.state == ContractState.ALERTED.value:
                calmed.append(facts.contract_id)
            row.state = facts.state.value
            row.seen_at = now
    return warned, calmed


def new_contracts(
    session: Session, account: Account, contracts: Iterable[ContractFacts], *, now: datetime
) -> list[ContractFacts]:
    """This function will keep the contracts that are new; return those in another state."""
    contracts = list(contracts)
    states = {
        row.contract_id: row.state
        for row in session.scalars(
            select(Contract).where(
                Contract.isp_id == account.isp_id, Contract.client_id == account.client_id
            )
        )
    }
    keep_contracts(
        session, account, [one for one in contracts if one.contract_id not in states], now=now
    )
    return [
        one
        for one in contracts
        if one.contract_id in states and states[one.contract_id] != one.state.value
    ]


def end_warnings(
    session: Session, account: Account, contracts: list[str], *, now: datetime
) -> None:
    """This function will end the warnings that still wait for contracts that calmed down."""
    if not contracts:
        return
    _note_alert(session, account, contracts, None)
    for invoice_id in session.scalars(
        select(Invoice.id).where(
            Invoice.account_id == account.id, Invoice.contract_id.in_(contracts)
        )
    ).all():
        warning = [AlertKind.CUTOFF_WARNING.value]
        end_planned(session, invoice_id, warning, Reason.SUPERSEDED, now=now)


def warn_of_cutoff(
    session: Session,
    account: Account,
    contracts: list[str],
    rules: Rules,
    *,
    now: datetime,
) -> Tally:
    """This function will owe one warning for each contract that became `alerted`.

    It is about the oldest open invoice of the contract; without one there is nothing to pay.
    """
    tally = Tally()
    if not contracts:
        return tally
    _note_alert(session, account, contracts, rules.calendar.today(now))
    if rules.policy.counts_from(Anchor.CUTOFF):
        session.execute(
            update(Invoice)
            .where(Invoice.account_id == account.id, Invoice.contract_id.in_(contracts))
            .values(plan_at=now)
        )
    for contract_id in contracts:
        row = session.scalars(
            select(Invoice)
            .where(
                Invoice.account_id == account.id,
                Invoice.contract_id == contract_id,
                Invoice.state == InvoiceState.PENDING.value,
                Invoice.vanished_at.is_(None),
            )
            .order_by(Invoice.first_due_date, Invoice.id)
            .limit(1)
        ).first()
        if row is not None:
            key = keys.of_cutoff(row.wispro_id, rules.calendar.today(now))
            end_planned(session, row.id, DEMANDS, Reason.SUPERSEDED, now=now, but=key)
            tally += owe(session, row, key, rules, due_at=now, now=now)
    return tally


def _note_alert(session: Session, account: Account, contracts: list[str], day: date | None) -> None:
    """Keep the day on which some contracts became `alerted`, from which steps may be counted."""
    session.execute(
        update(Contract)
        .where(Contract.isp_id == account.isp_id, Contract.contract_id.in_(contracts))
        .values(alerted_on=day)
    )


def move_contract(
    session: Session,
    account: Account,
    contract_id: str,
    state: ContractState,
    rules: Rules,
    *,
    now: datetime,
) -> Tally:
    """This function will keep the new state of one contract, and owe or end its warning."""
    row = session.get(Contract, (account.isp_id, contract_id))
    if row is None or row.client_id != account.client_id or row.state == state.value:
        return Tally()
    calmed = row.state == ContractState.ALERTED.value
    row.state = state.value
    if calmed:
        end_warnings(session, account, [contract_id], now=now)
    if state is ContractState.ALERTED and account.baseline_at is not None:
        return warn_of_cutoff(session, account, [contract_id], rules, now=now)
    return Tally()
