"""Names and pay links."""

import pytest

from billing.dossier import first_name
from billing.paylink import fill_pay_url


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("María Laura González", "María"),
        ("GONZALEZ, MARIA LAURA", "Maria"),
        ("González, María", "María"),
        ("JUAN PEREZ", "Juan"),
        ("", ""),
        ("  ", ""),
        (",", ""),
    ],
)
def test_a_customer_is_greeted_by_the_given_name(name, first):
    """Wispro keeps names in either order, and in capitals."""
    assert first_name(name) == first


def test_a_pay_link_is_filled_and_encoded():
    """Ids of the ISP are free text."""
    filled = fill_pay_url(
        "https://pay.example/{custom_id}?m={amount}", {"custom_id": "00 1/2", "amount": "2590.00"}
    )
    assert filled == "https://pay.example/00%201%2F2?m=2590.00"


@pytest.mark.parametrize("value", [None, ""])
def test_half_a_pay_link_is_none(value):
    """A link that misses its id leads to somebody else's page or to none."""
    assert fill_pay_url("https://pay.example/{custom_id}", {"custom_id": value}) is None


def test_an_unknown_placeholder_is_named():
    """The operator learns which ones exist."""
    with pytest.raises(ValueError, match=r"\{invoice\}.*\{invoice_id\}"):
        fill_pay_url("https://pay.example/{invoice}", {})
