"""Whether an alert is wanted, where and when it may go first, and if it still stands. Pure.

The planner asks before it writes a row, and the simulation before it counts a message.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from billing import keys
from billing.calendar import Calendar
from billing.policy import Manner, Occurrence, Policy
from billing.reactions import new_terms
from billing.values import AlertKind, InvoiceFacts, Reason

#: product.md, section 3, rule 10: no second copy of a step sent in the last 72 h.
NO_REPEAT_FOR = timedelta(hours=72)


def unwanted(
    policy: Policy, steps_off: Collection[str], kind: AlertKind, step: str
) -> Reason | None:
    """This function will say why an alert is not wanted at all, or None.

    Args:
        policy: of the ISP.
        steps_off: what the customer does not want: "overdue", or one step, "due_soon -5d".
        kind: of the alert.
        step: its name.
    """
    if policy.manner_of(kind, step) is None:
        return Reason.NOT_IN_POLICY
    if steps_off and {kind.value, f"{kind.value} {step}"} & set(steps_off):
        return Reason.STEP_OFF
    return None


def is_capped(policy: Policy, kind: AlertKind, step: str) -> bool:
    """This function will say whether the caps on unpaid alerts bind an alert."""
    manner = policy.manner_of(kind, step)
    if manner is None or manner.capped is None:
        return kind.capped
    return manner.capped


def off_channel(manner: Manner, *, medium: str, scheme: str) -> Reason | None:
    """This function will say why an alert does not go on a channel, or None."""
    return None if manner.uses(medium=medium, scheme=scheme) else Reason.NOT_IN_POLICY


def refused(
    policy: Policy,
    steps_off: Collection[str],
    *,
    kind: AlertKind,
    anchor: str,
    step: str,
    medium: str,
    scheme: str,
) -> Reason | None:
    """This function will say why an alert that was planned is not wanted any more on a channel.

    A dated step that the policy no longer has does not `stand`, which says it better.

    Args:
        policy: in force now.
        steps_off: as in `unwanted`.
        kind: of the alert.
        anchor: of its key.
        step: of its key.
        medium: of the channel.
        scheme: of the channel.
    """
    manner = policy.manner_of(kind, step)
    if manner is None and keys.is_dated(anchor, step):
        return None
    why = unwanted(policy, steps_off, kind, step)
    if why is not None or manner is None:
        return why
    return off_channel(manner, medium=medium, scheme=scheme)


def first_slot(
    calendar: Calendar, *, soonest: datetime, useful_until: datetime | None
) -> tuple[datetime, Reason | None]:
    """This function will say when an alert may go first.

    Args:
        calendar: of the account.
        soonest: nothing goes before.
        useful_until: from then on it is worthless; None = never.

    Returns:
        The instant, and why it can never go if the contact hours leave no time for it. Where no
        opening is found at all the gate says so, with the reason.
    """
    goes_at = calendar.next_open(soonest) or soonest
    if useful_until is not None and soonest < useful_until <= goes_at:
        return goes_at, calendar.why_closed(soonest)
    return goes_at, None


def stands(
    kind: AlertKind,
    *,
    anchor: str,
    anchor_date: date,
    step: str,
    facts: InvoiceFacts,
    laid: Sequence[Occurrence],
) -> bool:
    """This function will say whether the date of a reminder, or a change's new value, still holds.

    Args:
        kind: of the alert, whose key the next three belong to.
        anchor: what its date is counted from.
        anchor_date: that date.
        step: its name.
        facts: its invoice as it is now.
        laid: the steps of the policy on that invoice.
    """
    if kind is AlertKind.CHANGED:
        return step == new_terms(facts)
    if not keys.is_dated(anchor, step):
        return True
    return any(
        item.step.kind is kind and item.step.name == step and item.anchor_date == anchor_date
        for item in laid
    )
