"""What an answer of Wispro means: its envelope, the error that may be in it, its page of records.

The order of the checks: HTTP status (transport.py) → is it JSON → the `status` of the envelope →
the shape of `data`. Each record is then read on its own (records.py), so that a bad one is set
aside by name while the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, overload

import msgspec
from msgspec import Raw

from billing.values import SetAside
from wispro import fields
from wispro.errors import BrokenResponse, UnexpectedResponse, error_for_status
from wispro.fields import Unreadable
from wispro.records import ABSENT, as_struct, record_id, record_ids

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Goes into every fingerprint. Change it with the way in which records are read, so that what an
#: older program read is read again.
_READER = b"reader 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole 2xx answer. `retry_after` serves errors that come inside a 200."""

    body: bytes
    retry_after: float | None


class _Envelope(msgspec.Struct):
    status: Raw = ABSENT
    meta: Raw = ABSENT
    data: Raw = ABSENT


class _Meta(msgspec.Struct):
    pagination: Raw = ABSENT


class _Pagination(msgspec.Struct):
    total_records: Raw = ABSENT
    total_pages: Raw = ABSENT
    per_page: Raw = ABSENT


class Row(Generic[T]):
    """One record of a page, read when it is asked for.

    `key` tells it from others, `fingerprint` (63 bits of a hash of its bytes) from what it was at
    another time. Exactly one of `record` and `set_aside` is not None.

    Args:
        key: its id, or what stands for it.
        fingerprint: of its bytes.
        raw: its bytes.
        read: reads them.
    """

    __slots__ = ("_raw", "_read", "_record", "_set_aside", "fingerprint", "key")

    def __init__(
        self, key: str, fingerprint: int, raw: Raw, read: Callable[[Raw], T | SetAside]
    ) -> None:
        self.key = key
        self.fingerprint = fingerprint
        self._raw = raw
        self._read: Callable[[Raw], T | SetAside] | None = read
        self._record: T | None = None
        self._set_aside: SetAside | None = None

    @property
    def record(self) -> T | None:
        """What it says."""
        self._load()
        return self._record

    @property
    def set_aside(self) -> SetAside | None:
        """Why it cannot be read."""
        self._load()
        return self._set_aside

    def _load(self) -> None:
        if self._read is None:
            return
        found, self._read = self._read(self._raw), None
        if isinstance(found, SetAside):
            self._set_aside = found
        else:
            self._record = found


class Rows(Sequence[Row[T]]):
    """The records of a page, named and hashed when the first is asked for.

    So that a page can be fetched in one thread and taken apart in another.

    Args:
        data: the bytes of the list.
        raws: of each record.
        read: reads one of them.
    """

    def __init__(self, data: Raw, raws: list[Raw], read: Callable[[Raw], T | SetAside]) -> None:
        self._data = data
        self._raws = raws
        self._read = read
        self._rows: list[Row[T]] | None = None

    def __len__(self) -> int:
        return len(self._raws)

    def __iter__(self) -> Iterator[Row[T]]:
        return iter(self._all())

    @overload
    def __getitem__(self, place: int) -> Row[T]: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row[T]]: ...

    def __getitem__(self, place: int | slice) -> Row[T] | list[Row[T]]:
        return self._all()[place]

    def _all(self) -> list[Row[T]]:
        if self._rows is None:
            raws, read = self._raws, self._read
            ids = record_ids(self._data) or [record_id(raw) for raw in raws]
            self._rows = [
                Row(one or _name_of(raw), _fingerprint(raw), raw, read)
                for raw, one in zip(raws, ids, strict=True)
            ]
        return self._rows


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePage(Generic[T]):
    """One page as Wispro gave it, before any re-check; `per_page` is what it says of itself."""

    rows: Sequence[Row[T]]
    total_records: int
    total_pages: int
    per_page: int | None = None


