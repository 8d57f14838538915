"""The cheapest faithful way to look at an ISP, by counting requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing.strategy import FEW, Facts, Plan, Strategy, choose
from billing.values import Habits


def plan(paired: int, *, present: Strategy | None = None, **habits: Any) -> Plan:
    """Choose for an ISP with 10 000 contracts and a year of invoices, looked at twice an hour."""
    known = {"invoices": 120_000, "pending": 3_000, "contracts": 10_000, "clients": 9_000, **habits}
    return choose(
        Facts(
            paired=paired,
            habits=Habits(**known),
            every=timedelta(minutes=30),
            full_every=timedelta(days=7),
            present=present,
        )
    )


@pytest.mark.parametrize(
    ("paired", "chosen"),
    [
        (10, Strategy.ACCOUNTS),
        (20, Strategy.ACCOUNTS),
        (24, Strategy.SWEEP),
        (9_000, Strategy.SWEEP),
    ],
)
def test_the_number_of_accounts_decides(paired: int, chosen: Strategy) -> None:
    """Two requests an account against one for a hundred open invoices."""
    assert plan(paired).strategy is chosen


def test_the_cost_is_told_for_each_way() -> None:
    """Whoever wonders why can read it off the run."""
    assert plan(9_000).why == "requests a cycle: by account 18900, sweep 44, full 1300"


def test_without_a_state_filter_it_is_everything_or_one_by_one() -> None:
    """A sweep of pending ones would be everything without saying so."""
    assert plan(9_000, invoice_state_filter=False).strategy is Strategy.FULL
    assert plan(600, invoice_state_filter=False).strategy is Strategy.ACCOUNTS


def test_without_a_filter_by_national_id_accounts_cannot_be_asked_for() -> None:
    """Each would bring everybody's invoices."""
    assert plan(10, national_id_filter=False).strategy is Strategy.SWEEP


def test_unknown_habits_and_few_accounts_are_looked_at_one_by_one() -> None:
    """Finding out would cost more than it could save."""
    few = Facts(paired=FEW, habits=None, every=timedelta(minutes=30), full_every=timedelta(days=7))
    assert choose(few).strategy is Strategy.ACCOUNTS
    assert plan(FEW).strategy is Strategy.ACCOUNTS


def test_a_plan_stays_until_another_is_much_cheaper() -> None:
    """An ISP at the boundary does not change its way at every look."""
    assert plan(24, present=Strategy.ACCOUNTS).strategy is Strategy.ACCOUNTS
    assert plan(40, present=Strategy.ACCOUNTS).strategy is Strategy.SWEEP
    assert plan(20, present=Strategy.SWEEP).strategy is Strategy.SWEEP


def test_larger_pages_cost_fewer_requests() -> None:
    """Where Wispro does not clamp them."""
    assert plan(9_000, page_size=500).requests < plan(9_000).requests / 2
