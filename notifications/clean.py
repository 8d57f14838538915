"""Text and links that came from somebody else's record, made fit to show.

A customer's name is typed by a person into another system: it may hold line breaks, control
characters, text-direction overrides or half a surrogate pair. Nothing of that may reach a mail
header, and nothing of it may stop an alert.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, urlsplit, urlunsplit

#: What other systems print where they have nothing to say; the app of the seed showed "Nº null".
MISSING = frozenset({"null", "none", "nil", "undefined", "nan", "n/a", "-", "--", "."})

_TO_SPACE = frozenset({"Zl", "Zp", "Zs"})
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})

NAME_LENGTH = 80
NUMBER_LENGTH = 40
SUPPORT_LENGTH = 120
URL_LENGTH = 2000


def clean_text(text: str | None, *, limit: int) -> str:
    """Return one line of printable text of at most `limit` characters, "" where there is none.

    Line breaks and tabs become spaces; control, format (direction overrides, zero-width),
    surrogate and unassigned characters are dropped; a placeholder such as "null" counts as nothing.
    """
    if not text:
        return ""
    kept: list[str] = []
    for char in text:
        category = unicodedata.category(char)
        if category in _TO_SPACE or char in "\t\n\r\v\f\x85":
            kept.append(" ")
        elif category not in _DROPPED:
            kept.append(char)
    line = " ".join("".join(kept).split())
    if line.casefold() in MISSING or not any(char.isalnum() for char in line):
        return ""
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean_url(url: str | None) -> str | None:
    """Return an ASCII http(s) link that is safe in HTML, text and headers, or None.

    Anything that is not plain (another scheme, white space, control characters, a user name before
    the host, no host) is no link: a payment alert must not carry a doubtful one.
    """
    if not url:
        return None
    url = url.strip()
    if len(url) > URL_LENGTH or any(
        char.isspace() or unicodedata.category(char) in _DROPPED for char in url
    ):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:  # UnicodeError included: a host or port that is none
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host or "@" in parts.netloc:
        return None
    if not all(char.isalnum() or char in "-._:" for char in host):
        return None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    return urlunsplit(
        (
            parts.scheme.lower(),
            netloc,
            quote(parts.path, safe="/%:@!$&'()*+,;=~-._"),
            quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]"),
            quote(parts.fragment, safe="/?%:@!$&'()*+,;=~-._"),
        )
    )
