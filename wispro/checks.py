"""What is checked before a question goes out, and again on what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.values import ClientField
from wispro import fields
from wispro.errors import Refused, UnexpectedResponse

if TYPE_CHECKING:
    from billing.values import ClientFacts


def client_matches(client: ClientFacts, by: ClientField, wanted: str) -> bool:
    """Whether the client's own field is what was asked for."""
    match by:
        case ClientField.PUBLIC_ID:
            return client.public_id == int(wanted)
        case ClientField.CUSTOM_ID:
            return client.custom_id == wanted
        case ClientField.NATIONAL_ID:
            return client.national_id == wanted
        case ClientField.EMAIL:
            return client.email is not None and client.email.casefold() == wanted.casefold()


def same_id(found: str, wanted: str, what: str) -> None:
    """Raise `UnexpectedResponse` if a record other than the one asked for came back."""
    if found != wanted:
        raise UnexpectedResponse(f"Wispro gave {what} with another id than the one asked for.")


def sendable_id(value: str) -> str:
    """Return the id if it can stand in a path; raise `Refused` before anything is sent."""
    if not fields.is_identifier(value):
        raise Refused("A Wispro id holds letters, digits and dashes only; nothing was sent.")
    return value


def not_blank(value: str) -> str:
    """Return the value of a filter as it is; raise `Refused` if it is empty or blank."""
    if not value.strip():
        raise Refused("An empty filter makes Wispro give everything; nothing was sent.")
    return value


def whole_number(value: str) -> int:
    """Return a client number; raise `Refused` if it is none, for Wispro would read 0."""
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise Refused("A client number is a whole number; nothing was sent.")
    return int(digits)
