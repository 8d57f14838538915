"""Which way to look at an ISP costs the fewest requests: pure, by counting.

    accounts   two requests for each paired account
    sweep      the pending invoices, the newest of all invoices, the payments since, the newest and
               the alerted contracts; and, spread over the days, a slow read of everything
    full       every invoice and every contract, where Wispro cannot filter by state

All of them are faithful; they differ in what they cost and in how soon they see a change that is
neither new nor about something open (wispro-api.md, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from billing.values import Habits


class Strategy(StrEnum):
    """How a run looks at an ISP."""

    ACCOUNTS = "accounts"
    SWEEP = "sweep"
    FULL = "full"


#: By account: the contracts and the invoices of one client; a tenth of them asks for more.
_PER_ACCOUNT = 2.1
#: The page of new invoices, the payments, the page of new contracts, the alerted contracts.
_SWEEP_OVERHEAD = 4
#: What leaves the list of open invoices without a payment, and is asked for one by one.
_UNEXPLAINED = 0.002
#: Below this many accounts no other plan can win, and nothing need be found out about Wispro.
FEW = 3
#: A plan that was chosen stays until another is this much cheaper: no flapping.
_STICKY = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the choice hangs on.

    Args:
        paired: accounts to look at.
        habits: of this Wispro; None where nobody asked yet.
        every: between two looks.
        full_every: within which everything is read once.
        present: the strategy of the last run.
    """

    paired: int
    habits: Habits | None
    every: timedelta
    full_every: timedelta
    present: Strategy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A strategy, the requests that one cycle of it costs, and why in one line for people."""

    strategy: Strategy
    requests: int
    why: str


def choose(facts: Facts) -> Plan:
    """This function will choose the cheapest faithful plan."""
    by_account = round(facts.paired * _PER_ACCOUNT)
    if facts.paired <= FEW or facts.habits is None:
        return Plan(
            strategy=Strategy.ACCOUNTS,
            requests=by_account,
            why=f"{facts.paired} accounts, two requests each",
        )
    habits = facts.habits
    costs = {
        Strategy.FULL: float(_pages(habits.invoices, habits) + _pages(habits.contracts, habits))
    }
    notes = [f"full {costs[Strategy.FULL]:.0f}"]
    if habits.national_id_filter is not False:
        costs[Strategy.ACCOUNTS] = by_account
        notes.insert(0, f"by account {by_account}")
    else:
        notes.insert(0, "by account impossible (its filter is ignored)")
    if habits.invoice_state_filter is False:
        notes.insert(1, "sweep impossible (state_eq is ignored)")
    else:
        costs[Strategy.SWEEP] = _sweep(habits, facts)
        notes.insert(1, f"sweep {costs[Strategy.SWEEP]:.0f}")
    best = min(costs, key=lambda one: costs[one])
    present = facts.present
    if present in costs and costs[best] > costs[present] * _STICKY:
        best = present
    return Plan(
        strategy=best, requests=round(costs[best]), why="requests a cycle: " + ", ".join(notes)
    )


def _pages(records: int, habits: Habits) -> int:
    return max(-(-records // habits.page_size), 1)


def _sweep(habits: Habits, facts: Facts) -> float:
    slow = sum(
        _pages(records, habits) for records in (habits.invoices, habits.contracts, habits.clients)
    )
    cycles = max(facts.full_every / facts.every, 1.0)
    return (
        _pages(habits.pending, habits)
        + _SWEEP_OVERHEAD
        + habits.pending * _UNEXPLAINED
        + slow / cycles
    )
