"""Whether a host that a stranger named may be called from inside the ISP's network. Pure.

A worker stands where its operator's routers, databases and cloud metadata answer. Whoever may name
a host may otherwise make it knock there, and learn from the outcome what is open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: Finds the addresses of a name, as texts; raises OSError where there are none.
Resolve = Callable[[str], Iterable[str]]
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
#: Ends of names that lead inside (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`), or that
#: people use as if they did.
_INSIDE = frozenset(
    {
        *("arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local"),
        *("localdomain", "localhost", "onion", "private"),
    }
)
#: IPv6 in which an IPv4 address travels: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
_LAST_32 = tuple(map(ip_network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_6TO4 = ip_network("2002::/16")
_TEREDO = ip_network("2001::/32")


def public_host(host: str, *, resolve: Resolve) -> str | None:
    """This function will return a host in its plain form if it lies in the public internet.

    Args:
        host: as it was typed: a name or an address, without a port.
        resolve: finds the addresses of a name; every one of them has to be public.

    Returns:
        The name in lower case and ASCII, without a dot at its end; None for what is inside, has no
        address, or is no plain name. An address, however it is written, is no name: nobody's push
        server is known by one.
    """
    name = plain_name(host)
    if name is None:
        return None
    try:
        found = list(resolve(name))
    except (OSError, UnicodeError):
        return None
    return name if found and all(is_public(one) for one in found) else None


def plain_name(host: str) -> str | None:
    """This function will return a name of the public DNS in its plain form, or None.

    What a resolver may read as an address is refused by its last label: 127.1, 2130706433,
    0x7f000001 and 0177.0.0.1 all end in one that begins with a digit, as no top-level domain does.
    """
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(one) for one in labels):
        return None
    if labels[-1][0].isdigit() or labels[-1] in _INSIDE:
        return None
    return name


def is_public(address: str) -> bool:
    """This function will say whether an IP address lies in the public internet.

    An IPv4 address inside an IPv6 one counts as itself. Addresses for private use, loopback,
    links, carriers' NAT (RFC 6598: that of the very ISP), documentation and groups do not.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(found) if isinstance(found, IPv6Address) else None
    if inner is not None:
        return _is_global(inner)
    return "%" not in address and _is_global(found)


def _is_global(found: IPv4Address | IPv6Address) -> bool:
    return found.is_global and not found.is_multicast and not found.is_reserved


def _inside(found: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for; its own loopback for what hides."""
    number = int(found)
    if any(found in network for network in _LAST_32):
        return IPv4Address(number & 0xFFFFFFFF)
    if found in _6TO4:
        return IPv4Address((number >> 80) & 0xFFFFFFFF)
    if found in _TEREDO or found in _LOCAL_NAT64:
        return IPv4Address("127.0.0.1")  # whoever hides an address has a reason
    return None
