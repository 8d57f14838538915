"""What happens to many customers at once, evenly spread over them: for measuring and trying out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wispro.sandbox.state import State


def happen(state: State, given: Mapping[str, int]) -> dict[str, list[str]]:
    """Do what is asked, in the order open, pay, void, bill; return the ids of the invoices.

    Args:
        state: is changed.
        given: how many shall be left open, be paid, be voided, be issued.

    Raises:
        ValueError: for any other name.
    """
    doing = {"open": leave_open, "pay": pay_some, "void": void_some, "bill": bill_some}
    if not set(given) <= set(doing):
        raise ValueError(f"a crowd does: {', '.join(doing)}")
    with state.lock:
        return {name: do(state, int(given[name])) for name, do in doing.items() if name in given}


def leave_open(state: State, count: int) -> list[str]:
    """Have all but this many pending invoices paid long ago, without a record of a payment."""
    with state.lock:
        pending = state.by_state["pending"]
        left = _spread(pending, count)
        settled = sorted(set(pending) - set(left))
        for place in settled:
            state.invoices[place].state = "paid"
            state.invoices[place].balance = Decimal(0)
        state.by_state["pending"] = left
        state.by_state["paid"] = sorted(state.by_state["paid"] + settled)
        return [state.invoices[place].id for place in left]


def pay_some(state: State, count: int) -> list[str]:
    """Have this many pending invoices paid in full, now."""
    places = _spread(state.by_state["pending"], count)
    for place in places:
        state.pay(state.invoices[place])
    return [state.invoices[place].id for place in places]


def void_some(state: State, count: int) -> list[str]:
    """Void this many pending invoices."""
    places = _spread(state.by_state["pending"], count)
    for place in places:
        state.set_state(state.invoices[place], "void")
    return [state.invoices[place].id for place in places]


def bill_some(state: State, count: int) -> list[str]:
    """Issue an invoice to this many contracts, now."""
    places = _spread(range(len(state.contracts)), count)
    return [state.bill(state.contracts[place]).id for place in places]


def _spread(places: Sequence[int], count: int) -> list[int]:
    if count >= len(places):
        return list(places)
    return [places[number * len(places) // count] for number in range(count)]
