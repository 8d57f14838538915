"""Whatever happens, in any order and rhythm, nothing wrong goes out and nothing is lost.

`HISTORIES=5000 pytest tests/integration/billing/test_histories.py` tries more, at random.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.letter import Fate
from models.database import Database
from tests.support.history import FAULTS, SHIFTS, Town

MORE = int(os.environ.get("HISTORIES", "0"))

WHO = st.sampled_from([0, 1, 0, 1, 4])
WHICH = st.integers(0, 3)
DUE_IN = st.sampled_from([None, -20, -4, 0, 1, 2, 3, 5, 6, 7, 10])
SECOND_IN = st.sampled_from([None, -2, 0, 3, 10])
PATHS = st.sampled_from(
    [
        "",
        "^/invoicing/invoices$",
        "^/invoicing/invoices/",
        "current_account",
        "contracts",
        "clients/",
    ]
)


def _event(name: str, *args: Any, **kwargs: Any) -> st.SearchStrategy[tuple[str, Any, Any]]:
    return st.tuples(st.just(name), st.tuples(*args), st.fixed_dictionaries(kwargs))


WAIT = _event("wait", st.sampled_from([1, 6, 31, 60, 300, 720, 1440, 4300, 12000]))
BILL = _event(
    "bill",
    WHO,
    DUE_IN,
    SECOND_IN,
    st.sampled_from(["pending", "pending", "draft", "authorizing"]),
    numbered=st.booleans(),
)
DAYS = _event("days", st.sampled_from([1, 1, 2, 4]))
ROUND = _event("go_round")
EVENTS = st.one_of(
    WAIT,
    *[BILL] * 8,
    *[DAYS] * 7,
    ROUND,
    ROUND,
    _event("noon"),
    _event("noon"),
    _event("look", due_only=st.booleans()),
    _event("look_by_hand", WHO),
    _event("plan"),
    _event("deliver"),
    _event("crash", tried=st.booleans()),
    _event("promote", WHICH),
    _event("pay", WHICH, st.sampled_from([None, None, 1000, 4000])),
    _event("void_payment", WHICH),
    _event("void", WHICH),
    _event("remove", WHICH),
    _event("move", WHICH, st.sampled_from([-5, 0, 1, 2, 5, 9]), SECOND_IN),
    _event("reprice", WHICH, st.sampled_from([2590, 3000, 900])),
    _event("credit", WHO, st.sampled_from([0, 500, 9000])),
    _event("contract", WHO, st.sampled_from(["alerted", "enabled", "disabled"])),
    _event("rename", WHO, st.integers(100, 103)),
    _event("pair", WHO, second=st.booleans()),
    _event("unpair", WHO),
    _event("fault", st.sampled_from(FAULTS), PATHS, st.sampled_from([1, 2, 5, 20])),
    _event("shift", st.sampled_from(SHIFTS), st.integers(1, 2)),
    _event("mend"),
    _event("fates", st.lists(st.sampled_from(Fate), min_size=1, max_size=4)),
)


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Database]:
    """One file for all histories; each begins without a row."""
    opened = Database(shared_url)
    yield opened
    opened.close()


def live_through(town: Town, events: list[tuple[str, Any, Any]]) -> None:
    """Pair everybody, let everything happen, and look at what remains."""
    for who, client in enumerate(town.clients):
        town.pair(who, second=client.name == "Eva")
    town.look(due_only=True)
    for name, args, kwargs in events:
        if name == "fates":
            town.messenger.fates[:] = args[0]
        else:
            getattr(town, name)(*args, **kwargs)
    town.settle()


@settings(
    max_examples=MORE or 50,
    phases=[Phase.generate] if not MORE else list(Phase),
    derandomize=not MORE,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sets(st.integers(0, 3), min_size=1, max_size=2), st.lists(EVENTS, min_size=8, max_size=30)
)
def test_whatever_happens_nothing_wrong_goes_out_and_nothing_is_lost(
    database: Database, cast: set[int], events: list[tuple[str, Any, Any]]
) -> None:
    """Each message is held against Wispro's truth at its moment; the end against the whole."""
    town = Town(database, cast)
    try:
        live_through(town, events)
    finally:
        town.close()
