"""One customer on one screen, for whoever has them on the phone. Reads rows, asks nobody.

What went and what is to come is told by `billing.explain`, so that the card never says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from billing.channels import ChannelLine, channel_lines
from billing.explain import explain
from billing.explained import Entry, Explanation, Standing
from billing.ports import SecretError, VaultPort
from models import questions
from models.account import Account
from models.questions import InvoiceLine

#: So many closed invoices and so many alerts, either way, are what a call is about.
MOST_CLOSED, MOST_ALERTS = 3, 5
_WENT = frozenset({Standing.SENT, Standing.SENDING, Standing.UNCERTAIN, Standing.FAILED})
_COMING = frozenset({Standing.WILL_GO, Standing.WAITS})
#: Digits of a national id that are shown, as a bank does: enough to compare, too few to use.
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One alert of a customer; `invoice` is the number or id of what it is about, if anything."""

    invoice: str | None
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What support answers with.

    Args:
        explanation: the customer, what binds their alerts, and every alert.
        custom_id: the ISP's own id of them.
        national_id: its last digits behind "…"; never all of it (product.md, section 4).
        channels: in their order, with the numbers by which commands name them.
        open_invoices: our copies, the oldest due date first.
        closed_invoices: the last ones.
        closed: how many there are in all.
        last: the latest alerts, the youngest first.
        coming: the next ones, the soonest first.
    """

    explanation: Explanation
    custom_id: str | None
    national_id: str | None
    channels: tuple[ChannelLine, ...]
    open_invoices: tuple[InvoiceLine, ...]
    closed_invoices: tuple[InvoiceLine, ...]
    closed: int
    last: tuple[Told, ...]
    coming: tuple[Told, ...]


def card_of(session: Session, account: Account, vault: VaultPort, *, now: datetime) -> Card:
    """This function will gather what one screen says of an account.

    Args:
        session: reads.
        account: whose.
        vault: opens the national id, of which the end is shown.
        now: the present.
    """
    found = explain(session, account, now=now)
    lines = questions.invoices(session, account.id)
    is_open = [line.state == "pending" and not line.vanished for line in lines]
    opened = [line for line, still in zip(lines, is_open, strict=True) if still]
    closed = [line for line, still in zip(lines, is_open, strict=True) if not still]
    told = list(_told(found))
    went = [one for one in told if one.entry.state in _WENT or _was_ended(one.entry)]
    coming = [one for one in told if one.entry.state in _COMING]
    return Card(
        explanation=found,
        custom_id=account.custom_id,
        national_id=_end_of(account.national_id_sealed, vault),
        channels=tuple(channel_lines(session, account, now=now)),
        open_invoices=tuple(reversed(opened)),
        closed_invoices=tuple(closed[:MOST_CLOSED]),
        closed=len(closed),
        last=tuple(sorted(went, key=lambda one: _at(one, now), reverse=True)[:MOST_ALERTS]),
        coming=tuple(
            sorted(coming, key=lambda one: (one.entry.when is None, _at(one, now)))[:MOST_ALERTS]
        ),
    )


def _told(found: Explanation) -> Iterable[Told]:
    for story in found.invoices:
        for entry in story.entries:
            yield Told(invoice=story.number or story.invoice_id, entry=entry)
    for entry in found.others:
        yield Told(invoice=None, entry=entry)


def _was_ended(entry: Entry) -> bool:
    """Whether there was an alert for a channel, and something spoke against it."""
    return entry.recorded and entry.channel is not None and entry.state not in _COMING


def _at(told: Told, now: datetime) -> datetime:
    return told.entry.when or told.entry.due_at or now


def _end_of(sealed: str | None, vault: VaultPort) -> str | None:
    """Return "…222"; of a short one nothing is shown, nor of one that no key opens."""
    if sealed is None:
        return None
    try:
        text = vault.open(sealed)
    except SecretError:
        return "…"
    return f"…{text[-_SHOWN:]}" if len(text) >= 2 * _SHOWN else "…"
