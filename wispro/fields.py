"""How one value of a Wispro record is read: each function takes one field, raw or as plain text.

Raw, because a value must be seen as it was written: a number that passes through a float is no
longer the amount on the invoice, and a date that passes through UTC may be another day. A JSON
text may come decoded already, which is what nearly every field is; None stands for null.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

_NUMERAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ][0-9]{2}:[0-9]{2}\S*(?: ?\S+)?)?", re.ASCII)
_URL = re.compile(r"https?://[^\s\"'<>\\|^`{}]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_MOST_DIGITS = 24  # no invoice needs more; keeps "1e999" from growing into a gigabyte of zeros
_FEW_DIGITS = 12  # a plain numeral of this length cannot be of an insane size
_MOST_URLS = 20
_LONGEST_URL = 2048
_DEEPEST_LINKS = 6
#: Longer texts are not remembered: who sends megabytes of them is not to fill our memory.
_SHORT = 64
#: Stand for a text that is none, in what is remembered; told by identity.
_NO_AMOUNT, _NO_DAY = Decimal("NaN"), date(1, 1, 1)
_NO_LINKS = frozenset({b"", b"null", b"[]", b"{}", b'""'})


Value = Raw | str | int | None


class Unreadable(ValueError):  # noqa: N818 - it says what the field is
    """A field does not hold what it should; the text is the field's name, never its content."""


def raw_text(raw: Value, field: str) -> str | None:
    """Return a text or the literal of a number, exactly as written; None for null or absence.

    Raises:
        Unreadable: if it is anything else (a list, an object, true, bad UTF-8).
    """
    if raw is None or raw.__class__ is str:
        return raw
    if raw.__class__ is int:
        return str(raw)
    assert isinstance(raw, Raw)
    literal = bytes(raw).strip()
    if not literal or literal == b"null":
        return None
    if literal[:1] == b'"':
        text = _decoded(raw)
        if isinstance(text, str):
            return text
    elif literal[:1] in b"-0123456789":
        return literal.decode("ascii", "replace")
    raise Unreadable(field)


def _decoded(raw: Raw) -> Any:
    """Decode any JSON; None where it cannot be decoded."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):  # malformed, bad UTF-8, nested without end
        return None


def exact(raw: Value, field: str) -> str | None:
    """Return a text with its blanks and leading zeros; None for null and for nothing but blanks.

    Control characters go: no database keeps a NUL, and no number of a document holds one.
    """
    text = raw_text(raw, field)
    if text is None:
        return None
    if not text.isprintable():
        text = _CONTROL.sub("", text)
    return text if text.strip() else None


def text(raw: Value, field: str) -> str | None:
    """Return a text for people: one line, no surrounding blanks; None for null and emptiness."""
    found = raw_text(raw, field)
    if found is None:
        return None
    if found.isprintable() and "  " not in found:  # of blanks, only the plain one is printable
        return found.strip() or None
    return " ".join(_CONTROL.sub(" ", found).split()) or None


def number(raw: Value, field: str) -> str | None:
    """Return the number of an invoice as text; null, "", "null" mean "not numbered yet"."""
    found = text(raw, field)
    return None if found is None or found.casefold() == "null" else found


def identifier(raw: Value, field: str) -> str | None:
    """Return an id (a UUID, in practice) that can stand in a path without quoting.

    Raises:
        Unreadable: if it holds anything but letters, digits, `-` and `_`.
    """
    if raw.__class__ is str and is_identifier(raw):  # which leaves nothing to tidy
        return raw
    found = text(raw, field)
    if found is not None and not is_identifier(found):
        raise Unreadable(field)
    return found


def is_identifier(candidate: str) -> bool:
    """Whether a text can stand in a path as an id."""
    return _IDENTIFIER.fullmatch(candidate) is not None


def small_integer(raw: Value, field: str) -> int | None:
    """Return a whole number such as `public_id`, given as a number or as text."""
    found = text(raw, field)
    if found is None:
        return None
    if len(found) > 18 or not (found.isascii() and found.isdigit()):
        raise Unreadable(field)
    return int(found)


def money(raw: Value, field: str) -> Decimal | None:
    """Return an exact amount from text or number; None for null and emptiness.

    Raises:
        Unreadable: for anything but a plain finite decimal of a sane size ("NaN", "2.590,00").
    """
    written = raw_text(raw, field)
    if written is None:
        return None
    amount = _amount(written) if len(written) <= _SHORT else _amount.__wrapped__(written)
    if amount is _NO_AMOUNT:
        raise Unreadable(field)
    return amount


@lru_cache(maxsize=4096)
def _amount(written: str) -> Decimal | None:
    """Return an amount, `_NO_AMOUNT` for what is none. A price list is short: amounts repeat."""
    found = text(written, "")
    if found is None or found.casefold() == "null":
        return None
    amount = _plain_amount(found)
    return _NO_AMOUNT if amount is None else amount


def _plain_amount(found: str) -> Decimal | None:
    if len(found) > 2 * _MOST_DIGITS or not _NUMERAL.fullmatch(found):
        return None
    amount = Decimal(found)
    if len(found) <= _FEW_DIGITS and "e" not in found and "E" not in found:
        return amount or Decimal(0)
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # the pattern lets no NaN or infinity through
    if amount and not (len(digits) <= _MOST_DIGITS and exponent >= -12 and amount.adjusted() <= 12):
        return None
    return amount or Decimal(0)


def calendar_date(raw: Value, field: str) -> date | None:
    """Return the calendar date as written in a date or a date-time; its zone plays no part.

    Raises:
        Unreadable: for another notation, or a day that no calendar has.
    """
    written = raw_text(raw, field)
    if written is None:
        return None
    day = _day(written) if len(written) <= _SHORT else _day.__wrapped__(written)
    if day is _NO_DAY:
        raise Unreadable(field)
    return day


@lru_cache(maxsize=4096)
def _day(written: str) -> date | None:
    """Return a day, `_NO_DAY` for what is none. Thousands of invoices share a due date."""
    found = text(written, "")
    if found is None or found.casefold() == "null":
        return None
    parts = _DATE.fullmatch(found)
    if parts is None:
        return _NO_DAY
    try:
        return date.fromisoformat(parts[1])
    except ValueError:
        return _NO_DAY


def instant(raw: Value) -> datetime | None:
    """Return an instant in UTC; None for whatever is none, for no record depends on it."""
    try:
        moment = datetime.fromisoformat(raw_text(raw, "") or "")
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # Unreadable is a ValueError
        return None


def urls(raw: Raw) -> tuple[str, ...]:
    """Return every http(s) address in a value of unknown shape, in order, each once."""
    found: dict[str, None] = {}
    literal = bytes(raw)
    if literal in _NO_LINKS:
        return ()
    _gather(_decoded(raw), found, _DEEPEST_LINKS)
    return tuple(found)[:_MOST_URLS]


def _gather(value: Any, found: dict[str, None], depth: int) -> None:
    if depth == 0:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _gather(key, found, depth - 1)
            _gather(inner, found, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _gather(inner, found, depth - 1)
    elif isinstance(value, str):
        _gather_from_text(value, found, depth)


def _gather_from_text(value: str, found: dict[str, None], depth: int) -> None:
    if value[:1] in {"[", "{"}:  # JSON written into a text
        inner = _decoded(Raw(value.encode("utf-8", "replace")))
        if inner is not None:
            _gather(inner, found, depth - 1)
            return
    for match in _URL.finditer(value):
        url = match[0].rstrip(".,;:!?)]")
        if len(url) <= _LONGEST_URL and not url.endswith("//"):
            found.setdefault(url)
