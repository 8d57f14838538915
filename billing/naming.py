"""How customers are named by whoever gives a command, and which of our accounts is meant."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from billing.identity import LOGIN_PURPOSE, NATIONAL_ID_PURPOSE, email_digest
from billing.isps import SetupError, find_isp
from billing.ports import VaultPort
from billing.values import ClientFacts, ClientField
from models.account import Account

PREFIXES = {
    "public": ClientField.PUBLIC_ID,
    "custom": ClientField.CUSTOM_ID,
    "national": ClientField.NATIONAL_ID,
    "email": ClientField.EMAIL,
}


class PairingError(SetupError):
    """The client or a destination cannot be used; the text says what to do."""


class AccountFinder:
    """Finds one of our accounts by anything that names its client.

    Args:
        vault: makes the keyed hashes.
        login_token: returns the token part of the text in a portal QR code, or None.
    """

    def __init__(self, vault: VaultPort, login_token: Callable[[str], str | None]) -> None:
        self._vault = vault
        self._login_token = login_token

    def find(self, session: Session, slug: str, text: str) -> Account:
        """This function will return the account that a text means at an ISP.

        Raises:
            SetupError: if the ISP is unknown.
            PairingError: if no account matches, or several do, with the candidates.
        """
        isp = find_isp(session, slug)
        query = select(Account).where(Account.isp_id == isp.id)
        text = text.strip()
        if (token := self._login_token(text)) is not None:
            digest = self._vault.digest(token, purpose=LOGIN_PURPOSE)
            found = list(session.scalars(query.where(Account.login_digest == digest)))
        else:
            found = list(session.scalars(query.where(or_(*_readings_of_ours(text, self._vault)))))
        if not found:
            raise PairingError("no account of ours matches; see alerta accounts, or pair it first")
        if len(found) > 1:
            candidates = [
                ClientFacts(client_id=a.client_id, public_id=a.public_id, name=a.name)
                for a in found
            ]
            raise PairingError(ambiguous(candidates))
        return found[0]


def _readings_of_ours(text: str, vault: VaultPort) -> list[ColumnElement[bool]]:
    """What a text may mean among our accounts; a prefix says which, as in `pair`."""
    prefix, colon, rest = text.partition(":")
    field = PREFIXES.get(prefix) if colon else None
    value = rest.strip() if field else text
    conditions: list[ColumnElement[bool]] = []
    if field in {None, ClientField.EMAIL} and (email := email_digest(value, vault)) is not None:
        conditions.append(Account.email_digest == email)
    if field is None:
        conditions.append(Account.client_id.in_([value, value.lower()]))
    if field in {None, ClientField.CUSTOM_ID}:
        conditions.append(Account.custom_id == value)
    if field in {None, ClientField.PUBLIC_ID} and re.fullmatch(r"[0-9]{1,9}", value):
        conditions.append(Account.public_id == int(value))
    if field in {None, ClientField.NATIONAL_ID}:
        digest = vault.digest(value, purpose=NATIONAL_ID_PURPOSE)
        conditions.append(Account.national_id_digest == digest)
    return conditions or [false()]


def ambiguous(candidates: list[ClientFacts]) -> str:
    """This function will say that several match, and how to name one of them."""
    ordered = sorted(candidates, key=lambda facts: facts.public_id or 0)
    named = "; ".join(
        f"{facts.name} (public:{facts.public_id}, {facts.client_id})" for facts in ordered[:10]
    )
    return f"{len(candidates)} clients match; name one of them by its UUID: {named}"
