"""The last word before a send: go, look again, wait, or end with a reason. Pure.

The order of the rules is part of the meaning: an alert that must never go is ended before anybody
is asked anything, the hours are respected before Wispro is asked, and money is judged only on data
that is fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from billing.calendar import Calendar, Caps, Contact, refusal
from billing.held import Held
from billing.policy import Occurrence, overtaken
from billing.values import AlertKind, Balance, DeliveryState, InvoiceFacts, InvoiceState, Reason

#: product.md, section 3, rule 4: an unpaid alert goes only on a look at most this old.
FRESH_FOR = timedelta(minutes=5)
#: How soon to ask again whether the operator has spoken.
HELD_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Go:
    """Send it now. `covered` = the customer's credit pays it: announce, ask for nothing."""

    covered: bool = False


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Ask Wispro about this invoice (and the account's balance) first.

    `why` is what is wrong if this is still the verdict after a look.
    """

    why: str = "the account's balance contradicts itself; see alerta doctor"


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: keep the row, come back at `until`."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class End:
    """Never: settle the row in this state, with this reason."""

    state: DeliveryState
    reason: Reason


Verdict = Go | LookAgain | Wait | End


class Rule(StrEnum):
    """What is asked before a send, in this order; `alerta explain` shows each answer."""

    PAIRED = "paired"
    CHANNEL = "channel"
    WANTED = "wanted"
    OWED = "owed"
    CURRENT = "current"
    SUSPENDED = "suspended"
    HOLD = "hold"
    BREAKER = "breaker"
    HOURS = "hours"
    CAPS = "caps"
    LOOK = "look"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of a delivery: None = nothing against it."""

    rule: Rule
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account may still get of unpaid alerts.

    Args:
        caps: of the country and of the ISP; none by default.
        contacts: the unpaid alerts that went, or may have gone, to this account lately.
        alert_key: of the alert at hand, as in `contacts`.
        channel_key: of the channel at hand, likewise.
    """

    caps: Caps = field(default_factory=Caps)
    contacts: Sequence[Contact] = ()
    alert_key: int | str = ""
    channel_key: int | str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facing:
    """What any alert has to face, one about an invoice and a digest alike.

    Args:
        useful_until: from then on the alert is worthless; None = never.
        owed: what the account owes at the last look (positive = owes); None = not asked.
        minimum: least amount that the ISP asks for.
        held: a run waits for the operator's word (product.md, rule 20): nothing is sent meanwhile.
        disabled: the operator switched the ISP off: nothing is sent until it is enabled again.
        hold: what staff or the customer said, if that is in force.
        limits: how often this account may be asked; None = the caps do not bind this alert.
    """

    kind: AlertKind
    useful_until: datetime | None
    owed: Decimal | None
    minimum: Decimal
    paired: bool
    channel_enabled: bool
    calendar: Calendar
    held: bool = False
    disabled: bool = False
    hold: Held | None = None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Facing):
    """The facts about one delivery, as they stand.

    Args:
        due_at: when the alert's step came due; later steps overtake it.
        vanished: Wispro no longer knows the invoice.
        checked_at: when the request that last confirmed this invoice began.
        laid: the policy's steps on this invoice.
        stands: what the alert was planned for is still so (the due date of a reminder, the new
            value of a change).
        step: the name of the alert's own step, which does not overtake itself.
        unwanted: why the ISP's policy or the customer wants no such alert (any more).
        suspended: the service of its contract is cut off.
    """

    due_at: datetime
    invoice: InvoiceFacts
    vanished: bool
    checked_at: datetime | None
    laid: Sequence[Occurrence]
    stands: bool = True
    step: str = ""
    unwanted: Reason | None = None
    suspended: bool = False


C = TypeVar("C")
#: What is asked, in this order.
Rules = Sequence[tuple[Rule, Callable[[C, datetime], Verdict | None]]]


def decide(case: Case, *, now: datetime) -> Verdict:
    """This function will say what becomes of a claimed delivery at this instant."""
    return first_verdict(_RULES, case, now=now)


def findings(case: Case, *, now: datetime) -> tuple[Finding, ...]:
    """This function will give what every rule says; the first that is not None is the verdict."""
    return all_findings(_RULES, case, now=now)


def first_verdict(rules: Rules[C], case: C, *, now: datetime) -> Verdict:
    """This function will ask rules in their order until one speaks; none = go."""
    for _, judge in rules:
        verdict = judge(case, now)
        if verdict is not None:
            return verdict
    return Go()


def all_findings(rules: Rules[C], case: C, *, now: datetime) -> tuple[Finding, ...]:
    """This function will ask every rule, whatever the others say."""
    return tuple(Finding(rule, judge(case, now)) for rule, judge in rules)


def closed(calendar: Calendar, *, now: datetime, useful_until: datetime | None) -> Wait | End:
    """This function will say what becomes of an alert outside the contact hours.

    It waits for the next opening, and ends as skipped if that comes too late or never.
    """
    return wait_or_end(calendar.next_open(now), calendar.why_closed(now), useful_until)


def wait_or_end(
    until: datetime | None, reason: Reason, useful_until: datetime | None
) -> Wait | End:
    """This function will put an alert off, or end it where it would be worthless by then.

    Args:
        until: when it may go; None = never.
        reason: why not now.
        useful_until: from then on it is worthless; None = never.
    """
    if until is None or (useful_until is not None and until >= useful_until):
        return End(DeliveryState.SKIPPED, reason)
    return Wait(until, reason)


def held_back(
    hold: Held | None, calendar: Calendar, *, now: datetime, useful_until: datetime | None
) -> Wait | None:
    """This function will say what a hold or a promise does to an alert that asks to pay.

    It waits as long as it is of use, since staff may release it any day.
    """
    if hold is None or now >= (ends := hold.ends_at(calendar)):
        return None
    until = calendar.next_open(ends) or ends
    return Wait(min(until, useful_until or until), hold.kind.reason)


def capped(
    limits: Limits | None, calendar: Calendar, *, now: datetime, useful_until: datetime | None
) -> Wait | End | None:
    """This function will say what the caps do to an unpaid alert."""
    if limits is None:
        return None
    found = refusal(
        limits.caps,
        limits.contacts,
        calendar,
        alert_key=limits.alert_key,
        channel_key=limits.channel_key,
        now=now,
    )
    return None if found is None else wait_or_end(found.until, found.reason, useful_until)


def _paired(case: Facing, _now: datetime) -> Verdict | None:
    return None if case.paired else End(DeliveryState.CANCELLED, Reason.UNPAIRED)


def _channel(case: Facing, _now: datetime) -> Verdict | None:
    if case.channel_enabled:
        return None
    return End(DeliveryState.CANCELLED, Reason.CHANNEL_DISABLED)


def _wanted(case: Case, _now: datetime) -> Verdict | None:
    return None if case.unwanted is None else End(DeliveryState.SKIPPED, case.unwanted)


def _suspended(case: Case, _now: datetime) -> Verdict | None:
    if not case.suspended or case.kind not in _ABOUT_THE_CUT:
        return None
    return End(DeliveryState.SKIPPED, Reason.SUSPENDED)


def _hold(case: Facing, now: datetime) -> Verdict | None:
    if not case.kind.asks_to_pay:
        return None
    return held_back(case.hold, case.calendar, now=now, useful_until=case.useful_until)


def _breaker(case: Facing, now: datetime) -> Verdict | None:
    if case.disabled:
        return Wait(now + HELD_FOR, Reason.ISP_DISABLED)
    return Wait(now + HELD_FOR, Reason.BREAKER) if case.held else None


def _hours(case: Facing, now: datetime) -> Verdict | None:
    if case.calendar.is_open(now):
        return None
    return closed(case.calendar, now=now, useful_until=case.useful_until)


def _caps(case: Facing, now: datetime) -> Verdict | None:
    return capped(case.limits, case.calendar, now=now, useful_until=case.useful_until)


def _look(case: Case, now: datetime) -> Verdict | None:
    if not case.kind.shows_debt:
        return None
    fresh = case.checked_at is not None and now - case.checked_at <= FRESH_FOR
    return None if fresh and case.owed is not None else LookAgain()


def _credit(case: Case, _now: datetime) -> Verdict | None:
    if not case.kind.shows_debt or case.owed is None:
        return None
    if case.owed <= 0:
        if case.kind in {AlertKind.ISSUED, AlertKind.CHANGED}:
            return Go(covered=True)
        return End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)
    if case.owed < case.minimum:
        return End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)
    return None


def _not_owed(case: Case, _now: datetime) -> End | None:
    """Whether the invoice itself no longer justifies this kind of alert."""
    state = case.invoice.state
    if case.vanished:
        return End(DeliveryState.CANCELLED, Reason.VANISHED)
    if case.kind is AlertKind.PAID:
        stands = state is InvoiceState.PAID
        return None if stands else End(DeliveryState.CANCELLED, Reason.SUPERSEDED)
    if case.kind is AlertKind.VOIDED:
        stands = state is InvoiceState.VOID
        return None if stands else End(DeliveryState.CANCELLED, Reason.SUPERSEDED)
    if state is InvoiceState.PAID:
        return End(DeliveryState.CANCELLED, Reason.PAID)
    if state is InvoiceState.VOID:
        return End(DeliveryState.CANCELLED, Reason.VOID)
    if state is not InvoiceState.PENDING:
        return End(DeliveryState.CANCELLED, Reason.NOT_OWED)
    if case.kind.asks_to_pay and case.invoice.payable <= 0:
        return End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)
    if case.kind.asks_to_pay and case.invoice.payable < case.minimum:
        return End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)
    return None


def _outdated(case: Case, now: datetime) -> End | None:
    """Whether the invoice moved on, or time did."""
    if not case.stands:
        return End(DeliveryState.SKIPPED, Reason.SUPERSEDED)
    if case.useful_until is not None and now >= case.useful_until:
        held = case.hold is not None and case.kind.asks_to_pay
        why = case.hold.kind.reason if held and case.hold else Reason.MISSED
        return End(DeliveryState.SKIPPED, why)
    if case.kind.asks_to_pay and overtaken(case.due_at, case.laid, now=now, but=case.step):
        return End(DeliveryState.SKIPPED, Reason.MISSED)
    return None


#: Whoever is cut off knows that they owe; these would remind them of what already happened.
_ABOUT_THE_CUT = frozenset({AlertKind.OVERDUE, AlertKind.CUTOFF_WARNING})
#: The rules that every alert faces.
SHARED: Mapping[Rule, Callable[[Facing, datetime], Verdict | None]] = MappingProxyType(
    {
        Rule.PAIRED: _paired,
        Rule.CHANNEL: _channel,
        Rule.HOLD: _hold,
        Rule.BREAKER: _breaker,
        Rule.HOURS: _hours,
        Rule.CAPS: _caps,
    }
)
_RULES: Rules[Case] = (
    (Rule.PAIRED, _paired),
    (Rule.CHANNEL, _channel),
    (Rule.WANTED, _wanted),
    (Rule.OWED, _not_owed),
    (Rule.CURRENT, _outdated),
    (Rule.SUSPENDED, _suspended),
    (Rule.HOLD, _hold),
    (Rule.BREAKER, _breaker),
    (Rule.HOURS, _hours),
    (Rule.CAPS, _caps),
    (Rule.LOOK, _look),
    (Rule.CREDIT, _credit),
)


def asked(payable: Decimal, owed: Decimal | None) -> Decimal:
    """This function will say how much is asked: never more than the account owes, nor below zero.

    Args:
        payable: what is still to pay of the invoices at hand.
        owed: what the account owes (positive = owes); None = nobody asked.
    """
    return payable if owed is None else max(min(payable, owed), Decimal(0))


def owed_by(balance: Balance, *, debt_sign: str) -> Decimal | None:
    """This function will read what an account owes from Wispro's current account.

    Args:
        balance: as received.
        debt_sign: "negative" if a negative `balance_amount` means debt (medium confidence in the
            API's notes), "positive" for an installation where it is the other way round.

    Returns:
        The debt, positive if the customer owes; None where the three numbers contradict the sign,
        so that nobody is told anything on their strength.
    """
    owed = -balance.balance_amount if debt_sign == "negative" else balance.balance_amount
    credit, open_sum = balance.credit_amount, balance.invoice_balance_amount
    if credit is not None and open_sum is not None:
        expected = open_sum - credit
        if expected and owed and (expected > 0) != (owed > 0):
            return None
    return owed
