"""Keep who a client is: ids that Wispro filters by, sealed or hashed where they are sensitive."""

from __future__ import annotations

from billing.ports import VaultPort
from billing.values import ClientFacts
from models.account import Account

#: Purposes of the keyed hashes, so that none can be compared with another.
LOGIN_PURPOSE = "login"
NATIONAL_ID_PURPOSE = "national-id"
DESTINATION_PURPOSE = "destination"
OPERATOR_PURPOSE = "operator"


#: The largest INTEGER of PostgreSQL; nobody has a client of that number.
_LARGEST_ID = 2**31 - 1


def storable(public_id: int | None) -> int | None:
    """This function will return a public id that both databases can keep, else None."""
    return public_id if public_id is not None and public_id <= _LARGEST_ID else None


def keep_identity(account: Account, client: ClientFacts, vault: VaultPort) -> None:
    """This function will lay what Wispro says of a client onto our account."""
    national_id = client.national_id
    account.public_id = storable(client.public_id)
    account.custom_id = client.custom_id[:200] if client.custom_id else None
    account.name = client.name[:300]
    account.national_id_sealed = vault.seal(national_id) if national_id else None
    account.national_id_digest = (
        vault.digest(national_id, purpose=NATIONAL_ID_PURPOSE) if national_id else None
    )
    account.login_digest = client.login_digest
    account.fingerprint = None
