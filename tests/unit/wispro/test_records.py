"""Which fields of a record are kept, and what they mean."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec import Raw

from billing.values import ContractState, InvoiceState
from wispro import records
from wispro.fields import Unreadable


def raw(**given: object) -> Raw:
    """Write a record."""
    return Raw(msgspec.json.encode(given))


def test_an_invoice_is_read_whole() -> None:
    """The invoice of the old app comes out as facts."""
    found = records.invoice(
        raw(
            id="i-1",
            contract_id="k-1",
            state="pending",
            amount="2590.0",
            balance=590.5,
            invoice_number=None,
            issued_at="2021-10-20T23:30:00.000-03:00",
            first_due_date="2021-11-19",
            second_due_date=None,
            created_at="2021-10-20T23:30:00.000-03:00",
            concept="PLAN 6 MEGAS\n2021",
            payment_links=[{"url": "https://pay.example/1"}],
            client_national_identification_number="27.345.678",
            **{"from": "2021-10-20", "to": "2021-11-19"},
        )
    )
    assert found.state is InvoiceState.PENDING
    assert (found.amount, found.balance) == (Decimal("2590.0"), Decimal("590.5"))
    assert found.received == Decimal("1999.5")
    assert (found.number, found.contract_id) == (None, "k-1")
    assert found.issued_date == date(2021, 10, 20)
    assert found.created_at == datetime(2021, 10, 21, 2, 30, tzinfo=UTC)
    assert (found.first_due_date, found.second_due_date) == (date(2021, 11, 19), None)
    assert (found.period_from, found.period_to) == (date(2021, 10, 20), date(2021, 11, 19))
    assert found.concept == "PLAN 6 MEGAS 2021"
    assert found.pay_urls == ("https://pay.example/1",)
    assert found.holder_national_id == "27.345.678"
    assert "27.345.678" not in repr(found)


@pytest.mark.parametrize("created_at", ["2021-10-20", "yesterday", 17, {"at": 1}, None])
def test_an_invoice_does_not_depend_on_when_it_was_created(created_at: object) -> None:
    """An instant that cannot be read is none, and the invoice stands."""
    found = records.invoice(raw(id="i-1", state="paid", amount="1", created_at=created_at))
    assert found.created_at is None


def test_a_state_that_wispro_added_since_is_kept_by_name() -> None:
    """An unknown state is no error, and asks for no payment."""
    found = records.invoice(raw(id="i", state="en_revision", amount="1"))
    assert (found.state, found.raw_state) == (InvoiceState.UNKNOWN, "en_revision")
    assert found.payable == 0


def test_an_amount_is_the_balance_where_only_that_is_told() -> None:
    """A null amount beside a known balance loses nothing that is owed."""
    found = records.invoice(raw(id="i", state="pending", amount=None, balance="10.5"))
    assert (found.amount, found.balance) == (Decimal("10.5"), Decimal("10.5"))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"id": "i", "state": "pending", "amount": None, "balance": None}, "amount"),
        ({"id": "i", "amount": "1"}, "state"),
        ({"state": "paid", "amount": "1"}, "id"),
        ({"id": "i", "state": "paid", "amount": "1", "first_due_date": "mañana"}, "first_due_date"),
        ({"id": "i", "state": ["paid"], "amount": "1"}, "state"),
    ],
)
def test_an_invoice_that_cannot_be_read_names_its_field(
    given: dict[str, object], field: str
) -> None:
    """A record without what matters is refused by field name."""
    with pytest.raises(Unreadable, match=f"^{field}$"):
        records.invoice(raw(**given))


@pytest.mark.parametrize("literal", [b"null", b"[]", b"7", b'"x"', b""])
def test_what_is_no_object_is_no_record(literal: bytes) -> None:
    """Another JSON value in place of a record is refused."""
    with pytest.raises(Unreadable):
        records.invoice(Raw(literal))
    assert records.record_id(Raw(literal)) is None


def test_a_login_link_becomes_a_digest_at_once() -> None:
    """The link itself is in nothing that comes out."""
    token = "aB3_dE5-gH7iJ9kL1mN3oP"
    link = f"https://cloud.wispro.co/portal_api/auth/{token}"
    digested: list[str] = []

    def digest(clear: str) -> str:
        digested.append(clear)
        return "d1g3st"

    found = records.client(raw(id="c", public_id="7", name="Ana", link_mobile_login=link), digest)
    assert digested == [token]
    assert found.login_digest == "d1g3st"
    assert (found.public_id, found.email, found.custom_id) == (7, None, None)
    assert token not in repr(found)


@pytest.mark.parametrize("link", [None, "", "https://cloud.wispro.co/portal", 5])
def test_a_client_without_a_login_link_has_no_digest(link: object) -> None:
    """Nothing is digested that is no login link: equal digests of "" would pair strangers."""
    found = records.client(raw(id="c", link_mobile_login=link), lambda _: "never")
    assert found.login_digest is None


def test_a_contract_is_four_fields() -> None:
    """A password beside them never becomes a Python value, not even one that cannot be decoded."""
    literal = b'{"id":"k","client_id":"c","state":"Alerted","public_id":9,"pppoe_password":"\xff"}'
    found = records.contract(Raw(literal))
    assert (found.contract_id, found.client_id, found.public_id) == ("k", "c", 9)
    assert found.state is ContractState.ALERTED


def test_a_contract_in_an_unknown_state_is_kept() -> None:
    """A state that Wispro added since is no error; a list in its place is."""
    assert records.contract(raw(id="k", client_id="c", state="paused")).state is (
        ContractState.UNKNOWN
    )
    with pytest.raises(Unreadable, match="state"):
        records.contract(raw(id="k", client_id="c", state=["x"]))


def test_a_balance_needs_its_amount() -> None:
    """The other two amounts may be missing, the balance may not."""
    found = records.balance(raw(balance_amount="-2590.0"))
    assert (found.balance_amount, found.credit_amount) == (Decimal("-2590.0"), None)
    with pytest.raises(Unreadable):
        records.balance(raw(balance_amount=None))
