"""What a customer may name as a destination: little, and nothing that leads inside. Pure.

    ana@example.org           over the ISP's own mail account
    telegram:12345            over the ISP's own bot
    ntfy:topic                over the ISP's own ntfy account
    ntfys://ntfy.sh/topic     on a public host that the operator lists

Everything else of Apprise is the operator's: json://, xml:// and form:// call whatever host they
name, others carry accounts, and some act on this machine. Whatever customers can reach, the link to
a bot today and a page tomorrow, asks `own_destination`; nothing of what was typed is in an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from billing.ports import DestinationError, ParsedDestination
from billing.values import Medium
from notifications.destinations import LONGEST, UrlFacts, from_url, parse_short
from notifications.hosts import Resolve, plain_name, public_host

OWN_FORMS = "write an e-mail address (ana@example.org), telegram:12345 or ntfy:topic"
#: Where strangers may have a topic, unless the operator says otherwise.
PUBLIC_NTFY = frozenset({"ntfy.sh"})
#: Neither a user, nor a port, nor a query: what stands between the slashes is the host alone.
_NTFY_URL = re.compile(r"ntfys?://([^/@:?#\\\s]+)/([A-Za-z0-9_-]{1,64})/?", re.IGNORECASE)


def own_destination(
    text: str, *, resolve: Resolve, ntfy_hosts: Collection[str] = PUBLIC_NTFY
) -> ParsedDestination:
    """This function will understand a destination that a customer named.

    Args:
        text: as it was typed.
        resolve: finds the addresses of a name.
        ntfy_hosts: public hosts of ntfy on which a customer may have a topic.

    Raises:
        DestinationError: if it is none of the few kinds, or leads inside.
    """
    typed = text.strip(" ")
    if len(typed) > LONGEST or not typed.isprintable():
        raise DestinationError(f"this cannot be a destination: {OWN_FORMS}")
    if "://" in typed:
        return _on_public_ntfy(typed, resolve=resolve, ntfy_hosts=ntfy_hosts)
    try:
        parsed = parse_short(typed)
    except DestinationError:
        parsed = None
    if parsed is None:
        raise DestinationError(f"this is not a destination that you can name: {OWN_FORMS}")
    if parsed.medium is Medium.EMAIL and plain_name(parsed.value.rpartition("@")[2]) is None:
        raise DestinationError(f"no mail from outside arrives at this address: {OWN_FORMS}")
    return parsed


def _on_public_ntfy(
    typed: str, *, resolve: Resolve, ntfy_hosts: Collection[str]
) -> ParsedDestination:
    """Return a topic on a listed host; its URL is put together anew, always with TLS."""
    found = _NTFY_URL.fullmatch(typed)
    host = plain_name(found[1]) if found else None
    listed = host is not None and host in ntfy_hosts
    if found is None or host is None or not listed or public_host(host, resolve=resolve) is None:
        raise DestinationError(f"this is not a destination that you can name: {OWN_FORMS}")
    topic = found[2]
    return from_url(f"ntfys://{host}/{topic}", UrlFacts(schema="ntfys", target=topic))
