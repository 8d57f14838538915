"""Whether receivers can believe that a sender's domain is who it says: SPF, DKIM, DMARC and MX.

Gmail, Yahoo and Microsoft put mail into spam, or refuse it, where these lack; from 5 000 messages a
day they demand all of them. Each finding says what is there, why it matters, and the record to
publish. What the DNS did not answer is "not checked", and no fault.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from notifications.sender import Sender
from worker.doctor.finding import Finding
from worker.doctor.spf import Spf, read_spf
from worker.records import Records, UnknownError

#: Selectors that the usual mail systems choose when nobody else does.
USUAL_SELECTORS = (
    "default", "mail", "dkim", "google", "selector1", "selector2", "s1", "s2", "k1", "k2", "smtp",
    "zoho", "mx", "key1",
)  # fmt: skip
#: Names that are never in the DNS (RFC 2606, RFC 6761, RFC 6762).
_RESERVED = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost|local)$|^[^.]*$")

#: Servers of providers, by the end of their name, and what their customers add to SPF.
_PROVIDERS = {
    "gmail.com": "include:_spf.google.com",
    "google.com": "include:_spf.google.com",
    "office365.com": "include:spf.protection.outlook.com",
    "outlook.com": "include:spf.protection.outlook.com",
    "amazonaws.com": "include:amazonses.com",
    "sendgrid.net": "include:sendgrid.net",
    "mailgun.org": "include:mailgun.org",
    "brevo.com": "include:spf.brevo.com",
    "zoho.com": "include:zoho.com",
}

_SHORTEST_KEY = 1024  # RFC 8301 section 3.2
_GOOD_KEY = 2048


def sender_findings(slug: str, sender: Sender, records: Records) -> list[Finding]:
    """This function will ask the DNS about a sender's domain, and say what receivers make of it.

    Args:
        slug: of the ISP.
        sender: whose domain.
        records: the DNS.
    """
    prefix = f"{slug}: {sender.domain}"
    if _RESERVED.search(sender.domain):
        return [Finding(prefix, ok=True, found="not checked: this name is never in the DNS")]
    questions: dict[str, Callable[[str, Sender, Records], Finding]] = {
        "SPF": _spf,
        "DKIM": _dkim,
        "DMARC": _dmarc,
        "MX": _mx,
    }
    findings = []
    for name, ask in questions.items():
        what = f"{prefix} {name}"
        try:
            findings.append(ask(what, sender, records))
        except UnknownError as error:
            findings.append(Finding(what, ok=True, found=f"not checked: {error}"))
    return findings


def _bad(what: str, found: str, why: str, mend: str) -> Finding:
    return Finding(what, ok=False, found=f"{found}: {why}", mend=mend)


# -- SPF ------------------------------------------------------------------------------------------


def _spf(what: str, sender: Sender, records: Records) -> Finding:
    domain = sender.domain
    ours = _mechanism(sender)
    spf = read_spf(domain, records)
    publish = f'publish TXT {domain} "v=spf1 {ours} ~all"'
    if spf is None:
        why = "receivers cannot tell your server from a forger's"
        return _bad(what, "no record says which servers may send for it", why, publish)
    if spf.fault is not None:
        return _bad(
            what, spf.fault, "receivers ignore a record that is broken", spf.mend or publish
        )
    if spf.everybody:
        why = "anybody may send in your name"
        return _bad(what, "it ends in +all", why, f'end the record of {domain} in "~all"')
    if ours.startswith("include:") and ours.removeprefix("include:") not in spf.included:
        found = f"it does not name the servers of {sender.server}, over which you send"
        mend = f'add {ours} to the record of {domain}, before its "all"'
        return _bad(what, found, "receivers take your alerts for forged", mend)
    found = f"published, {spf.lookups} of the 10 lookups that are allowed"
    if not ours.startswith("include:") and not _names_server(spf, sender.server, records):
        found += (
            f"; it does not name {sender.server}: if that server delivers by itself, add {ours}"
        )
    if not spf.closed:
        found += '; without "~all" or "-all" at its end it forbids nobody'
    return Finding(what, ok=True, found=found)


def _mechanism(sender: Sender) -> str:
    """Return what names the sending server in SPF."""
    for suffix, mechanism in _PROVIDERS.items():
        if sender.server == suffix or sender.server.endswith(f".{suffix}"):
            return mechanism
    if re.fullmatch(r"[0-9.]+", sender.server):
        return f"ip4:{sender.server}"
    return f"ip6:{sender.server}" if ":" in sender.server else f"a:{sender.server}"


def _names_server(spf: Spf, server: str, records: Records) -> bool:
    if server in spf.hosts:
        return True
    bare = re.fullmatch(r"[0-9.]+", server) or ":" in server
    return any(spf.covers(one) for one in ([server] if bare else records.addresses(server)))


# -- DKIM -----------------------------------------------------------------------------------------


def _dkim(what: str, sender: Sender, records: Records) -> Finding:
    asked = [sender.selector] if sender.selector else list(USUAL_SELECTORS)
    keys: dict[str, dict[str, str]] = {}
    for selector in asked:
        for text in records.texts(f"{selector}._domainkey.{sender.domain}"):
            tags = _tags(text)
            if "p" in tags and tags.get("v", "DKIM1") == "DKIM1":
                keys[selector] = tags
    why = "receivers cannot see that nobody changed or forged the message"
    if not keys and sender.selector is None:
        found = (
            "could not be checked: none of the usual selectors is published; "
            "give yours in the sending account: …?from=…&dkim=SELECTOR"
        )
        return Finding(what, ok=True, found=found)
    publish = (
        f"publish TXT {asked[0]}._domainkey.{sender.domain} "
        '"v=DKIM1; k=rsa; p=…" with the key that your mail server shows'
    )
    if not keys:
        return _bad(what, f"no key under the selector {sender.selector}", why, publish)
    faults = {selector: _fault_of_key(tags) for selector, tags in keys.items()}
    good = [selector for selector, fault in faults.items() if fault is None]
    if not good:
        selector, fault = next(iter(faults.items()))
        return _bad(what, f"the key under {selector} {fault}", why, publish)
    found = f"a key is published under {', '.join(good)}"
    if "y" in keys[good[0]].get("t", ""):
        found += "; t=y says that it is only a test: take it out once signatures arrive"
    elif (_bits(keys[good[0]]) or _GOOD_KEY) < _GOOD_KEY:
        found += f"; {_GOOD_KEY} bits are recommended, it has {_bits(keys[good[0]])}"
    return Finding(what, ok=True, found=found)


def _fault_of_key(tags: dict[str, str]) -> str | None:
    if not tags["p"]:
        return "is empty, which means revoked"
    try:
        bits = _bits(tags)
    except ValueError:
        return "cannot be read"
    if bits is not None and bits < _SHORTEST_KEY:
        return f"has {bits} bits, and receivers ignore less than {_SHORTEST_KEY}"
    return None


def _bits(tags: dict[str, str]) -> int | None:
    """Return the length of an RSA key, None for another kind.

    Raises:
        ValueError: if it is no key.
    """
    try:
        raw = base64.b64decode(re.sub(r"\s", "", tags["p"]), validate=True)
        if tags.get("k", "rsa") != "rsa":
            return None
        key = load_der_public_key(raw)
    except (binascii.Error, UnsupportedAlgorithm):
        raise ValueError("no key") from None
    return key.key_size if isinstance(key, RSAPublicKey) else None


# -- DMARC ----------------------------------------------------------------------------------------


def _dmarc(what: str, sender: Sender, records: Records) -> Finding:
    domain = sender.domain
    why = "receivers do not know what to do with forgeries, and large ones demand it of senders"
    publish = f'publish TXT _dmarc.{domain} "v=DMARC1; p=none; rua=mailto:postmaster@{domain}"'
    # A subdomain obeys the record of its organisation; the walk up is RFC 7489 without its list of
    # public suffixes.
    labels = domain.split(".")
    for place in range(len(labels) - 1):
        owner = ".".join(labels[place:])
        found = [
            tags
            for text in records.texts(f"_dmarc.{owner}")
            if (tags := _tags(text)).get("v") == "DMARC1" and tags.get("psd") != "y"
        ]
        if len(found) > 1:
            mend = f"leave one of the TXT records of _dmarc.{owner}"
            return _bad(what, f"{len(found)} records", "receivers then ignore all of them", mend)
        if found:
            return _judged_dmarc(what, owner, found[0], below=place > 0, publish=publish)
    return _bad(what, "no record", why, publish)


def _judged_dmarc(
    what: str, owner: str, tags: dict[str, str], *, below: bool, publish: str
) -> Finding:
    wanted = tags.get("sp", tags.get("p", "")) if below else tags.get("p", "")
    if wanted.lower() not in {"none", "quarantine", "reject"}:
        found = f"the policy of _dmarc.{owner} is {wanted[:20] or 'missing'!r}"
        return _bad(what, found, "receivers ignore a record that is broken", publish)
    said = f"published at _dmarc.{owner}, p={wanted.lower()}"
    if wanted.lower() == "none":
        said += "; it watches only: p=quarantine once the reports show that all your mail passes"
    if "rua" not in tags:
        said += f"; without rua=mailto:… nobody reports to you who sends as {owner}"
    return Finding(what, ok=True, found=said)


# -- MX -------------------------------------------------------------------------------------------


def _mx(what: str, sender: Sender, records: Records) -> Finding:
    domain = sender.domain
    servers = records.mail_servers(domain)
    why = "answers and returned mail are lost, and some receivers refuse such a sender"
    publish = f'publish MX {domain} "10 mail.{domain}", or send from a domain that takes mail'
    if servers == [""]:
        return _bad(what, "it says that it takes no mail", why, publish)
    if not servers:
        if records.addresses(domain):
            found = "no record; mail for it goes to the host of that name"
            return Finding(what, ok=True, found=found)
        return _bad(what, "it takes no mail", why, publish)
    if not any(records.addresses(server) for server in servers if server):
        found = f"{', '.join(servers)} has no address"
        return _bad(what, found, why, f"publish A {servers[0]} with the address of the server")
    return Finding(what, ok=True, found=f"mail for it goes to {', '.join(servers)}")


def _tags(text: str) -> dict[str, str]:
    """Return `name=value; …` as RFC 6376 section 3.2 reads it; nothing of a text that is not."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags
