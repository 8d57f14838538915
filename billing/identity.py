"""Keep who a client is: ids that Wispro filters by, sealed or hashed where they are sensitive."""

from __future__ import annotations

import re

from billing.names import words_of
from billing.ports import VaultPort
from billing.values import ClientFacts
from models.account import Account, AccountWord

#: Purposes of the keyed hashes, so that none can be compared with another.
LOGIN_PURPOSE = "login"
NATIONAL_ID_PURPOSE = "national-id"
DESTINATION_PURPOSE = "destination"
OPERATOR_PURPOSE = "operator"
EMAIL_PURPOSE = "email"


#: The largest INTEGER of PostgreSQL; nobody has a client of that number.
_LARGEST_ID = 2**31 - 1


def storable(public_id: int | None) -> int | None:
    """This function will return a public id that both databases can keep, else None."""
    return public_id if public_id is not None and public_id <= _LARGEST_ID else None


def email_digest(email: str | None, vault: VaultPort) -> str | None:
    """This function will return the keyed hash by which a client's e-mail address is found.

    Of several in one field the first counts; capitals do not.
    """
    found = re.split(r"[\s,;]+", (email or "").strip().lower())[0]
    return vault.digest(found, purpose=EMAIL_PURPOSE) if "@" in found else None


def keep_identity(account: Account, client: ClientFacts, vault: VaultPort) -> None:
    """This function will lay what Wispro says of a client onto our account."""
    national_id = client.national_id
    account.public_id = storable(client.public_id)
    account.custom_id = client.custom_id[:200] if client.custom_id else None
    if account.name != client.name[:300]:
        account.name = client.name[:300]
        _keep_words(account)
    account.national_id_sealed = vault.seal(national_id) if national_id else None
    account.national_id_digest = (
        vault.digest(national_id, purpose=NATIONAL_ID_PURPOSE) if national_id else None
    )
    account.email_digest = email_digest(client.email, vault)
    account.login_digest = client.login_digest
    account.fingerprint = None


def _keep_words(account: Account) -> None:
    known = {one.word: one for one in account.words}
    account.words = [
        known.get(word) or AccountWord(word=word, isp_id=account.isp_id)
        for word in words_of(account.name)
    ]
