"""Which conversation a message belongs to: in a mail program, one for each invoice."""

from __future__ import annotations

from billing.letter import Letter
from billing.ports import VaultPort
from models.alert import Alert

_ABOUT_AN_INVOICE = "invoice:"
_PURPOSE = "conversation"


def conversation_of(vault: VaultPort, alert: Alert, letter: Letter) -> str | None:
    """This function will name the conversation of a message, the same for all about one invoice.

    Args:
        vault: makes a keyed hash, so that nobody learns an id of Wispro or guesses the name.
        alert: what the message is about, and whose.
        letter: what it says.

    Returns:
        None for a digest: it is about several invoices.
    """
    if letter.debts or not alert.subject.startswith(_ABOUT_AN_INVOICE):
        return None
    digest = vault.digest(f"{alert.account_id} {alert.subject}", purpose=_PURPOSE)
    return f"invoice-{digest[:32]}"
