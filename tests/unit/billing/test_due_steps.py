"""What has come due of one invoice, and when to ask again."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.due_steps import Asked, decide
from billing.laying import Laying
from billing.owing import Rules
from billing.policy import DEFAULT_POLICY
from billing.values import InvoiceState
from tests.unit.billing.facts import CORDOBA, invoice, local

RULES = Rules(DEFAULT_POLICY, CORDOBA)
SEEN, LAST = local("2021-11-01 12:00"), local("2021-11-13 12:00")
#: Of an invoice that is due on the 19th: -5d and -1d have come due since LAST.
NOW = local("2021-11-18 15:00")
ON_THE_DAY = local("2021-11-19 09:00")


@dataclass(frozen=True)
class Ana:
    """A customer who wants everything."""

    id: int = 1
    isp_id: int = 1
    contact_hours: str | None = None
    steps_off: tuple[str, ...] = ()


ASKED = Asked(
    id=1, account=Ana(), facts=invoice(), rules=RULES, first_seen_at=SEEN, baseline=False,
    vanished=False, steps_until=LAST, alerted_on=None,
)  # fmt: skip


def decided(asked=ASKED, *, now=NOW, **given):
    laying = Laying(asked.rules.policy, asked.rules.calendar)
    return decide(replace(asked, **given), laying, now=now)


def test_the_latest_step_goes_and_the_earlier_is_missed():
    """And that is decided now; the next question is the day itself."""
    found = decided()
    assert found.taken is not None
    assert (found.taken.step.name, [item.step.name for item in found.missed]) == ("-1d", ["-5d"])
    assert (found.steps_until, found.plan_at, found.wanted) == (NOW, ON_THE_DAY, True)


@pytest.mark.parametrize("state", [one for one in InvoiceState if one is not InvoiceState.PENDING])
def test_what_is_not_open_is_never_asked_for_again(state):
    """Nothing is decided of it either: should it be open again, its steps are still there."""
    found = decided(facts=invoice(state=state))
    assert (found.taken, found.missed, found.plan_at, found.steps_until) == (None, (), None, LAST)


def test_nor_is_what_wispro_no_longer_knows():
    """It may come back, too."""
    found = decided(vanished=True)
    assert (found.taken, found.plan_at, found.steps_until) == (None, None, LAST)


@pytest.mark.parametrize("balance", [Decimal(0), Decimal(-1)])
def test_what_owes_nothing_is_asked_for_again_and_nothing_is_decided(balance):
    """A payment may be taken back, and then the step is due."""
    found = decided(facts=invoice(balance=balance))
    assert (found.taken, found.missed) == (None, ())
    assert (found.plan_at, found.steps_until) == (ON_THE_DAY, LAST)


def test_a_step_that_the_customer_does_not_want_is_taken_but_not_wanted():
    """It is on record, and what was planned before it goes."""
    found = decided(account=Ana(steps_off=("due_soon -1d",)))
    assert found.taken is not None
    assert not found.wanted


def test_the_customer_s_own_hours_move_the_steps():
    """Theirs open at two: at noon the step has not come due."""
    late = Ana(contact_hours="14:00-18:00")
    noon = local("2021-11-18 12:00")
    assert decided(account=late, now=noon, steps_until=noon - timedelta(days=1)).taken is None
    assert decided(now=noon, steps_until=noon - timedelta(days=1)).taken is not None
