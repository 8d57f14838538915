"""The goals of docs/performance.md, small, with a margin: counts and ratios, never absolute times.

Other tests may run beside these, so each ratio has several turns, both sides right after each
other, and one turn within the bound is enough: noise gets another chance, a slower sync gets none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.sync import Sync
from tests.benchmarks.population import Population
from tests.benchmarks.scenarios import Taken
from tests.benchmarks.world import Databases, Wispro

#: As many accounts and open invoices as in the goal; less history, which a cycle does not read.
FULL_SIZE = Population(invoices=12_000, accounts=10_000, open_invoices=3_000)
SMALL = Population.of(10_000)
MOST_REQUESTS = 45
#: At full size the goals are 2.0 and 4.0, and docs/performance.md says how far we are. These hold
#: what was reached, with a margin: a small sweep pays more for its beginning, beside other tests.
SWEEP, IMPORT = 4.0, 9.0
TURNS = 4

pytestmark = [
    pytest.mark.xdist_group("ratios"),  # one worker, where the distribution asks (--dist loadgroup)
    pytest.mark.skipif(
        "full" not in inspect.signature(Sync.run).parameters, reason="there is no full sweep yet"
    ),
]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Give SQLite."""
    return Databases(tmp_path_factory.mktemp("homes"), None)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wispro]:
    """Serve a small ISP, in a process of its own."""
    with Wispro(tmp_path_factory.mktemp("wispro"), SMALL) as running:
        yield running


def test_a_cycle_costs_few_requests_however_many_are_paired(
    databases: Databases, tmp_path: Path
) -> None:
    """10 000 accounts, 3 000 open invoices, 1 % of them settled, 20 new: every change, 45 requests.

    Account by account it would be more than 10 000.
    """
    with Wispro(tmp_path, FULL_SIZE) as wispro, databases.home("sqlite", wispro) as home:
        home.look("full")
        changed = wispro.happen()
        look = home.look("steady")
    assert (changed, look["changed"]) == (50, 50)
    assert look["requests"] <= MOST_REQUESTS


def test_a_sweep_of_what_is_known_costs_little_more_than_its_download(
    databases: Databases, small: Wispro
) -> None:
    """Nothing changed: Wispro and HTTP are most of it."""
    with databases.home("sqlite", small) as home:
        home.look("full")
        assert _ratio(small, lambda: home.look("full"), SWEEP) <= SWEEP


def test_a_first_import_costs_a_few_downloads(databases: Databases, small: Wispro) -> None:
    """Reading, comparing and storing everything."""

    def look() -> Taken:
        with databases.home("sqlite", small) as fresh:
            return fresh.look("full")

    assert _ratio(small, look, IMPORT) <= IMPORT


def _ratio(wispro: Wispro, look: Callable[[], Taken], bound: float) -> float:
    """Return the best ratio to a bare download, of as many turns as it takes to fit."""
    best = float("inf")
    for _ in range(TURNS):
        bare = wispro.bare()["seconds"]
        best = min(best, look()["seconds"] / bare)
        if best <= bound:
            break
    return best
