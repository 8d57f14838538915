"""Numbers of invoices as people say them: "A-0001-793", "0001-793" and "793" are one. Pure."""

from __future__ import annotations

import re

_GROUP = re.compile(r"[0-9]+|[^\W\d_]+")
_DIGITS = re.compile(r"[0-9]+")


def end_of(number: str | None) -> str | None:
    """Return the last group of digits without the zeros in front, or None where there is none.

    Args:
        number: as Wispro writes it, or as somebody says it.
    """
    found = _DIGITS.findall(number or "")
    return (found[-1].lstrip("0") or "0") if found else None


def may_be(said: str, number: str) -> bool:
    """Return whether somebody who says this means the invoice with this number.

    Whoever leaves something out leaves out the beginning; zeros in front do not count.
    """
    wanted = _groups(said)
    return bool(wanted) and _groups(number)[-len(wanted) :] == wanted


def _groups(number: str) -> list[str]:
    return [
        (group.lstrip("0") or "0") if group.isdigit() else group
        for group in _GROUP.findall(number.casefold())
    ]
