"""The facts about one account at the beginning of a simulation, as values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from billing.calendar import Contact
from billing.held import Held
from billing.values import AlertKind, InvoiceFacts

#: What makes a step of an invoice the same: kind, anchor date, name.
StepKey = tuple[str, date, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNow:
    """One channel. `reachable` = there is a sending account for it, or it needs none."""

    id: int
    scheme: str
    medium: str
    enabled: bool = True
    reachable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceNow:
    """One invoice that is open, or that a planned delivery is about.

    Args:
        id: of its row.
        facts: our copy.
        first_seen_at: when we saw it first.
        baseline: that was the account's silent first look.
        vanished: Wispro no longer knows it.
        steps_until: up to when steps were decided.
        plan_at: when the planner asks next; None = never.
        alerted_on: since when its contract is `alerted`.
        suspended: the service of its contract is cut off.
        known: the steps of which there is an alert already.
        sent: the steps that left lately, with the instant: no second copy within 72 h.
        holds: on this invoice.
    """

    id: int
    facts: InvoiceFacts
    first_seen_at: datetime
    baseline: bool
    vanished: bool = False
    steps_until: datetime | None = None
    plan_at: datetime | None = None
    alerted_on: date | None = None
    suspended: bool = False
    known: frozenset[StepKey] = frozenset()
    sent: Sequence[tuple[StepKey, datetime]] = ()
    holds: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNow:
    """One delivery that waits for its time; `invoice_id` is None for a digest of old debts."""

    id: int
    alert_id: int
    invoice_id: int | None
    channel_id: int
    kind: AlertKind
    anchor: str
    anchor_date: date
    step: str
    due_at: datetime
    useful_until: datetime | None
    not_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNow:
    """One paired account.

    Args:
        id: of its row.
        hours: its own contact hours, as text; None = the ISP's.
        steps_off: what it does not want.
        channels: by id, the disabled ones too.
        invoices: by id.
        holds: on the whole account.
        contacts: the unpaid alerts that went lately, each with its kind and step, since it is the
            policy that says which of them count for the caps.
        planned: deliveries that wait, by id.
    """

    id: int
    hours: str | None = None
    steps_off: tuple[str, ...] = ()
    channels: Sequence[ChannelNow] = ()
    invoices: Sequence[InvoiceNow] = ()
    holds: tuple[Held, ...] = ()
    contacts: Sequence[tuple[AlertKind, str, Contact]] = ()
    planned: Sequence[PlannedNow] = field(default=())
