"""What is let through, and what waits for the operator: boundaries in pairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as facts_with

from billing.anomaly import Thresholds, Usual, Weight, judge
from billing.diff import diff
from billing.values import InvoiceFacts, InvoiceState
from tests.unit.billing.facts import invoice

LIMITS = Thresholds()
USUAL = Usual(open_invoices=250, accounts=100)
TODAY = date(2021, 11, 20)


def reason(weight: Weight, usual: Usual = USUAL, limits: Thresholds = LIMITS) -> str | None:
    """Return why a run is held."""
    verdict = judge(weight, usual, limits)
    return None if verdict is None else verdict.reason


def weighed(before: InvoiceFacts | None, after: InvoiceFacts, **how: Any) -> Weight:
    """Weigh one invoice."""
    weight = Weight()
    told = {"baseline": False, "announced": True, "issued": False, "today": TODAY, **how}
    weight.invoice(before, after, diff(before, after), **told)
    return weight


@pytest.mark.parametrize(
    ("changed", "open_invoices", "held"),
    [(49, 100, False), (50, 100, True), (50, 250, False), (51, 250, True), (50, 249, True)],
)
def test_a_fifth_of_the_open_invoices_and_fifty_at_least(
    changed: int, open_invoices: int, *, held: bool
) -> None:
    """Both bounds have to be passed."""
    usual = replace(USUAL, open_invoices=open_invoices)
    assert (reason(Weight(state_changes=changed), usual) == "mass_change") is held


def test_what_is_missing_without_an_explanation_counts_as_changed() -> None:
    """An empty list of pending ones must not cost three thousand questions."""
    assert reason(Weight(state_changes=30, unexplained=30)) == "mass_change"


@pytest.mark.parametrize(("alerts", "held"), [(90, False), (91, True)])
def test_three_times_the_median_of_four_weeks(alerts: int, *, held: bool) -> None:
    """Alerts that changes cause, against what is normal in a day."""
    usual = replace(USUAL, volumes=[30] * 15 + [0] * 6 + [400] * 7)
    assert (reason(Weight(alerts=alerts), usual) == "volume") is held


def test_a_week_is_needed_to_know_what_is_usual() -> None:
    """In its first days an ISP has no median."""
    assert reason(Weight(alerts=900), replace(USUAL, volumes=[0] * 6)) is None
    assert reason(Weight(alerts=900), replace(USUAL, volumes=[0] * 7)) == "volume"


@pytest.mark.parametrize(("new", "held"), [(300, False), (301, True)])
def test_a_billing_day_passes_and_three_for_everybody_do_not(new: int, *, held: bool) -> None:
    """New invoices are what the daemon is for; three for each account were billed twice."""
    assert (reason(Weight(announcements=new)) == "volume") is held


@pytest.mark.parametrize(
    ("amount", "held"), [("900", False), ("600", True), ("9000", False), ("9001", True)]
)
def test_the_amounts_stay_within_three_times_their_usual_range(amount: str, *, held: bool) -> None:
    """A lost decimal point, or another currency."""
    usual = replace(USUAL, amounts=[Decimal(2000)] * 50 + [Decimal(3000)] * 50)
    weight = Weight(amounts=[Decimal(amount)] * 20)
    assert (reason(weight, usual) == "amount_scale") is held
    assert reason(Weight(amounts=[Decimal(amount)] * 19), usual) is None


def test_only_what_was_out_counts_as_a_change_of_state() -> None:
    """A draft that comes out is a billing day; a paid one that is open again is not."""
    pending = invoice()
    draft = facts_with(pending, state=InvoiceState.DRAFT, raw_state="draft")
    paid = facts_with(pending, state=InvoiceState.PAID, raw_state="paid", balance=Decimal(0))
    assert weighed(draft, pending).state_changes == 0
    assert weighed(pending, paid).state_changes == 1
    assert weighed(paid, pending).state_changes == 1
    assert weighed(pending, paid, baseline=True).state_changes == 0


def test_an_old_invoice_that_turns_up_is_no_announcement_like_the_others() -> None:
    """What was issued within three days, or was a draft of ours, is new; the rest is suspicious."""
    new = facts_with(invoice(), issued_date=date(2021, 11, 17))
    old = facts_with(invoice(), issued_date=date(2021, 11, 16))
    draft = facts_with(old, state=InvoiceState.DRAFT, raw_state="draft")
    assert (weighed(None, new).announcements, weighed(None, new).alerts) == (1, 0)
    assert (weighed(None, old).announcements, weighed(None, old).alerts) == (0, 1)
    assert weighed(draft, old).announcements == 1
