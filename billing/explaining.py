"""Explain what a complete list lacks: absence alone proves nothing.

Most open invoices that left the list of pending ones were paid, and the payments since the last
look say so, a hundred on a page. The others are asked for one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.anomaly import Thresholds
from billing.desk import Desk
from billing.facts import facts_of, unstorable
from billing.ports import UpstreamError
from billing.proposals import Found, ProposalKind, propose
from billing.seen import Seen
from billing.sweeping import keep_set_aside
from billing.values import InvoiceState, PaymentFacts, SetAside, UpstreamReason
from models.account import Account
from models.bulk import ids_at_once
from models.invoice import Invoice

#: The clocks of two machines; a payment that is read twice proves nothing more.
_SKEW = timedelta(minutes=15)
_BATCH = 500
#: So many single requests in a row without an answer: it is Wispro, not the invoice.
_FAILURES = 3


class TooManyMissingError(Exception):
    """So many open invoices are unexplained that the list itself is not believed."""

    def __init__(self, unexplained: int) -> None:
        super().__init__(unexplained)
        self.unexplained = unexplained


def missing(
    desk: Desk, seen: Seen, states: Sequence[InvoiceState], *, before: datetime
) -> list[int]:
    """This function will list our rows in some states that a read did not meet.

    Rows that were told to us after `before` are younger than the read.
    """
    found: list[int] = []
    last = 0
    while True:
        with desk.database.read() as session:
            ids = ids_at_once(
                session,
                select(Invoice.id)
                .where(
                    Invoice.isp_id == desk.isp_id,
                    Invoice.state.in_([state.value for state in states]),
                    Invoice.vanished_at.is_(None),
                    Invoice.confirmed_at < before,
                    Invoice.id > last,
                )
                .order_by(Invoice.id)
                .limit(_BATCH * 10),
            )
        if not ids:
            break
        found += seen.lacks(ids)
        last = max(ids)
    return [row_id for batch in _batches(found) for row_id in _of_paired(desk, batch)]


def _of_paired(desk: Desk, row_ids: Sequence[int]) -> Sequence[int]:
    """Return those rows, in their order, whose customer is paired."""
    with desk.database.read() as session:
        return session.scalars(
            select(Invoice.id)
            .join(Account, Account.id == Invoice.account_id)
            .where(
                Invoice.id.in_(row_ids),
                Account.paired_at.is_not(None),
                Account.unpaired_at.is_(None),
            )
            .order_by(Invoice.id)
        ).all()


def explain_by_payments(
    desk: Desk, row_ids: Sequence[int], *, since: datetime | None, most_pages: int
) -> list[int]:
    """This function will propose as paid what new payments prove to be.

    Proof is strict: payments that stand, made by this very client, add up to exactly the whole
    amount of an invoice that had received nothing before. Whatever else is asked for.

    Args:
        desk: of the run.
        row_ids: open invoices that the list lacks.
        since: when the last complete look began; None = there was none.
        most_pages: give up where the payments fill more pages than single requests would cost.

    Returns:
        The rows that remain to be explained.
    """
    if not row_ids or since is None:
        return list(row_ids)
    asked_at = desk.clock()
    payments = desk.wispro.payments_since(since - _SKEW, most_pages=most_pages)
    if not payments:
        return list(row_ids)
    paid = _paid(payments)
    left: list[int] = []
    for batch in _batches(row_ids):
        with desk.database.read() as session:
            rows = _rows(session, batch)
        found = []
        for row, client_id in rows:
            by, amount = paid.get(row.wispro_id, (frozenset(), Decimal(0)))
            untouched = row.balance is None or row.balance == row.amount
            if by == {client_id} and row.number and untouched and amount == row.amount:
                facts = replace(
                    facts_of(row),
                    state=InvoiceState.PAID,
                    raw_state=InvoiceState.PAID.value,
                    balance=None if row.balance is None else Decimal(0),
                )
                found.append(
                    Found(
                        kind=ProposalKind.INVOICE,
                        account_id=row.account_id,
                        subject=row.wispro_id,
                        asked_at=asked_at,
                        invoice=facts,
                    )
                )
            else:
                left.append(row.id)
        _propose(desk, found)
    return left


def explain_one_by_one(desk: Desk, row_ids: Sequence[int]) -> list[int]:
    """This function will ask for each invoice that is still unexplained.

    Returns:
        The rows that no answer was had for, or no time.

    Raises:
        UpstreamError: if Wispro does not answer several times in a row.
    """
    failures = 0
    left: list[int] = []
    asked = 0
    for batch in _batches(row_ids):
        with desk.database.read() as session:
            rows = _rows(session, batch)
        for row, _ in rows:
            if asked and desk.out_of_time:  # one at least: else a slow list leaves no time ever
                left.append(row.id)
                continue
            asked += 1
            desk.tell("asking for invoices one by one", asked, len(row_ids))
            if not desk.lease.renew_in_time(now=desk.clock()):
                desk.report.incomplete("lease_lost", "another worker took this sync over")
                return list(row_ids)
            try:
                _ask(desk, row)
                failures = 0
            except UpstreamError as error:
                failures += 1
                left.append(row.id)
                desk.report.incomplete(error.reason.value, str(error))
                if failures == _FAILURES:
                    raise
    return left


def check_share(unexplained: int, open_invoices: int, limits: Thresholds) -> None:
    """This function will refuse to ask for invoice after invoice where the list looks wrong.

    Raises:
        TooManyMissingError: if more are missing than may change in one run.
    """
    if unexplained >= limits.at_least and unexplained * 100 > limits.share * open_invoices:
        raise TooManyMissingError(unexplained)


def _ask(desk: Desk, row: Invoice) -> None:
    asked_at = desk.clock()
    try:
        facts = desk.wispro.invoice(row.wispro_id)
    except UpstreamError as error:
        if error.reason is not UpstreamReason.NOT_FOUND:
            raise
        found = Found(
            kind=ProposalKind.GONE,
            account_id=row.account_id,
            subject=row.wispro_id,
            asked_at=asked_at,
        )
        _propose(desk, [found])
        return
    if (why := unstorable(facts)) is not None:
        aside = SetAside(resource="invoice", record_id=row.wispro_id, why=why)
        with desk.database.write() as session:
            desk.must_hold(session)
            keep_set_aside(session, desk, [aside])
        return
    moved = facts.contract_id is not None and facts.contract_id != row.contract_id
    found = Found(
        kind=ProposalKind.INVOICE,
        account_id=row.account_id,
        subject=row.wispro_id,
        asked_at=asked_at,
        invoice=facts,
        confirm=facts.contract_id if moved else None,
    )
    _propose(desk, [found])


def _propose(desk: Desk, found: Iterable[Found]) -> None:
    found = list(found)
    if found:
        with desk.database.write() as session:
            desk.must_hold(session)
            desk.report.proposed += propose(session, desk.isp_id, desk.run_id, found)


def _paid(payments: Iterable[PaymentFacts]) -> dict[str, tuple[frozenset[str | None], Decimal]]:
    """Return, by invoice, who paid and how much, of payments that stand."""
    by: dict[str, set[str | None]] = defaultdict(set)
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for payment in payments:
        if not payment.success:
            continue
        for invoice_id, amount in payment.parts:
            by[invoice_id].add(payment.client_id)
            amounts[invoice_id] += amount
    return {invoice_id: (frozenset(by[invoice_id]), amounts[invoice_id]) for invoice_id in by}


def _batches(row_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(row_ids), _BATCH):
        yield row_ids[start : start + _BATCH]


def _rows(session: Session, row_ids: Sequence[int]) -> list[tuple[Invoice, str]]:
    rows = session.execute(
        select(Invoice, Account.client_id)
        .join(Account, Account.id == Invoice.account_id)
        .where(Invoice.id.in_(row_ids))
        .order_by(Invoice.id)
    )
    return [(row, client_id) for row, client_id in rows]
