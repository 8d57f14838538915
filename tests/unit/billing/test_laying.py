"""Steps that are shared are the steps that the policy lays."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

from billing.calendar import ContactHours
from billing.laying import Laying
from billing.policy import DEFAULT_POLICY, Anchor, Step, occurrences
from billing.values import AlertKind
from tests.unit.billing.facts import CORDOBA, invoice, local

POLICY = replace(
    DEFAULT_POLICY,
    steps=(
        *DEFAULT_POLICY.steps,
        Step(AlertKind.DUE_SOON, Anchor.ISSUED, 4),
        Step(AlertKind.OVERDUE, Anchor.CUTOFF, 5),
    ),
)
DAY = date(2021, 11, 19)
SEEN = local("2021-11-12 15:00")


def test_sharing_changes_nothing():
    """Whatever differs (a date, the first sight, the hours, the contract) is laid by itself."""
    laying = Laying(POLICY, CORDOBA)
    cases = list(
        product(
            (DAY - timedelta(days=10), DAY - timedelta(days=9)),
            (DAY, DAY + timedelta(days=1)),
            (None, DAY + timedelta(days=10)),
            (None, "mon-fri 14:00-18:00"),
            (SEEN, SEEN + timedelta(days=9)),
            (False, True),
            (None, DAY),
        )
    )
    for _ in range(2):
        for issued, first, second, hours, seen, baseline, alerted_on in cases:
            facts = invoice(issued_date=issued, first_due_date=first, second_due_date=second)
            seen_as: dict[str, Any] = {
                "first_seen_at": seen,
                "baseline": baseline,
                "alerted_on": alerted_on,
            }
            own = CORDOBA if hours is None else CORDOBA.within(ContactHours.parse(hours))
            assert laying.steps_of(facts, hours, **seen_as) == occurrences(
                facts, POLICY, own, **seen_as
            )


def test_equal_dates_are_laid_once():
    """Amounts and numbers do not matter."""
    laying = Laying(POLICY, CORDOBA)
    seen_as: dict[str, Any] = {"first_seen_at": SEEN, "baseline": False, "alerted_on": None}
    one, other = invoice(), invoice(wispro_id="inv-2", number="7", balance=None)
    assert laying.steps_of(one, None, **seen_as) is laying.steps_of(other, None, **seen_as)
