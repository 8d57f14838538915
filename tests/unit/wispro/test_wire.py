"""Envelopes: what is an error, what is a list, what is neither."""

from __future__ import annotations

import msgspec
import pytest

from billing.values import SetAside
from wispro import records, wire
from wispro.errors import (
    BrokenResponse,
    LicenceExpired,
    NotAuthorized,
    NotFound,
    RateLimited,
    Refused,
    ServerError,
    UnexpectedResponse,
    WisproError,
)
from wispro.wire import Answer

INVOICE = {"id": "i-1", "state": "pending", "amount": "10.0"}


def body(**given: object) -> Answer:
    """Write an envelope."""
    return Answer(body=msgspec.json.encode(given), retry_after=4.0)


def pagination(total: object = 1, pages: object = 1) -> dict[str, object]:
    """Write the numbers of a list."""
    return {"pagination": {"total_records": total, "total_pages": pages, "per_page": 100}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, NotAuthorized),
        (402, LicenceExpired),
        (404, NotFound),
        (412, Refused),
        (429, RateLimited),
        (500, ServerError),
        ("401", NotAuthorized),
    ],
)
def test_an_error_inside_a_200_is_that_error(status: object, kind: type[WisproError]) -> None:
    """The body's status speaks before anything else in it, even where it also holds data."""
    with pytest.raises(kind):
        wire.page(
            body(status=status, message="Unauthorized", data=[], meta=pagination(0, 0)),
            records.invoice,
            what="invoices",
        )


def test_an_error_inside_a_200_keeps_the_pause_of_the_header() -> None:
    """A Retry-After counts for a 429 in the body as well."""
    with pytest.raises(RateLimited) as limited:
        wire.page(body(status=429), records.invoice, what="invoices")
    assert limited.value.retry_after == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b'{"status": 200, "data": [',
        b"\xff\xfe",
        b'{"data":' + b"[" * 9000,
        b'{"status":200}x',
    ],
)
def test_what_is_not_json_is_broken(answer: bytes) -> None:
    """HTML, cut-off JSON and noise may be whole the next time."""
    with pytest.raises(BrokenResponse) as broken:
        wire.page(Answer(body=answer, retry_after=None), records.invoice, what="invoices")
    assert broken.value.__context__ is None


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [INVOICE],
        "text",
        None,
        {"data": [INVOICE], "meta": pagination()},
        {"status": "ok", "data": [], "meta": pagination(0)},
        {"status": None, "data": [], "meta": pagination(0)},
        {"status": 200, "meta": pagination(0)},
        {"status": 200, "data": None, "meta": pagination(0)},
        {"status": 200, "data": INVOICE, "meta": pagination()},
        {"status": 200, "data": {}, "meta": pagination(0)},
        {"status": 200, "data": []},
        {"status": 200, "data": [], "meta": None},
        {"status": 200, "data": [], "meta": {"pagination": None}},
        {"status": 200, "data": [], "meta": pagination(None)},
        {"status": 200, "data": [], "meta": pagination(0, -1)},
    ],
)
def test_a_list_of_another_shape_is_never_an_empty_list(answer: object) -> None:
    """Bare lists, objects, nulls and missing totals are errors, never "no invoices"."""
    whole = Answer(body=msgspec.json.encode(answer), retry_after=None)
    with pytest.raises(UnexpectedResponse):
        wire.page(whole, records.invoice, what="invoices")


def test_one_bad_record_does_not_stop_the_others() -> None:
    """It is set aside by name, without its content."""
    page = wire.page(
        body(
            status=200,
            meta=pagination(4),
            data=[INVOICE, {**INVOICE, "id": "i-2", "amount": "NaN"}, "secret", {"id": None}],
        ),
        records.invoice,
        what="invoices",
    )
    assert [row.record.wispro_id for row in page.rows if row.record] == ["i-1"]
    assert [row.set_aside for row in page.rows if row.set_aside] == [
        SetAside(resource="invoices", record_id="i-2", why="cannot be read: amount"),
        SetAside(resource="invoices", record_id=None, why="cannot be read: not an object"),
        SetAside(resource="invoices", record_id=None, why="cannot be read: state"),
    ]
    assert len({row.key for row in page.rows}) == 4
    assert "secret" not in repr(page)


def test_a_single_record_is_read_or_refused() -> None:
    """A list, a null or an unreadable record in its place is an error."""
    assert wire.single(body(status=200, data=INVOICE), records.invoice, what="an invoice")
    for data in ([INVOICE], [], None, {"id": "i"}):
        with pytest.raises(UnexpectedResponse) as refused:
            wire.single(body(status=200, data=data), records.invoice, what="an invoice")
        assert refused.value.__context__ is None


PDF = b"%PDF-1.3\n1 0 obj\nendobj\ntrailer\n%%EOF\n"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", UnexpectedResponse),
        (b"<html></html>", UnexpectedResponse),
        (b" " + PDF, UnexpectedResponse),
        (PDF[:-8], BrokenResponse),
        (PDF + b"\n" * 1024, BrokenResponse),
        (b'{"status": 404}', NotFound),
        (b'{"status": 412, "message": "x"}', Refused),
        (b' {"status": 401}', NotAuthorized),
        (b'{"status": 200, "data": {}}', UnexpectedResponse),
        (b'{"status": 5', BrokenResponse),
    ],
)
def test_what_is_no_whole_pdf_says_why(answer: bytes, kind: type[WisproError]) -> None:
    """An error in the place of a PDF keeps its own reason; a cut-off PDF is not passed on."""
    with pytest.raises(WisproError) as refused:
        wire.pdf(Answer(body=answer, retry_after=None), what="an invoice PDF")
    assert type(refused.value) is kind


def test_a_whole_pdf_comes_back_as_it_is() -> None:
    """Begin and end are there: the bytes are passed on unchanged."""
    assert wire.pdf(Answer(body=PDF, retry_after=None), what="an invoice PDF") == PDF
