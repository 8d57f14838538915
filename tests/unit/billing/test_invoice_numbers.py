"""Numbers of invoices as people say them."""

from __future__ import annotations

import pytest

from billing.invoice_numbers import end_of, may_be


@pytest.mark.parametrize(
    ("number", "end"),
    [
        ("A-0001-793", "793"),
        ("A-0001-00000793", "793"),
        ("B 0003 0", "0"),
        ("793/2", "2"),
        ("borrador", None),
        ("", None),
        (None, None),
    ],
)
def test_an_invoice_is_found_by_its_last_digits(number: str | None, end: str | None) -> None:
    """Zeros in front do not count, and a zero is a number."""
    assert end_of(number) == end


@pytest.mark.parametrize(
    ("said", "number", "is_it"),
    [
        ("793", "A-0001-793", True),
        ("0001-793", "A-0001-793", True),
        ("1-793", "A-0001-00000793", True),
        ("a-0001-793", "A-0001-793", True),
        ("A0001 793", "A-0001-793", True),
        ("93", "A-0001-793", False),
        ("0002-793", "A-0001-793", False),
        ("B-0001-793", "A-0001-793", False),
        ("Factura A-0001-793", "A-0001-793", False),
        ("", "A-0001-793", False),
    ],
)
def test_who_leaves_something_out_leaves_out_the_beginning(
    said: str, number: str, *, is_it: bool
) -> None:
    """Whole groups count, from the end."""
    assert may_be(said, number) is is_it
