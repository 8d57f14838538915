"""What a change makes us owe."""

from datetime import date
from decimal import Decimal

import pytest

from billing.diff import diff
from billing.reactions import react
from billing.values import AlertKind, InvoiceState, Reason
from tests.unit.billing.facts import invoice


def reaction(before, after, *, baseline=False, announced=True):
    return react(before, after, diff(before, after), baseline=baseline, announced=announced)


def test_the_baseline_owes_nothing():
    """The first look is silent, whatever it finds."""
    assert reaction(None, invoice(), baseline=True).owes == ()


def test_a_new_pending_invoice_is_announced():
    """First sight after the baseline."""
    assert reaction(None, invoice()).owes == (AlertKind.ISSUED,)


@pytest.mark.parametrize("state", [s for s in InvoiceState if s is not InvoiceState.PENDING])
def test_a_new_invoice_that_asks_for_nothing_is_not_announced(state):
    """A draft is not out yet, and a paid one needs no reminder."""
    assert reaction(None, invoice(state=state)).owes == ()


@pytest.mark.parametrize("state", ["draft", "issuing", "authorizing", "authorizing_error"])
def test_a_draft_is_announced_when_it_becomes_pending(state):
    """Its first sight as an invoice is what counts."""
    assert reaction(invoice(state=InvoiceState(state)), invoice()).owes == (AlertKind.ISSUED,)


def test_an_invoice_of_nothing_is_not_announced():
    """Zero pesos are no news."""
    free = invoice(amount=Decimal(0), balance=Decimal(0))
    assert reaction(None, free).owes == ()


def test_a_payment_is_thanked_and_ends_the_demands():
    """A receipt is owed also for an invoice that was never announced."""
    found = reaction(invoice(), invoice(state=InvoiceState.PAID), announced=False)
    assert (found.owes, found.ends_demands) == ((AlertKind.PAID,), Reason.PAID)


@pytest.mark.parametrize(("announced", "owes"), [(True, (AlertKind.VOIDED,)), (False, ())])
def test_a_void_is_told_to_those_who_heard_of_it(announced, owes):
    """Nobody is told of the end of something they never heard of."""
    found = reaction(invoice(), invoice(state=InvoiceState.VOID), announced=announced)
    assert (found.owes, found.ends_demands) == (owes, Reason.VOID)


def test_a_moved_due_date_is_told_with_the_old_one_and_ends_the_old_plan():
    """The template needs what the invoice no longer holds."""
    found = reaction(invoice(), invoice(first_due_date=date(2021, 12, 1)))
    assert found.owes == (AlertKind.CHANGED,)
    assert found.ends_demands is Reason.SUPERSEDED
    assert found.details == {"previous_due_date": "2021-11-19"}


def test_two_moves_on_one_day_are_two_notes():
    """The new value is part of the key."""
    first = reaction(invoice(), invoice(first_due_date=date(2021, 12, 1)))
    second = reaction(invoice(), invoice(first_due_date=date(2021, 12, 2)))
    assert first.what != second.what


def test_a_part_payment_or_a_number_is_no_news():
    """The next reminder says it; a message of its own would be noise."""
    assert reaction(invoice(), invoice(balance=Decimal(1000))).owes == ()
    assert reaction(invoice(number=None), invoice()).owes == ()
