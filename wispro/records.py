"""The records that we read from Wispro, by allow-list.

The structs name the only fields that ever become Python values. Contracts carry PPPoE and Wi-Fi
passwords: those stay undecoded bytes of a response that is thrown away. Every field is taken raw
and read by `fields.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Raw

from billing.values import (
    Balance,
    ClientFacts,
    ContractFacts,
    ContractState,
    InvoiceFacts,
    InvoiceState,
    PaymentFacts,
)
from wispro import fields
from wispro.fields import Unreadable
from wispro.login import login_token

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

ABSENT = Raw()


class _OnlyId(msgspec.Struct):
    id: Raw = ABSENT


class _Invoice(_OnlyId):
    state: Raw = ABSENT
    amount: Raw = ABSENT
    balance: Raw = ABSENT
    invoice_number: Raw = ABSENT
    contract_id: Raw = ABSENT
    issued_at: Raw = ABSENT
    first_due_date: Raw = ABSENT
    second_due_date: Raw = ABSENT
    created_at: Raw = ABSENT
    period_from: Raw = msgspec.field(default=ABSENT, name="from")
    period_to: Raw = msgspec.field(default=ABSENT, name="to")
    concept: Raw = ABSENT
    payment_links: Raw = ABSENT
    client_national_identification_number: Raw = ABSENT


class _Client(_OnlyId):
    public_id: Raw = ABSENT
    custom_id: Raw = ABSENT
    name: Raw = ABSENT
    email: Raw = ABSENT
    national_identification_number: Raw = ABSENT
    link_mobile_login: Raw = ABSENT


class _Contract(_OnlyId):
    public_id: Raw = ABSENT
    client_id: Raw = ABSENT
    state: Raw = ABSENT


class _Payment(_OnlyId):
    state: Raw = ABSENT
    client_id: Raw = ABSENT
    payment_transactions: Raw = ABSENT


class _Part(msgspec.Struct):
    invoice_id: Raw = ABSENT
    amount: Raw = ABSENT


class _Account(msgspec.Struct):
    balance_amount: Raw = ABSENT
    credit_amount: Raw = ABSENT
    invoice_balance_amount: Raw = ABSENT


_WHOLE = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


def _twin(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    """Return a decoder of the same object with every field a text or a whole number.

    That is what nearly all of them are, and such a number is written in one way only.
    """
    named = [
        (
            one.name,
            Raw if one.name == "payment_links" else str | _WHOLE | None,
            msgspec.field(
                default=ABSENT if one.name == "payment_links" else None, name=one.encode_name
            ),
        )
        for one in msgspec.structs.fields(kind)
    ]
    return msgspec.json.Decoder(msgspec.defstruct(f"{kind.__name__}OfTexts", named))


def _of_texts(raw: Raw, kind: type[S], twin: msgspec.json.Decoder[Any]) -> S:
    """Decode an object whose fields are texts or null; any other by its raw fields.

    Raises:
        Unreadable: if it is no object.
    """
    try:
        return cast("S", twin.decode(raw))
    except (ValueError, RecursionError):
        return as_struct(raw, kind)


def as_struct(raw: Raw, kind: type[S]) -> S:
    """Decode the fields of an object that `kind` names, and nothing else of it.

    Raises:
        Unreadable: if it is no object.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError):
        pass
    raise Unreadable("not an object")


_INVOICE, _CONTRACT, _CLIENT = _twin(_Invoice), _twin(_Contract), _twin(_Client)


def record_ids(data: Raw) -> list[str | None] | None:
    """Return the ids of all records of a list at once, None where one is no readable text."""
    try:
        found = _IDS.decode(data)
    except (ValueError, RecursionError):
        return None
    ids = [one.id for one in found]
    return list(ids) if all(map(fields.is_identifier, ids)) else None


class _TextId(msgspec.Struct):
    id: str


_IDS = msgspec.json.Decoder(list[_TextId])


def record_id(raw: Raw) -> str | None:
    """Return the id of a record of any kind, or None where it has none that can be read."""
    try:
        return fields.identifier(as_struct(raw, _OnlyId).id, "id")
    except Unreadable:
        return None


def _required(value: T | None, field: str) -> T:
    if value is None:
        raise Unreadable(field)
    return value


_STATES = {state.value: state for state in InvoiceState}


