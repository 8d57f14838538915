"""However Wispro is looked at and whatever goes wrong meanwhile, our copy ends up as the truth.

`LOOKS=20000 pytest tests/integration/billing/test_looks.py` tries more, at random.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from billing.strategy import Strategy
from tests.support.databases import migrated_sqlite
from tests.support.in_process import hasten
from tests.support.looks import PEOPLE, Midst, Mortal, Village
from tests.support.witness import SECRETS
from wispro.logs import quiet_http_logs
from wispro.sandbox.faults import FAULTS, PDF_ONLY

MORE = int(os.environ.get("LOOKS", "0"))
SHARDS = 8
EACH = (MORE or 2000) // SHARDS
#: Many short histories find more in the time of a test run than few long ones; at random, and on
#: demand, they are long.
PEOPLE_IN, BILLS_IN, EVENTS_IN = (5, 8, (6, 14)) if MORE else (4, 4, (1, 4))
THOROUGH = st.booleans() if MORE else st.sampled_from([True, False, False])

WHO = st.integers(0, 5)
WHICH = st.integers(0, 4)
DUE_IN = st.sampled_from([10, 10, 6, 5, 3, 1, 0, -2, -8, None])
STATES = st.sampled_from(
    ["pending"] * 8
    + ["draft"] * 3
    + ["paid", "paid", "void", "issuing", "authorizing", "authorizing_error"]
)
SHAPE = st.sampled_from(["", "", "", "", "loose", "unnumbered"])
STRATEGY = st.sampled_from(list(Strategy))
NAMES = st.sampled_from(sorted(FAULTS - PDF_ONLY - {"shift"}))
PATHS = st.sampled_from(
    [
        "^/invoicing/invoices$",
        "^/invoicing/invoices$",
        "^/contracts$",
        "^/clients$",
        "^/invoicing/payments$",
        "^/[a-z/]*/[^/]*-",
        "",
    ]
)
PAGE = st.sampled_from([None, None, 1, 2, 3, 4])
TIMES = st.sampled_from([1, 2, 3, 6, None])

Event = tuple[str, tuple[Any, ...]]


def _event(name: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.tuples(st.just(name), st.tuples(*args))


BILL = _event("issue", WHO, DUE_IN, st.sampled_from([None, 10]), STATES, SHAPE)
TRUTH = (
    BILL,
    BILL,
    _event("pay", WHICH, st.sampled_from([None, None, None, 1000, 4000])),
    _event("pay", WHICH, st.none()),
    _event("misbook", WHICH),
    _event("take_back", WHICH, st.sampled_from([None, 1000])),
    _event("issue_to_all", st.sampled_from(["pending", "draft", "paid"])),
    _event("void_payment", WHICH),
    _event("void", WHICH),
    _event("remove", WHICH),
    _event("promote", WHICH),
    _event("move", WHICH, st.sampled_from([-5, 0, 2, 9]), st.sampled_from([None, 10])),
    _event("reprice", WHICH, st.sampled_from([2590, 3000, 900])),
    _event("renumber", WHICH),
    _event("contract", WHO, st.sampled_from(["alerted", "enabled", "disabled"])),
    _event("hand_over", WHO, WHO),
    _event("correct", WHO, st.sampled_from([None, "20.300.400", "20.300.401", "30.100.203"])),
)
MIDST: st.SearchStrategy[Midst] = st.tuples(
    st.integers(1, 15),
    st.one_of(
        *TRUTH,
        _event("die"),
        _event("die"),
        _event("die_writing"),
        _event("die_writing"),
        _event("overtake", STRATEGY),
        _event("look_by_hand", WHO),
        st.tuples(st.one_of(*TRUTH), WHO).map(lambda d: ("meanwhile", (*d[0], d[1]))),
        st.tuples(st.one_of(*TRUTH), WHO).map(lambda d: ("meanwhile", (*d[0], d[1]))),
    ),
).map(lambda drawn: (drawn[0], *drawn[1]))
LOOK = st.tuples(
    STRATEGY,
    st.sampled_from(["", "", "", "", "full", "due"]),
    st.sampled_from([None, None, None, 8, 20]),
    st.one_of(st.none(), MIDST),
)
FAULT = st.one_of(
    st.tuples(NAMES, PATHS, PAGE, TIMES),
    st.tuples(NAMES, st.just("^/invoicing/invoices$"), st.integers(1, 4), TIMES),
)
EVENTS = st.one_of(
    *TRUTH,
    *[LOOK.map(lambda drawn: ("look", drawn))] * 5,
    *[_event("look_badly", st.lists(FAULT, min_size=1, max_size=2), LOOK)] * 5,
    FAULT.map(lambda drawn: ("break_page", drawn)),
    _event("shift", st.sampled_from(["void", "pay", "remove", "create"]), st.integers(1, 3)),
    _event("mend"),
    _event("look_by_hand", WHO),
    _event("pair", WHO),
    _event("unpair", WHO),
    _event("plan"),
    _event("deliver"),
    _event("deliver"),
    _event("wait", st.sampled_from([31, 300, 1440, 4400])),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    """One file for all histories; each begins without a row."""
    path = migrated_sqlite(tmp_path_factory.mktemp("looks") / "alerta.db")
    opened = hasten(Mortal(f"sqlite:///{path}"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def logged() -> Iterator[list[str]]:
    """Everything that is logged meanwhile, by our program and by its libraries."""
    lines: list[str] = []

    def keep(_: Any, __: str, event: MutableMapping[str, Any]) -> Any:
        lines.append(f"{event}")
        raise structlog.DropEvent

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, root = Keep(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    quiet_http_logs()
    structlog.configure(processors=[keep])
    yield lines
    structlog.reset_defaults()
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_however_it_is_looked_at_our_copy_ends_up_as_the_truth(
    database: Mortal, logged: list[str], shard: int
) -> None:
    """Each alert is held against what was true; the end against the whole truth."""

    @settings(
        max_examples=EACH,
        phases=[Phase.generate] if not MORE else list(Phase),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        cast=st.sets(st.integers(0, len(PEOPLE) - 1), min_size=2, max_size=PEOPLE_IN),
        alone=st.sets(st.integers(0, len(PEOPLE) - 2), max_size=2),
        per_page=st.integers(2, 5),
        probed=st.sampled_from([True] * 9 + [False]),
        bills=st.lists(BILL, min_size=1, max_size=BILLS_IN),
        first=STRATEGY,
        events=st.lists(EVENTS, min_size=EVENTS_IN[0], max_size=EVENTS_IN[1]),
        last=STRATEGY,
        budget=st.sampled_from([None, None, 3]),
        thorough=THOROUGH,
    )
    def live(
        cast: set[int],
        alone: set[int],
        per_page: int,
        probed: bool,  # noqa: FBT001 - drawn
        bills: list[Event],
        first: Strategy,
        events: list[Event],
        last: Strategy,
        budget: int | None,
        thorough: bool,  # noqa: FBT001 - drawn
    ) -> None:
        village = Village(database, cast, cast - alone, per_page=per_page, probed=probed)
        try:
            for name, args in bills:
                village.happen(name, args)
            village.look(first)
            for name, args in events:
                village.happen(name, args)
            village.settle(last, budget, thorough=thorough)
        finally:
            village.close()

    (live if MORE else seed(shard)(live))()
    check_file(Path(str(database.engine.url.database)), logged)


def check_file(path: Path, logged: list[str]) -> None:
    """No byte that stays on the disk, and no line of a log, gives a secret away."""
    there = b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))
    said = "\n".join(logged)
    logged.clear()
    for secret in SECRETS:
        assert secret.encode() not in there
        assert secret not in said
