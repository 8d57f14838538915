"""How single values of a record are read."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from wispro import fields
from wispro.fields import Unreadable

AMOUNTS = st.decimals(
    min_value=Decimal(-999_999_999_999),
    max_value=Decimal(999_999_999_999),
    allow_nan=False,
    allow_infinity=False,
    places=4,
)


@given(AMOUNTS, st.booleans())
def test_money_is_exact_in_either_writing(amount: Decimal, as_text: bool) -> None:  # noqa: FBT001
    """An amount that is written as text or as a number comes back digit for digit."""
    literal = f'"{amount:f}"' if as_text else f"{amount:f}"
    assert fields.money(Raw(literal.encode()), "amount") == amount


def test_money_never_passes_through_a_float() -> None:
    """More digits than a float holds survive, and so does a tenth."""
    assert fields.money(Raw(b"123456789012.123456"), "a") == Decimal("123456789012.123456")
    assert str(fields.money(Raw(b"0.1"), "a")) == "0.1"
    assert str(fields.money(Raw(b'"-0.0"'), "a")) == "0"


@pytest.mark.parametrize("literal", ["null", '""', '"  "', '"null"', ""])
def test_no_money_is_none(literal: str) -> None:
    """Null, absence and emptiness are "not told", which is not zero."""
    assert fields.money(Raw(literal.encode()), "amount") is None


@pytest.mark.parametrize(
    "literal",
    ['"NaN"', '"Infinity"', '"-inf"', '"2.590,00"', '"1_000"', '"$ 10"', '"١٢"', "true", "[1]",
     "{}", "1e999", "1e13", "1e-99", '"1e-999999999"', '"' + "9" * 60 + '"', '"0x10"', '"1e"'],
)  # fmt: skip
def test_other_money_is_refused(literal: str) -> None:
    """What is no plain finite decimal of a sane size is refused, and only its name is told."""
    with pytest.raises(Unreadable) as refused:
        fields.money(Raw(literal.encode()), "amount")
    assert str(refused.value) == "amount"


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")) | st.integers() | st.floats())
def test_money_reads_or_refuses_but_never_breaks(value: object) -> None:
    """Whatever stands in the field gives a finite amount, none, or a refusal."""
    try:
        amount = fields.money(Raw(msgspec.json.encode(value)), "amount")
    except Unreadable:
        return
    assert amount is None or amount.is_finite()


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.times(),
    st.sampled_from(["", "Z", "-03:00", "+14:00", "-12:00", " -0300", " UTC"]),
    st.sampled_from(["T", " "]),
)
def test_a_date_is_the_day_as_written(day: date, hour: time, zone: str, between: str) -> None:
    """A date or a date-time of any offset gives the calendar day that it names."""
    plain = Raw(msgspec.json.encode(day.isoformat()))
    dated = f"{day.isoformat()}{between}{hour.isoformat(timespec='milliseconds')}{zone}"
    assert fields.calendar_date(plain, "d") == day
    assert fields.calendar_date(Raw(msgspec.json.encode(dated)), "d") == day


@pytest.mark.parametrize(
    "literal",
    ['"2021-02-30"', '"0000-01-01"', '"27/11/2021"', '"2021-11-27x"', '"2021-1-2"', "20211127",
     '"2021-11-27T"', "{}"],
)  # fmt: skip
def test_another_date_is_refused(literal: str) -> None:
    """A day that does not exist or is written otherwise is refused, never guessed."""
    with pytest.raises(Unreadable):
        fields.calendar_date(Raw(literal.encode()), "first_due_date")


@pytest.mark.parametrize(
    ("literal", "number"),
    [
        ("null", None),
        ("", None),
        ('""', None),
        ('" "', None),
        ('"null"', None),
        ('"NULL"', None),
        ("23185", "23185"),
        ('"23185"', "23185"),
        ('"0001-00023185"', "0001-00023185"),
        ('" 7 "', "7"),
    ],
)
def test_a_number_is_text_or_not_there_yet(literal: str, number: str | None) -> None:
    """Null, emptiness and the text "null" all mean that Wispro has not numbered it yet."""
    assert fields.number(Raw(literal.encode()), "invoice_number") == number


@given(st.text() | st.integers())
def test_a_number_is_one_clean_line(value: str | int) -> None:
    """Whatever the number is, it holds no control character and is never empty or "null"."""
    found = fields.number(Raw(msgspec.json.encode(value)), "invoice_number")
    if found is not None:
        assert found == found.strip()
        assert found.casefold() != "null"
        assert not any(ord(letter) < 32 for letter in found)


def test_a_free_id_keeps_its_zeros_and_blanks() -> None:
    """A custom id is compared exactly, so nothing of it is trimmed; a NUL cannot be stored."""
    assert fields.exact(Raw(b'"00042 "'), "custom_id") == "00042 "
    assert fields.exact(Raw(b'"4\\u00002"'), "custom_id") == "42"
    assert fields.exact(Raw(b'"   "'), "custom_id") is None


@pytest.mark.parametrize(
    "literal", ['"../clients"', '"a b"', '"a?b=c"', '"' + "a" * 65 + '"', "[]"]
)
def test_an_id_that_could_lead_elsewhere_is_refused(literal: str) -> None:
    """An id becomes part of a path later, so it must need no quoting."""
    with pytest.raises(Unreadable):
        fields.identifier(Raw(literal.encode()), "id")


@pytest.mark.parametrize("literal", ["-1", "1.5", '"x"', '"' + "9" * 19 + '"', "[]"])
def test_a_client_number_is_whole(literal: str) -> None:
    """A client number that is no whole number is refused."""
    with pytest.raises(Unreadable):
        fields.small_integer(Raw(literal.encode()), "public_id")


def test_bad_utf8_is_refused() -> None:
    """A text that is no UTF-8 is refused without a decoder's error that would quote it."""
    with pytest.raises(Unreadable):
        fields.text(Raw(b'"\xff\xfe"'), "concept")


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        (None, ()),
        ("", ()),
        ("https://pay.example/1", ("https://pay.example/1",)),
        ("Pague en https://pay.example/1, o http://b.example.", ("https://pay.example/1", "http://b.example")),
        (["https://a.example", {"mp": {"url": "https://b.example"}}, "https://a.example"],
         ("https://a.example", "https://b.example")),
        ({"mercado_pago": "https://a.example/x?y=1&z=2", "n": 5}, ("https://a.example/x?y=1&z=2",)),
        ('<a href="https://a.example/p">pagar</a>', ("https://a.example/p",)),
        ('[{"url": "https:\\/\\/a.example\\/p"}]', ("https://a.example/p",)),
        ("javascript:alert(1) ftp://x.example data:,x https://", ()),
        (7, ()),
        (True, ()),
    ],
)  # fmt: skip
def test_pay_links_of_any_shape_give_their_addresses(value: object, urls: tuple[str, ...]) -> None:
    """Every http(s) address in the value is found, in order, once; nothing else is."""
    assert fields.urls(Raw(msgspec.json.encode(value))) == urls


