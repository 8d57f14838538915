"""The last word before a send: go, look again, wait, or end with a reason. Pure.

The order of the rules is part of the meaning: an alert that must never go is ended before anybody
is asked anything, the hours are respected before Wispro is asked, and money is judged only on data
that is fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from billing.calendar import Calendar
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The facts about one delivery, as they stand.

    Args:
        due_at: when the alert's step came due; later steps overtake it.
        useful_until: from then on the alert is worthless; None = never.
        vanished: Wispro no longer knows the invoice.
        checked_at: when the request that last confirmed this invoice began.
        owed: what the account owes at that look (positive = owes); None = not asked.
        minimum: least amount that the ISP asks for.
        laid: the policy's steps on this invoice.
        stands: what the alert was planned for is still so (the due date of a reminder, the new
            value of a change).
        held: a run waits for the operator's word (product.md, rule 20): nothing is sent meanwhile.
    """

    kind: AlertKind
    due_at: datetime
    useful_until: datetime | None
    invoice: InvoiceFacts
    vanished: bool
    checked_at: datetime | None
    owed: Decimal | None
    minimum: Decimal
    paired: bool
    channel_enabled: bool
    calendar: Calendar
    laid: Sequence[Occurrence]
    stands: bool = True
    held: bool = False


def decide(case: Case, *, now: datetime) -> Verdict:
    """This function will say what becomes of a claimed delivery at this instant."""
    if not case.paired:
        return End(DeliveryState.CANCELLED, Reason.UNPAIRED)
    if not case.channel_enabled:
        return End(DeliveryState.CANCELLED, Reason.CHANNEL_DISABLED)
    if (ended := _not_owed(case) or _outdated(case, now=now)) is not None:
        return ended
    if case.held:
        return Wait(now + HELD_FOR, Reason.BREAKER)
    if not case.calendar.is_open(now):
        return closed(case.calendar, now=now, useful_until=case.useful_until)
    if not case.kind.shows_debt:
        return Go()
    if case.checked_at is None or now - case.checked_at > FRESH_FOR or case.owed is None:
        return LookAgain()
    if case.owed <= 0:
        if case.kind in {AlertKind.ISSUED, AlertKind.CHANGED}:
            return Go(covered=True)
        return End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)
    if case.owed < case.minimum:
        return End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)
    return Go()


def closed(calendar: Calendar, *, now: datetime, useful_until: datetime | None) -> Wait | End:
    """This function will say what becomes of an alert outside the contact hours.

    It waits for the next opening, and ends as skipped if that comes too late or never.
    """
    reason, opening = calendar.why_closed(now), calendar.next_open(now)
    if opening is None or (useful_until is not None and opening >= useful_until):
        return End(DeliveryState.SKIPPED, reason)
    return Wait(opening, reason)


def _not_owed(case: Case) -> End | None:
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


def _outdated(case: Case, *, now: datetime) -> End | None:
    """Whether the invoice moved on, or time did."""
    if not case.stands:
        return End(DeliveryState.SKIPPED, Reason.SUPERSEDED)
    if case.useful_until is not None and now >= case.useful_until:
        return End(DeliveryState.SKIPPED, Reason.MISSED)
    if case.kind.asks_to_pay and overtaken(case.due_at, case.laid, now=now) is not None:
        return End(DeliveryState.SKIPPED, Reason.MISSED)
    return None


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
