"""What changed between two looks."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.diff import diff
from billing.values import ChangeKind, InvoiceState
from tests.unit.billing.facts import invoice


def kinds(before, after):
    return [change.kind for change in diff(before, after)]


def test_an_invoice_never_seen_before_appears_and_nothing_else():
    """The first sight is one change, whatever the invoice holds."""
    assert kinds(None, invoice()) == [ChangeKind.APPEARED]


def test_two_equal_looks_are_no_change():
    """Looking again at the same thing finds nothing."""
    assert diff(invoice(), invoice()) == ()


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pending", "paid", ChangeKind.PAID),
        ("pending", "void", ChangeKind.VOIDED),
        ("paid", "void", ChangeKind.VOIDED),
        ("paid", "pending", ChangeKind.REOPENED),
        ("draft", "pending", ChangeKind.STATE_CHANGED),
        ("draft", "paid", ChangeKind.STATE_CHANGED),
        ("unknown", "paid", ChangeKind.STATE_CHANGED),
        ("pending", "unknown", ChangeKind.STATE_CHANGED),
    ],
)
def test_a_state_change_has_the_kind_that_people_know(before, after, kind):
    """Only pending → paid is a payment; a paid one that opens again is its own kind."""
    found = kinds(invoice(state=InvoiceState(before)), invoice(state=InvoiceState(after)))
    assert found == [kind]


def test_one_unknown_state_is_told_from_another():
    """A state that Wispro invents later is compared by its own text."""
    before = invoice(state=InvoiceState.UNKNOWN, raw_state="frozen")
    after = invoice(state=InvoiceState.UNKNOWN, raw_state="thawed")
    assert kinds(before, after) == [ChangeKind.STATE_CHANGED]


def test_a_smaller_balance_is_a_part_payment():
    """Money came in, and the invoice is still open."""
    assert kinds(invoice(), invoice(balance=Decimal("1000.00"))) == [ChangeKind.PARTLY_PAID]


def test_a_larger_balance_is_no_payment():
    """A payment that was taken back must not read as one."""
    before = invoice(balance=Decimal("1000.00"))
    assert kinds(before, invoice()) == [ChangeKind.DETAILS_CHANGED]


def test_a_moved_due_date_and_a_new_amount_are_both_told():
    """One look may find several things."""
    after = invoice(
        first_due_date=date(2021, 12, 1), amount=Decimal("3000.00"), balance=Decimal("3000.00")
    )
    assert kinds(invoice(), after) == [ChangeKind.DUE_MOVED, ChangeKind.AMOUNT_CHANGED]


def test_a_number_that_arrives_is_its_own_change():
    """Wispro numbers an invoice some time after it shows it."""
    assert kinds(invoice(number=None), invoice()) == [ChangeKind.NUMBERED]


def test_the_same_amount_written_with_other_zeros_is_no_change():
    """Text like "2590.0" and "2590.00" is the same money."""
    after = invoice(amount=Decimal("2590.0"), balance=Decimal(2590))
    assert diff(invoice(), after) == ()


_STATES = st.sampled_from(list(InvoiceState))
_MONEY = st.decimals(min_value=0, max_value=10**6, places=2)


@given(_STATES, _STATES, _MONEY, _MONEY, st.dates(), st.dates())
def test_no_payment_is_ever_read_out_of_anything_but_pending_to_paid(s1, s2, b1, b2, d1, d2):
    """The receipt hangs on this kind alone."""
    before = invoice(state=s1, balance=b1, first_due_date=d1)
    after = invoice(state=s2, balance=b2, first_due_date=d2)
    said_paid = ChangeKind.PAID in kinds(before, after)
    assert said_paid == (s1 is InvoiceState.PENDING and s2 is InvoiceState.PAID)
