"""What a person types as a destination or a sending account, understood or refused.

Accepted: `ana@example.org`, `telegram:12345`, `telegram:@canal`, `ntfy:tema`, or a whole Apprise
URL that names exactly one recipient. An error names the accepted forms and never repeats what was
typed, which may hold a password.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from billing.ports import DestinationError, ParsedDestination
from billing.values import Medium
from notifications.capabilities import medium_of

FORMS = (
    "write an address (ana@example.org), telegram:12345, telegram:@channel, ntfy:topic, "
    "or a whole Apprise URL with one recipient"
)
#: Kinds of channel that go over the ISP's own sending account, and the URLs that can be one.
TRANSPORTS = {
    "email": ({"mailto", "mailtos"}, "mailtos://user:password@host?from=avisos@isp.example"),
    "telegram": ({"tgram"}, "tgram://TOKEN"),
    "ntfy": ({"ntfy", "ntfys"}, "ntfys://host"),
}
#: Schemas that act on the machine of the worker instead of telling a customer something.
LOCAL = frozenset({
    "blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "rsyslog", "syslog", "windows",
})  # fmt: skip

#: Gateways that drive WhatsApp Web in the name of a phone, against WhatsApp's terms: the number may
#: be banned for it. Of Apprise 2.2's plugins these two do; `whatsapp` is Meta's own Cloud API, and
#: gupshup, twilio and cm are its partners.
UNOFFICIAL_WHATSAPP = frozenset({"evolution", "evolutions", "whapi"})

LONGEST = 2000


@dataclass(frozen=True, slots=True)
class UrlFacts:
    """What can be said about an Apprise URL: its schema and its one recipient, where it has one."""

    schema: str
    target: str | None


_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_CHAT = re.compile(r"-?[1-9][0-9]{0,18}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}")


def email_address(text: str) -> str:
    """Return one plain e-mail address, its domain in ASCII and lower case.

    Raises:
        DestinationError: for a list, a display name, white space, control characters, or a local
            part outside of ASCII (it would need SMTPUTF8, which many servers lack).
    """
    local, at, domain = text.strip(" ").rpartition("@")
    if not at or not local:
        raise DestinationError(f"this is not an e-mail address: {FORMS}")
    if not local.isascii():
        raise DestinationError(
            "an e-mail address with accents before the @ cannot be used: many servers refuse it"
        )
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise DestinationError(f"the domain of this e-mail address is not valid: {FORMS}") from None
    if (
        len(local) > 64
        or len(local) + len(ascii_domain) + 1 > 254
        or not _LOCAL_PART.fullmatch(local)
        or not _DOMAIN.fullmatch(ascii_domain)
    ):
        raise DestinationError(f"this is not one plain e-mail address: {FORMS}")
    return f"{local}@{ascii_domain}"


def check_address(scheme: str, address: str) -> None:
    """Refuse a stored address that its kind of channel cannot have.

    Raises:
        DestinationError: if it is no address of this scheme.
    """
    pattern = {"telegram": _CHAT, "ntfy": _TOPIC}.get(scheme)
    if pattern is None:
        email_address(address)
    elif not pattern.fullmatch(address):
        raise DestinationError(f"this is not a destination of {scheme}: {FORMS}")


def mask_email(address: str) -> str:
    """Return `a…@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def parse_short(text: str) -> ParsedDestination | None:
    """Understand an address, `telegram:…` or `ntfy:…`; None for what may be an Apprise URL.

    Raises:
        DestinationError: if it is none of the accepted forms.
    """
    typed = text.strip(" ")
    if not typed or len(typed) > LONGEST or not typed.isprintable():
        raise DestinationError(f"this cannot be a destination: {FORMS}")
    if "://" in typed:
        if " " in typed:
            raise DestinationError(f"one channel takes one URL, without spaces: {FORMS}")
        return None
    scheme, colon, value = typed.partition(":")
    scheme, value = scheme.lower(), value.strip(" ")
    if colon and scheme == "telegram":
        if not _CHAT.fullmatch(value):
            raise DestinationError(
                "a Telegram destination is telegram:12345, telegram:-100123 or telegram:@channel"
            )
        return ParsedDestination(
            scheme="telegram",
            medium=Medium.CHAT,
            value=value,
            label=f"telegram {value if value[0] == '@' else '…' + value[-3:]}",
            needs_transport=True,
        )
    if colon and scheme == "ntfy":
        if not _TOPIC.fullmatch(value):
            raise DestinationError(
                "an ntfy destination is ntfy:topic, of letters, digits, - and _, at most 64"
            )
        return ParsedDestination(
            scheme="ntfy",
            medium=Medium.PUSH,
            value=value,
            label=f"ntfy …{value[-2:]}",
            needs_transport=True,
        )
    if colon and scheme in {"email", "mailto"}:
        typed = value
    if "@" not in typed:
        raise DestinationError(f"this destination is not understood: {FORMS}")
    address = email_address(typed)
    return ParsedDestination(
        scheme="email",
        medium=Medium.EMAIL,
        value=address,
        label=mask_email(address),
        needs_transport=True,
    )


def from_url(url: str, facts: UrlFacts) -> ParsedDestination:
    """Return the destination of a whole Apprise URL that was found to name one recipient."""
    medium = medium_of(facts.schema)
    if medium is Medium.EMAIL and facts.target and "@" in facts.target:
        label = f"{facts.schema} {mask_email(email_address(facts.target))}"
    elif facts.target:
        label = f"{facts.schema} …{facts.target[-2:]}"
    else:  # nothing of the URL may be shown, yet two of them must look different
        label = f"{facts.schema} …{hashlib.sha256(url.encode()).hexdigest()[:4]}"
    return ParsedDestination(
        scheme=facts.schema,
        medium=medium,
        value=url,
        label=label,
        needs_transport=False,
        ban_risk=facts.schema in UNOFFICIAL_WHATSAPP,
    )
