"""The same JSON as `Invoice.wire` gives, put together from bytes: lists are read by the million.

What repeats (amounts, billing periods) is encoded once; what belongs to one record is put between.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from wispro.sandbox.model import money_text, net_and_tax, uuid_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from wispro.sandbox.model import Client, Invoice, Isp, Period

_encoded = msgspec.json.Encoder().encode
_INVOICE = f'"{uuid_of("invoice", 0)[:-12]}'.encode()
_CONTRACT = f'"{uuid_of("contract", 0)[:-12]}'.encode()
_LINK = b'{"gateway":"mercado_pago","url":"https://pay.example.org/i/%d"}'
_KIND = f',"invoicing_firm_id":"{uuid_of("firm", 1)}","kind_invoice":"argentina_b"'.encode()


def invoice_json(invoice: Invoice, client: Client, isp: Isp) -> bytes:
    """Write an invoice as `msgspec.json.encode(invoice.wire(client, isp))` would."""
    if invoice.extra is not None:
        return _encoded(invoice.wire(client, isp))
    number, place = invoice.number, invoice.place
    own = b'%b%012x"' % (_INVOICE, place)
    dates, concept = _period(invoice.period)
    amounts, shares = _amounts(invoice.amount)
    holder = _encoded(
        {
            "client_name": client.name,
            "client_email": client.email,
            "client_phone": client.phone,
            "client_address": client.address,
            "client_national_identification_number": client.national_id,
            "client_taxpayer_identification_number": client.taxpayer_id,
            "client_vat_condition": "consumidor_final",
            "invoicing_firm_company_name": isp.name,
        }
    )
    return b"".join(
        (
            b'{"id":',
            own,
            b',"contract_id":%b%012x"' % (_CONTRACT, invoice.contract),
            _KIND,
            b',"invoice_number":',
            b"null" if number is None else _encoded(str(number)),
            dates,
            b',"state":"%b"' % invoice.state.encode(),
            amounts,
            _balance(invoice.balance),
            b',"concept":',
            concept,
            b",",
            holder[1:-1],
            b',"items":[{"id":%b%012x","invoice_id":' % (_INVOICE, place + 0xA00000000000),
            own,
            b',"description":',
            concept,
            b',"product_code":null,"quantity":"1.0"',
            shares,
            b'}],"payment_links":[',
            _LINK % place if invoice.state == "pending" else b"",
            b"]}",
        )
    )


@lru_cache(4096)
def _balance(amount: Decimal) -> bytes:
    return _members({"balance": money_text(amount)})


@lru_cache(4096)
def _period(period: Period) -> tuple[bytes, bytes]:
    dates = {
        "from": period.starts,
        "to": period.ends,
        "issued_at": period.issued_at,
        "first_due_date": period.first_due_date,
        "second_due_date": period.second_due_date,
        "created_at": period.issued_at,
        "updated_at": period.issued_at,
    }
    return _members(dates), _encoded(period.concept)


@lru_cache(4096)
def _amounts(amount: Decimal) -> tuple[bytes, bytes]:
    """Write the amounts of an invoice, and those of its item, which come in another order."""
    whole = {"amount": money_text(amount), "gross_amount": money_text(amount)}
    net, tax = net_and_tax(amount)
    printed = {**whole, "net_amount": net, "tax_amount": tax, "discount_amount": "0.0"}
    itemised = {**whole, "tax_amount": tax, "net_amount": net, "discount_amount": "0.0"}
    return _members(printed), _members(itemised)


def _members(some: Mapping[str, str | None]) -> bytes:
    """Write the members of an object, each with a comma before it."""
    return b"," + _encoded(some)[1:-1]
