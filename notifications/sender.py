"""Who an e-mail says it is from, read off a sending account."""

from __future__ import annotations

import re
from dataclasses import dataclass

from billing.ports import DestinationError
from notifications import channels
from notifications.email import AlertEmail

_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Sender:
    """The domain after the @, the server that takes the mail, and the DKIM selector if given."""

    domain: str
    server: str
    selector: str | None = None


def sender_of(url: str) -> Sender:
    """Return what a sending account of e-mail says; `dkim=SELECTOR` in it names the selector.

    Raises:
        DestinationError: if it is none, or the selector is not a name.
    """
    with channels.listening():
        service = channels.instantiate(
            channels.addressed("email", url, "prueba@example.org"),
            asset=channels.asset_for("Alerta Internet"),
            connect=1,
            read=1,
            kind=AlertEmail,
        )
    selector = channels.option(url, "dkim")
    if selector is not None and not _SELECTOR.fullmatch(selector):
        raise DestinationError("dkim= in a sending account names a selector, such as dkim=mail")
    domain = service.addresses[0].rpartition("@")[2]
    return Sender(domain=domain, server=service.account.host.lower(), selector=selector)
