"""Whether what is sealed still opens."""

from __future__ import annotations

from billing.ports import SecretError, VaultPort


def opens(vault: VaultPort, sealed: str) -> bool:
    """This function will say whether some key of the ring opens a sealed value."""
    try:
        vault.open(sealed)
    except SecretError:
        return False
    return True