def test_pay_links_without_end_are_bounded() -> None:
    """A deep, long or absent value costs nothing and breaks nothing."""
    assert fields.urls(Raw()) == ()
    assert fields.urls(Raw(b"[" * 9000 + b"]" * 9000)) == ()
    many = [f"https://a.example/{place}" for place in range(1000)]
    assert len(fields.urls(Raw(msgspec.json.encode(many)))) == 20
    assert fields.urls(Raw(msgspec.json.encode("https://a.example/" + "x" * 5000))) == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_pay_links_are_always_web_addresses(value: object) -> None:
    """Whatever stands there, only http and https come out."""
    found = fields.urls(Raw(msgspec.json.encode(value)))
    assert all(url.lower().startswith(("http://", "https://")) for url in found)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-10T09:00:00.000-03:00",
        "2026-03-10T12:00:00Z",
        "2026-03-10 12:00:00+00:00",
    ],
)
def test_an_instant_is_read_with_its_offset(written: str) -> None:
    """Whatever its offset, it is the same instant in UTC."""
    found = fields.instant(Raw(msgspec.json.encode(written)))
    assert found == datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "literal",
    [
        *("", "null", '""', '"2026-03-10"', '"2026-03-10T12:00:00"', '"yesterday"', "17", "{}"),
        *('"0001-01-01T00:00:00+14:00"', '"2026-13-10T12:00:00Z"', "[", '"\\ud800"'),
    ],
)
def test_what_is_no_instant_is_none_and_no_error(literal: str) -> None:
    """No record is set aside for an instant that only tells the order of a list."""
    assert fields.instant(Raw(literal.encode())) is None
