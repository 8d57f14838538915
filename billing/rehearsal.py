"""What will become of one account if nothing changes: its rows, played forward with the real code.

The account is copied into a database in memory, and there the planner, the gate and the sender do
what they do every day, at each instant at which there is something to do. Wispro answers with our
copy, the messenger delivers everything to nobody, and nothing of it is ever written or opened: so
what is foretold and what will be done come from the same functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session, joinedload
from structlog.contextvars import bound_contextvars

from billing import keys
from billing.checked import Checked
from billing.delivery.budgets import NOWHERE, Elsewhere, Month, budgets, spent
from billing.delivery.delivering import Delivering
from billing.explained import Judged
from billing.facts import facts_of
from billing.nobody import Blank, Nobody
from billing.opening import open_dossier
from billing.owing import lay_steps, owe
from billing.planning import Planning
from billing.policy import Occurrence
from billing.ports import MessengerPort, VaultPort, WisproPort
from billing.terms import rules_of
from billing.values import Balance, DeliveryState, InvoiceFacts, Reason
from models.account import Account, Channel, Contract
from models.alert import Alert, Attempt, Budget, Delivery
from models.database import Database
from models.hold import Hold
from models.invoice import Invoice
from models.isp import Isp, Transport
from models.tables import Base

#: A hold lasts at most a year; after it and a policy's longest series nothing is left to foretell.
HORIZON = timedelta(days=500)
#: Instants at which something is done: a dozen steps for each of many open invoices, and waits.
MOST_ROUNDS = 2000
#: What ends by somebody's hand, and never by time alone.
_UNTIL_SOMEBODY_ACTS = frozenset(
    {Reason.BREAKER, Reason.ISP_DISABLED, Reason.STALE_DATA, Reason.NO_TRANSPORT}
)
_A_SECOND = timedelta(seconds=1)


class Rehearsal:
    """The forward play of one account; a context manager.

    Args:
        session: the account's rows are read from it, once.
        account_id: whose.
        now: when the play begins.
    """

    def __init__(self, session: Session, account_id: int, *, now: datetime) -> None:
        self._now = now
        self._horizon = now + HORIZON
        self._account_id = account_id
        self.database = Database("sqlite://")
        Base.metadata.create_all(self.database.engine)
        with self.database.write() as copy:
            for table, wanted in _rows_of(session, account_id):
                rows = session.execute(select(table.__table__).where(wanted)).mappings().all()
                if rows:
                    ordered = sorted(rows, key=lambda row: row.get("id") or 0)
                    copy.execute(insert(table.__table__), [dict(row) for row in ordered])
            others = update(Invoice).where(Invoice.account_id != account_id).values(plan_at=None)
            copy.execute(others)
            account = copy.get_one(Account, account_id)
            self._isp_id, self._client_id = account.isp_id, account.client_id
            self._enabled, self._debt_sign = account.isp.enabled, account.isp.debt_sign
            elsewhere = _spent_on_others(session, copy, account.isp, now=now)
        self.judged: dict[int, list[Judged]] = defaultdict(list)
        self.stuck: dict[int, Reason] = {}
        self._planning = Planning(self.database)
        self._delivering = Delivering(
            self.database,
            cast("VaultPort", Blank()),
            lambda _access: cast("WisproPort", self),
            cast("MessengerPort", Nobody()),
            max_pdf_bytes=0,
            elsewhere=elsewhere,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.database.close()

    def play(self, *, asked_at: datetime) -> None:
        """This function will do what the daemon does, until nothing is left to be done.

        Args:
            asked_at: at this instant everything that waits is judged, whether it is due or not.
        """
        at: datetime | None = self._now
        asked_at = max(asked_at, self._now)
        rounds = 0
        while at is not None and at <= self._horizon and rounds < MOST_ROUNDS:
            rounds += 1
            with bound_contextvars(rehearsal=True):
                self._round(at, all_of_them=at == asked_at)
            following = self._next(at)
            if at < asked_at and (following is None or following > asked_at):
                following = asked_at
            at = following

    def suppose(self, invoice_id: int, item: Occurrence) -> None:
        """This function will judge a step that nobody will plan as if it had been planned.

        To be asked after the play: its alert and its deliveries are among the others from then on.
        """
        at = max(item.at, self._now)
        with self.database.write() as session:
            invoice = session.get_one(Invoice, invoice_id)
            rules = rules_of(invoice.account.isp)
            key = keys.of_step(invoice.wispro_id, item)
            owe(session, invoice, key, rules, due_at=item.at, now=at, useful_until=item.until)
            rows = session.scalars(
                select(Delivery)
                .join(Alert)
                .where(
                    Alert.subject == key.subject,
                    Alert.kind == key.kind.value,
                    Alert.step == key.step,
                    Alert.anchor_date == key.anchor_date,
                    Delivery.state == DeliveryState.PLANNED.value,
                )
            ).all()
            for row in rows:
                self.judged[row.id].append(self._judge(session, row.id, row.not_before))

    def alerts(self) -> Sequence[Alert]:
        """This function will return every alert as it stands at the end, the oldest first."""
        with self.database.read() as session:
            query = select(Alert).options(joinedload(Alert.invoice)).order_by(Alert.due_at)
            return session.scalars(query.order_by(Alert.id)).all()

    def deliveries(self) -> Sequence[Delivery]:
        """This function will return every delivery as it stands at the end, with its channel."""
        with self.database.read() as session:
            query = select(Delivery).options(
                joinedload(Delivery.channel), joinedload(Delivery.alert)
            )
            return session.scalars(query.order_by(Delivery.id)).all()

    def steps(self, invoice_id: int) -> tuple[Occurrence, ...]:
        """This function will lay the policy on an invoice as it will be."""
        with self.database.read() as session:
            row = session.get_one(Invoice, invoice_id)
            rules = rules_of(row.account.isp).of_account(row.account)
            return lay_steps(session, row, facts_of(row), rules)

    # -- one instant --------------------------------------------------------------------------

    def _round(self, at: datetime, *, all_of_them: bool) -> None:
        self._at = at
        self._delivering.sweep(now=at)
        if self._enabled:
            self._planning.tick(now=at)
        due: set[int] = set()
        with self.database.read() as session:
            for row in session.scalars(
                select(Delivery).where(Delivery.state == DeliveryState.PLANNED.value)
            ).all():
                if row.not_before <= at:
                    due.add(row.id)
                if (row.not_before <= at or all_of_them) and row.id not in self.stuck:
                    self.judged[row.id].append(self._judge(session, row.id, at))
        while self._delivering.run_batch(self._isp_id, clock=lambda: at).touched:
            self._set_stuck_aside(due)
        self._judge_again(due, at)

    def _judge_again(self, due: set[int], at: datetime) -> None:
        """Ask anew why something did not go that nothing spoke against: what went before it."""
        with self.database.read() as session:
            for delivery_id in session.scalars(
                select(Delivery.id).where(
                    Delivery.id.in_(due), Delivery.state != DeliveryState.SENT.value
                )
            ).all():
                if self.judged[delivery_id][-1].verdict is None:
                    self.judged[delivery_id].append(self._judge(session, delivery_id, at))

    def _judge(self, session: Session, delivery_id: int, at: datetime) -> Judged:
        dossier = open_dossier(session, delivery_id)
        ids = session.scalars(select(Invoice.wispro_id)).all()
        checked = Checked(
            invoices=dict.fromkeys(ids, at),
            balances={self._client_id: (at, _owed(session, self._account_id))},
        )
        return Judged(at, dossier.findings(checked, now=at))

    def _set_stuck_aside(self, due: set[int]) -> None:
        """Let what waits for somebody's hand wait for good."""
        with self.database.write() as session:
            for row in session.scalars(
                select(Delivery).where(
                    Delivery.id.in_(due),
                    Delivery.state == DeliveryState.PLANNED.value,
                    Delivery.reason.in_([one.value for one in _UNTIL_SOMEBODY_ACTS]),
                )
            ):
                self.stuck[row.id] = Reason(row.reason or "")
                row.not_before = self._horizon + _A_SECOND

    def _next(self, at: datetime) -> datetime | None:
        with self.database.read() as session:
            found = [
                session.scalar(
                    select(func.min(Delivery.not_before)).where(
                        Delivery.state == DeliveryState.PLANNED.value
                    )
                ),
                session.scalar(
                    select(func.min(Delivery.lease_until)).where(
                        Delivery.state == DeliveryState.SENDING.value
                    )
                ),
            ]
            if self._enabled:
                found.append(session.scalar(select(func.min(Invoice.plan_at))))
        soonest = min((one for one in found if one is not None), default=None)
        return None if soonest is None else max(soonest, at + _A_SECOND)

    # -- Wispro, as we know it ----------------------------------------------------------------

    def invoice(self, invoice_id: str) -> InvoiceFacts:
        """Answer with our copy."""
        with self.database.read() as session:
            return facts_of(
                session.scalars(select(Invoice).where(Invoice.wispro_id == invoice_id)).one()
            )

    def balance(self, client_id: str) -> Balance:
        """Answer with what our copies add up to."""
        del client_id
        with self.database.read() as session:
            owed = _owed(session, self._account_id)
        return Balance(balance_amount=-owed if self._debt_sign == "negative" else owed)


