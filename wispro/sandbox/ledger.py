"""What the stand-in holds and how it is found again; `state.py` has what can be done with it."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from wispro.sandbox.model import (
    CONTRACT_STATES,
    INVOICE_STATES,
    Client,
    Contract,
    Invoice,
    Isp,
    Payment,
    Period,
    Plan,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

R = TypeVar("R")

ARGENTINA = timezone(timedelta(hours=-3))


def argentine_now() -> datetime:
    """Return the present instant as an Argentine clock shows it."""
    return datetime.now(ARGENTINA)


@dataclass(slots=True)
class Switches:
    """How the server behaves where Wispro is known to behave in more than one way.

    Args:
        real_http_codes: errors are not sent as HTTP 200.
        default_per_page: records of a page where nothing is asked.
        max_per_page: records of a page at most.
        ignored_filters: names of filters that do nothing, of one list ("/contracts?state_eq") or of
            all ("state_eq").
        newest_first: lists begin with what came last.
    """

    real_http_codes: bool = False
    default_per_page: int = 20
    max_per_page: int = 100
    ignored_filters: list[str] = field(default_factory=list)
    newest_first: bool = False


class NotThereError(LookupError):
    """There is no such record in the stand-in."""


class Ledger:
    """One made-up ISP account, in memory.

    Args:
        token: the only token that the API accepts.
        clock: the present instant, for what is created and paid from now on.
    """

    def __init__(self, token: str, clock: Callable[[], datetime] = argentine_now) -> None:
        self.token = token
        self.clock = clock
        self.lock = threading.RLock()
        self.isp = Isp()
        self.switches = Switches()
        self.served: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Forget every record and count; keep token, clock and switches."""
        with self.lock:
            self.clients: list[Client] = []
            self.contracts: list[Contract] = []
            self.invoices: list[Invoice] = []
            self.payments: list[Payment] = []
            self.plans: list[Plan] = []
            self.issues: list[dict[str, Any]] = []
            self.live: list[int] = []
            self.by_state: dict[str, list[int]] = {state: [] for state in INVOICE_STATES}
            self.contracts_by_state: dict[str, list[int]] = {s: [] for s in CONTRACT_STATES}
            self.contracts_by_creation: list[tuple[datetime, int]] = []
            self.payments_by_creation: list[tuple[datetime, int]] = []
            self.by_key: dict[tuple[str, str], list[int]] = {}
            self.served.clear()

    def stamp(self) -> str:
        """Return now as Wispro writes instants: milliseconds and offset."""
        return self.clock().astimezone(ARGENTINA).isoformat(timespec="milliseconds")

    # -- creating ---------------------------------------------------------------------------

    def add_plan(self, name: str, price: Decimal) -> Plan:
        """Add a plan, or return the one of that name."""
        with self.lock:
            for plan in self.plans:
                if plan.name == name:
                    return plan
            plan = Plan(place=len(self.plans), name=name, price=price)
            self.plans.append(plan)
            return plan

    def add_client(self, *, contracts: int = 1, plan: Plan | None = None, **given: Any) -> Client:
        """Add a client with that many contracts; `given` are fields of `Client`."""
        with self.lock:
            place = len(self.clients)
            plan = plan or self.add_plan("PLAN 6 MEGAS", Decimal(2590))
            client = Client(
                **{
                    "place": place,
                    "public_id": 1001 + place,
                    "name": f"Cliente {place}",
                    "created_at": self.stamp(),
                    **given,
                }
            )
            self.clients.append(client)
            self.index(client)
            for _ in range(contracts):
                self.add_contract(client, plan)
            return client

    def add_contract(self, client: Client, plan: Plan, state: str = "enabled") -> Contract:
        """Add a contract to a client."""
        with self.lock:
            place = len(self.contracts)
            contract = Contract(
                place=place,
                public_id=5001 + place,
                client=client.place,
                plan=plan.place,
                created_at=client.created_at,
                state=state,
            )
            self.contracts.append(contract)
            self.contracts_by_state.setdefault(state, []).append(place)
            insort(self.contracts_by_creation, (datetime.fromisoformat(client.created_at), place))
            client.contracts.append(place)
            return contract

    def add_invoice(
        self,
        contract: Contract,
        period: Period,
        *,
        amount: Decimal,
        number: int | str | None = None,
        state: str = "pending",
        balance: Decimal | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Invoice:
        """Add an invoice at the end of the list, where Wispro keeps its newest."""
        with self.lock:
            place = len(self.invoices)
            if balance is None:
                balance = Decimal(0) if state in {"paid", "void"} else amount
            invoice = Invoice(place, contract.place, period, number, state, amount, balance, extra)
            self.invoices.append(invoice)
            self.live.append(place)  # places only grow: the lists stay sorted
            self.by_state.setdefault(state, []).append(place)
            contract.invoices.append(place)
            return invoice

    def add_payment(self, payment: Payment) -> None:
        """Add a payment at the end of the list."""
        with self.lock:
            self.payments.append(payment)
            moment = datetime.fromisoformat(payment.paid_at)
            insort(self.payments_by_creation, (moment, payment.place))

    # -- finding one ------------------------------------------------------------------------

    def client(self, uuid: str) -> Client:
        """Return the client of a UUID. Raises `NotThereError`."""
        return _at(self.clients, place_of("client", uuid))

    def contract(self, uuid: str) -> Contract:
        """Return the contract of a UUID. Raises `NotThereError`."""
        return _at(self.contracts, place_of("contract", uuid))

    def payment(self, uuid: str) -> Payment:
        """Return the payment of a UUID. Raises `NotThereError`."""
        return _at(self.payments, place_of("payment", uuid))

    def invoice(self, uuid: str) -> Invoice:
        """Return the invoice of a UUID, unless it was removed. Raises `NotThereError`."""
        invoice = _at(self.invoices, place_of("invoice", uuid))
        if not holds(self.live, invoice.place):
            raise NotThereError
        return invoice

    def holder(self, invoice: Invoice) -> Client:
        """Return the client whose contract an invoice is for."""
        return self.clients[self.contracts[invoice.contract].client]

    def invoice_wire(self, invoice: Invoice) -> dict[str, Any]:
        """Write an invoice as Wispro does."""
        return invoice.wire(self.holder(invoice), self.isp)

    def index(self, client: Client, *, forget: bool = False) -> None:
        """Make a client findable by its fields, or no longer."""
        for key in (
            ("public_id", str(client.public_id)),
            ("custom_id", client.custom_id or ""),
            ("national_identification_number", client.national_id or ""),
            ("taxpayer_identification_number", client.taxpayer_id or ""),
            ("email", client.email or ""),
        ):
            places = self.by_key.setdefault(key, [])
            if forget:
                take_out(places, client.place)
            else:
                insort(places, client.place)


def _at(records: list[R], place: int | None) -> R:
    if place is None or place >= len(records):
        raise NotThereError
    return records[place]


def holds(places: Sequence[int], place: int) -> bool:
    """Whether a sorted list holds a place."""
    found = bisect_left(places, place)
    return found < len(places) and places[found] == place


def take_out(places: list[int], place: int) -> None:
    """Take a place out of a sorted list, if it is there."""
    found = bisect_left(places, place)
    if found < len(places) and places[found] == place:
        del places[found]