def page(answer: Answer, read: Callable[[Raw], T], *, what: str) -> WirePage[T]:
    """Return one page of a list.

    Args:
        answer: the whole answer.
        read: turns one raw record into a fact, or raises `Unreadable`.
        what: the resource, for messages and for the records set aside.

    Raises:
        WisproError: for an error in the body, and for anything that is not a list with its totals.
    """
    envelope = _open(answer, what)
    raws = _list_of_raws(envelope.data)
    if raws is None:
        raise UnexpectedResponse(f"Wispro gave something else than a list of {what}.")
    totals = _totals(envelope.meta)
    if totals is None:
        raise UnexpectedResponse(f"Wispro gave {what} without saying how many there are.")

    def load(raw: Raw) -> T | SetAside:
        try:
            return read(raw)
        except Unreadable as problem:
            why = f"cannot be read: {problem}"
        return SetAside(resource=what, record_id=record_id(raw), why=why)

    return WirePage(
        rows=Rows(envelope.data, raws, load),
        total_records=totals[0],
        total_pages=totals[1],
        per_page=totals[2] or None,
    )


def single(answer: Answer, read: Callable[[Raw], T], *, what: str) -> T:
    """Return the one record of an answer.

    Raises:
        WisproError: for an error in the body, a list, or a record that cannot be read.
    """
    envelope = _open(answer, what)
    problem = ""
    try:
        return read(envelope.data)
    except Unreadable as found:
        problem = str(found)
    raise UnexpectedResponse(f"Wispro gave {what} that cannot be read: {problem}.")


def pdf(answer: Answer, *, what: str) -> bytes:
    """Return the PDF of an answer, if it is one from its first bytes to its end mark.

    Raises:
        WisproError: the error of an envelope that came instead of it, or why it is no whole PDF.
    """
    if not answer.body.startswith(b"%PDF"):
        if answer.body.lstrip()[:1] == b"{":
            _open(answer, what)
        raise UnexpectedResponse(f"Wispro gave something else than {what}.")
    if b"%%EOF" not in answer.body[-1024:]:  # readers look for it in the last 1024 bytes
        raise BrokenResponse(f"Wispro's answer about {what} broke off before its end.")
    return answer.body


def _open(answer: Answer, what: str) -> _Envelope:
    envelope: _Envelope | None = None
    broken = False
    try:
        envelope = msgspec.json.decode(answer.body, type=_Envelope)
    except msgspec.ValidationError:
        pass
    except (ValueError, RecursionError):
        broken = True
    if broken:
        raise BrokenResponse(f"Wispro's answer about {what} is not whole JSON.")
    if envelope is None:
        raise UnexpectedResponse(f"Wispro gave {what} without the usual envelope.")
    status = _integer(envelope.status)
    if status is None:
        raise UnexpectedResponse(f"Wispro gave {what} without a status.")
    error = error_for_status(status, what=what, retry_after=answer.retry_after)
    if error is not None:
        raise error
    return envelope


def _integer(raw: Raw) -> int | None:
    try:
        return fields.small_integer(raw, "")
    except Unreadable:
        return None


def _list_of_raws(data: Raw) -> list[Raw] | None:
    try:
        return msgspec.json.decode(data, type=list[Raw])
    except (ValueError, RecursionError):
        return None


def _totals(meta: Raw) -> tuple[int, int, int | None] | None:
    try:
        pagination = as_struct(as_struct(meta, _Meta).pagination, _Pagination)
    except Unreadable:
        return None
    records, pages = _integer(pagination.total_records), _integer(pagination.total_pages)
    if records is None or pages is None:
        return None
    return records, pages, _integer(pagination.per_page)


def _fingerprint(raw: Raw) -> int:
    """Return 63 bits, which every database holds in a signed integer."""
    digest = hashlib.blake2b(raw, digest_size=8, person=_READER).digest()
    return int.from_bytes(digest, "big") >> 1


def _name_of(raw: Raw) -> str:
    """Return what stands for the id of a record that has none."""
    return "raw:" + hashlib.sha256(raw).hexdigest()