def _spent_on_others(session: Session, copy: Session, isp: Isp, *, now: datetime) -> Elsewhere:
    """Return what the ISP's budget paid this month for everybody else."""
    if not budgets(session, [isp.id]):
        return NOWHERE
    month = Month.of(rules_of(isp).calendar, now)
    return {(isp.id, month.begins): spent(session, isp.id, month) - spent(copy, isp.id, month)}


def _owed(session: Session, account_id: int) -> Decimal:
    """Return what the open invoices of the account add up to."""
    rows = session.scalars(
        select(Invoice).where(Invoice.account_id == account_id, Invoice.vanished_at.is_(None))
    ).all()
    return sum((facts_of(row).payable for row in rows), Decimal(0))


def _rows_of(session: Session, account_id: int) -> list[tuple[type[Any], ColumnElement[bool]]]:
    """Name the rows that one account's alerts hang on, in the order in which they can be laid."""
    account = session.get_one(Account, account_id)
    # Read first, and not asked inside: PostgreSQL would look through every row for such an "or".
    about = select(Alert.invoice_id).where(
        Alert.account_id == account_id, Alert.invoice_id.is_not(None)
    )
    own = select(Invoice.id).where(Invoice.account_id == account_id)
    invoices = Invoice.id.in_({*session.scalars(about), *session.scalars(own)})
    found = session.execute(select(Invoice.account_id, Invoice.contract_id).where(invoices)).all()
    holders = {account_id, *(row.account_id for row in found)}
    contracts = {row.contract_id for row in found if row.contract_id is not None}
    mine = select(Delivery.id).where(Delivery.account_id == account_id)
    return [
        (Isp, Isp.id == account.isp_id),
        (Budget, Budget.isp_id == account.isp_id),
        (Transport, Transport.isp_id == account.isp_id),
        (Account, Account.id.in_(holders)),
        (Channel, Channel.account_id == account_id),
        (
            Contract,
            (Contract.isp_id == account.isp_id) & Contract.contract_id.in_(contracts),
        ),
        (Invoice, invoices),
        (Hold, Hold.account_id == account_id),
        (Alert, Alert.account_id == account_id),
        (Delivery, Delivery.account_id == account_id),
        (Attempt, Attempt.delivery_id.in_(mine)),
    ]
