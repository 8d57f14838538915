"""What happens at the ISPs: people are billed and pay, records move, answers are late or broken."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Self

from tests.soak.wispros import Wispro
from wispro.sandbox.faults import IN_RECORDS, ON_BYTES, ON_PAGE, REPLACING, Rule
from wispro.sandbox.ledger import ARGENTINA
from wispro.sandbox.model import Client

PRICE = "2590.00"
#: An unreadable token stops an ISP until somebody mends it: not what this is about.
_FAULTS = sorted(
    (REPLACING | IN_RECORDS | ON_PAGE | ON_BYTES | {"timeout"}) - {"http_401", "body_401"}
)
#: Of a hundred ISPs so many answer each request late, and so many not at all for a while.
SLOW_SHARE, SLOW_SECONDS = 0.02, 3.0


class Traffic:
    """Does something every now and then, in a thread of its own; a context manager.

    Args:
        wispros: where.
        rng: draws what.
        per_second: how many events.
    """

    def __init__(self, wispros: Sequence[Wispro], rng: random.Random, *, per_second: float) -> None:
        self._wispros, self._rng = wispros, rng
        self._pause = 1 / per_second
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.done: Counter[str] = Counter()

    def __enter__(self) -> Self:
        for one in self._rng.sample(self._wispros, round(len(self._wispros) * SLOW_SHARE)):
            one.faults.add(Rule(fault="timeout", delay=SLOW_SECONDS))
            self.done["ISPs that are slow throughout"] += 1
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End every event and every fault."""
        self._over.set()
        self._thread.join()
        for one in self._wispros:
            one.faults.clear()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            self._happen(self._rng.choice(self._wispros))

    def _happen(self, at: Wispro) -> None:
        draw = self._rng.random()
        if draw < 0.2:
            name = self._rng.choice(_FAULTS)
            times = self._rng.choice([1, 1, 2, 4])
            at.faults.add(Rule(fault=name, times=times, delay=2.0, retry_after=1))
            self.done["faults"] += 1
        elif draw < 0.7:
            bill(at, self._rng.choice(at.state.clients), due_in=self._rng.choice([-1, 0, 1, 9]))
            self.done["bills"] += 1
        else:
            self._settle(at)

    def _settle(self, at: Wispro) -> None:
        state = at.state
        with state.lock:
            pending = list(state.by_state["pending"])
            if not pending:
                return
            invoice = state.invoices[self._rng.choice(pending)]
            if self._rng.random() < 0.15:
                state.set_state(invoice, "void")
                self.done["voids"] += 1
            elif invoice.balance > 1 and self._rng.random() < 0.2:
                state.pay(invoice, Decimal("0.50"))
                self.done["part payments"] += 1
            elif invoice.balance > 0:
                state.pay(invoice)
                self.done["payments"] += 1


def bill(at: Wispro, client: Client, *, due_in: int) -> None:
    """This function will issue an invoice to a client, due in so many days."""
    due = at.state.clock().astimezone(ARGENTINA).date() + timedelta(days=due_in)
    at.state.bill(
        at.state.contracts[client.contracts[0]],
        amount=PRICE,
        payment_links=[],
        first_due_date=f"{due}",
        second_due_date=f"{due + timedelta(days=10)}",
    )