def invoice(raw: Raw) -> InvoiceFacts:
    """Read one invoice. An unknown state is kept as it is written; an amount is required.

    Raises:
        Unreadable: if a field that we keep cannot be read.
    """
    record = _of_texts(raw, _Invoice, _INVOICE)
    raw_state = _required(fields.text(record.state, "state"), "state")
    balance = fields.money(record.balance, "balance")
    amount = fields.money(record.amount, "amount")
    if amount is None:  # what is still due is the least that it was issued for
        amount = _required(balance, "amount")
    return InvoiceFacts(
        wispro_id=_required(fields.identifier(record.id, "id"), "id"),
        state=_STATES.get(raw_state.lower(), InvoiceState.UNKNOWN),
        raw_state=raw_state,
        amount=amount,
        balance=balance,
        number=fields.number(record.invoice_number, "invoice_number"),
        contract_id=fields.identifier(record.contract_id, "contract_id"),
        issued_date=fields.calendar_date(record.issued_at, "issued_at"),
        first_due_date=fields.calendar_date(record.first_due_date, "first_due_date"),
        second_due_date=fields.calendar_date(record.second_due_date, "second_due_date"),
        period_from=fields.calendar_date(record.period_from, "from"),
        period_to=fields.calendar_date(record.period_to, "to"),
        concept=fields.text(record.concept, "concept"),
        pay_urls=fields.urls(record.payment_links),
        holder_national_id=fields.exact(
            record.client_national_identification_number, "client_national_identification_number"
        ),
        created_at=fields.instant(record.created_at),
    )


def client(raw: Raw, digest_login: Callable[[str], str]) -> ClientFacts:
    """Read one client; its login link becomes a digest here and is kept nowhere.

    Raises:
        Unreadable: if a field that we keep cannot be read.
    """
    record = _of_texts(raw, _Client, _CLIENT)
    token = login_token(fields.raw_text(record.link_mobile_login, "link_mobile_login") or "")
    return ClientFacts(
        client_id=_required(fields.identifier(record.id, "id"), "id"),
        public_id=fields.small_integer(record.public_id, "public_id"),
        custom_id=fields.exact(record.custom_id, "custom_id"),
        name=fields.text(record.name, "name") or "",
        email=fields.text(record.email, "email"),
        national_id=fields.exact(
            record.national_identification_number, "national_identification_number"
        ),
        login_digest=digest_login(token) if token else None,
    )


def contract(raw: Raw) -> ContractFacts:
    """Read the four fields of a contract that we keep.

    Raises:
        Unreadable: if one of them cannot be read.
    """
    record = _of_texts(raw, _Contract, _CONTRACT)
    try:
        state = ContractState((fields.text(record.state, "state") or "").lower())
    except Unreadable:
        raise
    except ValueError:
        state = ContractState.UNKNOWN
    return ContractFacts(
        contract_id=_required(fields.identifier(record.id, "id"), "id"),
        client_id=_required(fields.identifier(record.client_id, "client_id"), "client_id"),
        public_id=fields.small_integer(record.public_id, "public_id"),
        state=state,
    )


def payment(raw: Raw) -> PaymentFacts:
    """Read a payment: who paid, whether it stands, and which invoices it paid.

    Raises:
        Unreadable: if one of these cannot be read.
    """
    record = as_struct(raw, _Payment)
    try:
        raws = msgspec.json.decode(record.payment_transactions or b"[]", type=list[Raw])
    except (ValueError, RecursionError):
        raise Unreadable("payment_transactions") from None
    parts = [
        (fields.identifier(part.invoice_id, "invoice_id"), fields.money(part.amount, "amount"))
        for part in (as_struct(raw, _Part) for raw in raws)
    ]
    return PaymentFacts(
        payment_id=_required(fields.identifier(record.id, "id"), "id"),
        client_id=fields.identifier(record.client_id, "client_id"),
        success=(fields.text(record.state, "state") or "").lower() == "success",
        parts=tuple((paid, amount) for paid, amount in parts if paid and amount is not None),
    )


def balance(raw: Raw) -> Balance:
    """Read a current account.

    Raises:
        Unreadable: if an amount cannot be read, or the balance is missing.
    """
    record = as_struct(raw, _Account)
    return Balance(
        balance_amount=_required(
            fields.money(record.balance_amount, "balance_amount"), "balance_amount"
        ),
        credit_amount=fields.money(record.credit_amount, "credit_amount"),
        invoice_balance_amount=fields.money(
            record.invoice_balance_amount, "invoice_balance_amount"
        ),
    )
