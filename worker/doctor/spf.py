"""An SPF record with all that it includes (RFC 7208): what it allows, and what breaks it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from worker.records import Records

MOST_LOOKUPS = 10  # RFC 7208 section 4.6.4
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:[:/](.*))?", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Spf:
    """What a record says.

    Attributes:
        fault: why receivers ignore it; `mend` says what to do, where that is more than publishing.
        lookups: questions to the DNS that it costs the receiver.
        everybody: it ends in +all.
        closed: it ends in ~all or -all.
        included: the domains that it includes, and those that they include.
        hosts: the names in `a:` and `mx`.
        networks: the addresses it names.
    """

    fault: str | None = None
    mend: str | None = None
    lookups: int = 0
    everybody: bool = False
    closed: bool = False
    included: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    networks: list[Network] = field(default_factory=list)

    def covers(self, address: str) -> bool:
        """Whether an address is in one of the networks."""
        one = ipaddress.ip_address(address)
        return any(one in network for network in self.networks)


def read_spf(domain: str, records: Records) -> Spf | None:
    """This function will read the record of a domain and everything that it includes.

    Returns:
        None where there is no record.

    Raises:
        UnknownError: if the DNS does not answer.
    """
    found = _records_of(domain, records)
    if not found:
        return None
    spf = Spf()
    _follow(domain, domain, found, spf, records)
    return spf


def _records_of(domain: str, records: Records) -> list[str]:
    return [
        text for text in records.texts(domain) if text.lower().split(" ", 1)[0].strip() == "v=spf1"
    ]


def _follow(domain: str, top: str, found: list[str], spf: Spf, records: Records) -> None:
    """Read one record into `spf`, then those that it leads to; stop at the first fault."""
    if len(found) != 1:
        spf.fault = (
            f"{domain} has {len(found)} SPF records"
            if found
            else f"{domain} is named, and has none"
        )
        spf.mend = (
            f"leave one of the SPF records of {domain}, with the mechanisms of all"
            if found
            else f"take include:{domain} out of the record of {top}"
        )
        return
    redirect: str | None = None
    has_all = False
    for term in found[0].split()[1:]:
        modifier = _MODIFIER.fullmatch(term)
        if modifier is not None:
            if modifier[1].lower() == "redirect":
                redirect = modifier[2]
            continue
        match = _TERM.fullmatch(term)
        if match is None:
            spf.fault = f"{domain} has {term[:40]!r} in it, which SPF does not know"
            spf.mend = f"take {term[:40]!r} out of the record of {domain}"
            return
        _read(match, domain, top, spf, records)
        if match[2].lower() == "all":
            has_all = True
            if domain == top:
                spf.everybody = match[1] in {"", "+"}
                spf.closed = match[1] in {"~", "-"}
            break  # what follows is never looked at (RFC 7208, 5.1)
        if spf.fault is not None:
            return
    if redirect is not None and not has_all:
        spf.closed = spf.closed or domain == top  # it is up to the other record
        _lead(redirect, top, spf, records)


def _read(match: re.Match[str], domain: str, top: str, spf: Spf, records: Records) -> None:
    kind, value = match[2].lower(), (match[3] or "").strip()
    if kind in {"ip4", "ip6"}:
        try:
            spf.networks.append(ipaddress.ip_network(value, strict=False))
        except ValueError:
            spf.fault = f"{domain} has {kind}:{value[:40]} in it, which is no address"
            spf.mend = f"write {kind}:ADDRESS or {kind}:ADDRESS/BITS in the record of {domain}"
    elif kind == "include":
        _lead(value, top, spf, records)
    elif kind in {"a", "mx"}:
        _count(spf, top)
        host = value.split("/")[0].lower().strip(".") or domain
        if "%" in host or spf.fault:
            return
        spf.hosts.update([host] if kind == "a" else records.mail_servers(host))
    elif kind in {"ptr", "exists"}:
        _count(spf, top)


def _count(spf: Spf, top: str) -> None:
    spf.lookups += 1
    if spf.lookups > MOST_LOOKUPS:
        spf.fault = f"it costs the receiver more than {MOST_LOOKUPS} lookups"
        spf.mend = f"take out of the record of {top} whatever no longer sends for it"


def _lead(target: str, top: str, spf: Spf, records: Records) -> None:
    """Follow an include or a redirect; a circle ends at the limit of lookups."""
    target = target.lower().strip(".")
    _count(spf, top)
    if spf.fault is not None or "%" in target:
        return
    spf.included.add(target)
    _follow(target, top, _records_of(target, records), spf, records)
