"""The one place where the unique key of an alert is built.

A key is made of stable ids and ISO dates only (product.md, section 2):
`(account, subject, kind, anchor date, step)`, and `(alert, channel)` for its deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from billing.policy import Anchor, Occurrence
from billing.values import AlertKind

#: The subject of what is about an account's old debts and not about one invoice.
RELEASE = "baseline"
#: Steps of alerts that no date makes us owe: the announcement, and the warning before a cut-off.
FIRST_SIGHT, ALERTED = "first_sight", "alerted"
#: Of what is said to a channel about itself.
_CHANNEL, _ADDED = "channel:", "added"


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What makes two alerts of one account the same."""

    subject: str
    kind: AlertKind
    anchor: Anchor
    anchor_date: date
    step: str


def of_step(invoice_id: str, occurrence: Occurrence) -> AlertKey:
    """Key of a date-driven alert; a moved due date makes another one."""
    step = occurrence.step
    return AlertKey(
        f"invoice:{invoice_id}", step.kind, step.anchor, occurrence.anchor_date, step.name
    )


def of_issue(invoice_id: str, anchor_date: date) -> AlertKey:
    """Key of the announcement; one per invoice, whatever else moves."""
    return AlertKey(
        f"invoice:{invoice_id}", AlertKind.ISSUED, Anchor.ISSUED, anchor_date, FIRST_SIGHT
    )


def of_change(invoice_id: str, kind: AlertKind, day: date, what: str = "") -> AlertKey:
    """Key of an alert about a change: one per invoice, kind, day and new value."""
    return AlertKey(f"invoice:{invoice_id}", kind, Anchor.CHANGE, day, what or "seen")


def of_release(baseline_date: date) -> AlertKey:
    """Key of the digest of old debts: one per account and silent first look."""
    return AlertKey(RELEASE, AlertKind.DIGEST, Anchor.CHANGE, baseline_date, "baseline")


def of_cutoff(invoice_id: str, day: date) -> AlertKey:
    """Key of the warning before a contract is cut off: one per invoice and day."""
    return AlertKey(f"invoice:{invoice_id}", AlertKind.CUTOFF_WARNING, Anchor.CUTOFF, day, ALERTED)


def of_welcome(channel_id: int, added_date: date) -> AlertKey:
    """Key of what a new channel is told: one as long as its row lives.

    Args:
        channel_id: of its row.
        added_date: the day, in UTC, on which the row was made, which never changes.
    """
    subject = f"{_CHANNEL}{channel_id}"
    return AlertKey(subject, AlertKind.WELCOME, Anchor.CHANGE, added_date, _ADDED)


def of_test(channel_id: int, day: date, now: datetime) -> AlertKey:
    """Key of a test message: one for each time that somebody asks."""
    step = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return AlertKey(f"{_CHANNEL}{channel_id}", AlertKind.TEST, Anchor.CHANGE, day, step)


def is_dated(anchor: str, step: str) -> bool:
    """Whether an alert was made of a step of the policy, and so goes with its date."""
    return anchor != Anchor.CHANGE.value and step not in {FIRST_SIGHT, ALERTED}
