"""What was true in Wispro, and when: every state that each invoice, contract and client really had.

Whatever our program says may be late, but it must have been true at some moment since we last knew.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from wispro.sandbox.ledger import holds
from wispro.sandbox.model import Client, Invoice
from wispro.sandbox.state import State

T = TypeVar("T")


class Fact(NamedTuple):
    """All that matters of one invoice; `contract` and `printed` as its record shows them."""

    there: bool
    state: str
    amount: Decimal
    balance: Decimal
    number: str | None
    first: str | None
    second: str | None
    contract: str | None
    holder: str
    printed: str | None

    @property
    def pending(self) -> bool:
        """Whether it can be owed."""
        return self.there and self.state == "pending"

    @property
    def terms(self) -> tuple[str | None, Decimal]:
        """The date and the amount, which a note about a change tells."""
        return self.first, self.amount


class Timeline(Generic[T]):
    """A value that changes now and then."""

    def __init__(self) -> None:
        self._moments: list[tuple[datetime, T]] = []

    def note(self, at: datetime, value: T) -> None:
        """Remember the value from that instant on."""
        if not self._moments or self._moments[-1][1] != value:
            self._moments.append((at, value))

    @property
    def now(self) -> T:
        """The present value."""
        return self._moments[-1][1]

    def known_at(self, at: datetime) -> bool:
        """Whether there was a value by then."""
        return bool(self._moments) and self._moments[0][0] <= at

    def during(self, since: datetime, until: datetime) -> list[T]:
        """Return every value that it had at some moment of a span of time, ends included."""
        found = []
        for place, (at, value) in enumerate(self._moments):
            ends = self._moments[place + 1][0] if place + 1 < len(self._moments) else until
            if at <= until and ends >= since:
                found.append(value)
        return found


class Journal:
    """Notes the truth whenever it may have changed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.invoices: dict[str, Timeline[Fact]] = defaultdict(Timeline)
        self.contracts: dict[str, Timeline[tuple[str, str]]] = defaultdict(Timeline)
        self.printed: Timeline[dict[str, str | None]] = Timeline()

    def note(self, at: datetime) -> None:
        """Write down what is true now."""
        state = self._state
        self.printed.note(at, {client.id: client.national_id for client in state.clients})
        for contract in state.contracts:
            client = state.clients[contract.client]
            self.contracts[contract.id].note(at, (client.id, contract.state))
        for invoice in state.invoices:
            self.invoices[invoice.id].note(at, self._fact(invoice))

    def _fact(self, invoice: Invoice) -> Fact:
        state, extra = self._state, invoice.extra or {}
        contract = state.contracts[invoice.contract]
        client = state.clients[contract.client]
        return Fact(
            there=holds(state.live, invoice.place),
            state=invoice.state,
            amount=invoice.amount,
            balance=invoice.balance,
            number=None if invoice.number is None else str(invoice.number),
            first=extra.get("first_due_date", invoice.period.first_due_date),
            second=extra.get("second_due_date", invoice.period.second_due_date),
            contract=extra.get("contract_id", contract.id),
            holder=client.id,
            printed=extra.get("client_national_identification_number", client.national_id),
        )

    def invoice(self, invoice_id: str, since: datetime, until: datetime) -> list[Fact]:
        """Return what was true of an invoice at some moment of a span of time."""
        return self.invoices[invoice_id].during(since, until)

    def held(self, invoice_id: str, client_id: str, since: datetime, until: datetime) -> bool:
        """Whether an invoice was a client's at some moment of a span of time."""
        facts = self.invoices[invoice_id].during(since, until)
        for fact in facts:
            if fact.contract is not None:
                holders = self.contracts[fact.contract].during(since, until)
                if any(client == client_id for client, _ in holders):
                    return True
            elif any(
                sole_holder(ids, fact.printed) == client_id
                for ids in self.printed.during(since, until)
            ):
                return True
        return False

    def owner(self, fact: Fact) -> str | None:
        """Return the client that owns an invoice now, as far as anything proves it."""
        if fact.contract is not None:
            return self.contracts[fact.contract].now[0]
        return sole_holder(self.printed.now, fact.printed)


def sole_holder(ids: dict[str, str | None], printed: str | None) -> str | None:
    """Return the only client that has this national id."""
    holders = [client_id for client_id, national_id in ids.items() if national_id == printed]
    return holders[0] if printed and len(holders) == 1 else None


def name_of(client: Client) -> str:
    """Return how a destination of a client begins."""
    return client.name.lower()
