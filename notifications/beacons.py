"""Addresses that are called while all is well, and who may be called. Pure.

Whoever sets one has a shell on the machine of the worker, and the monitoring of an ISP is often
inside its network: any host may be called, the answer is never shown. Only the way there is looked
after: the path of such an address is its password, so that it travels encrypted, or within.
"""

from __future__ import annotations

import urllib.parse

from billing.ports import DestinationError
from notifications.hosts import is_public, plain_name

FORMS = (
    "must be an https:// address such as https://hc-ping.com/UUID "
    "(http:// only for a host inside: an address or a name that the public internet does not know)"
)
LONGEST = 500


def check_url(text: str) -> str:
    """This function will return an address that may be called, as it was given.

    Raises:
        DestinationError: if it may not; the text never repeats it.
    """
    url = text.strip()
    if not url or len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise DestinationError(FORMS)
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise DestinationError(FORMS) from None
    if not host or parts.fragment or parts.scheme not in {"http", "https"}:
        raise DestinationError(FORMS)
    if parts.scheme == "http" and (is_public(host) or plain_name(host) is not None):
        raise DestinationError(FORMS)
    return url


def label_of(url: str) -> str:
    """This function will return what of an address may be shown: its host."""
    host = urllib.parse.urlsplit(url).hostname or "?"
    return f"{host}/…"


def failure_of(url: str) -> str:
    """This function will return the address that says "it failed": `/fail` after the path."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/fail"))
