"""The login token inside a portal QR, cut out the same way on both sides of the comparison."""

from __future__ import annotations

import re

_LOGIN_LINK = re.compile(
    r"https?://[^/\s?#]+/portal_api/auth/(?P<token>[A-Za-z0-9_-]{10,128})/*(?:[?#]\S*)?",
    re.IGNORECASE,
)


def login_token(text: str) -> str | None:
    """Return the token of a portal login link, or None where the text is no such link.

    The link (`https://<host>/portal_api/auth/<about 22 url-safe characters>`) is a bearer secret:
    digest what this returns at once, and keep neither. The host, a trailing slash, a query and
    surrounding blanks do not matter; the letters of the token do.

    Args:
        text: what a QR scanner read, or `link_mobile_login` of a Wispro client.
    """
    found = _LOGIN_LINK.fullmatch(text.strip())
    return found["token"] if found else None
