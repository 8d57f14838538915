"""What shows afterwards that a message was rightly sent: the hash of its text, how rules stood."""

from __future__ import annotations

import hashlib
from datetime import datetime

from billing.contacts import counted
from billing.dossier import Dossier
from billing.letter import Message


def evidence_of(dossier: Dossier, message: Message, *, now: datetime) -> dict[str, str]:
    """This function will gather what is journaled with an attempt; no address, no text.

    Returns:
        `sha256` of subject and text, the `hours` that were open, the zone's `local` time, and how
        the `caps` stood before this message.
    """
    rules, limits = dossier.rules, dossier.limits
    calendar = rules.calendar
    text = f"{message.subject}\n{message.text}"
    caps = "exempt" if rules.policy.all_caps else "no caps"
    if limits is not None:
        caps = counted(limits.caps, limits.contacts, calendar, now=now)
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "local": now.astimezone(calendar.zone).isoformat(timespec="seconds"),
        "hours": f"{calendar.hours} ({calendar.zone.key})",
        "caps": caps,
    }
