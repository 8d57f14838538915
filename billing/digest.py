"""The digest of old debts: what it lists, what it asks, and the last word before it goes. Pure.

It lists and sums only what Wispro confirmed within `FRESH_FOR`, so that nobody reads an amount that
was paid meanwhile, and it never asks for more than the account owes. What it could not confirm, or
has no room for, it counts without an amount.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.gate import (
    FRESH_FOR,
    SHARED,
    End,
    Facing,
    Finding,
    LookAgain,
    Rule,
    Rules,
    Verdict,
    all_findings,
    asked,
    first_verdict,
)
from billing.values import AlertKind, DeliveryState, InvoiceFacts, Reason

#: As many as a person reads, and as many requests as one send may cost.
MOST_LISTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Facing):
    """The facts about one delivery of a digest, as they stand; old debts are of no day.

    Args:
        debts: our copies of the account's old invoices, the oldest due date first.
        confirmed: by invoice id, when the request that last confirmed it began.
        balance_at: when the account's balance was asked for; None = not yet.
    """

    kind: AlertKind = AlertKind.DIGEST
    useful_until: datetime | None = None
    debts: Sequence[InvoiceFacts]
    confirmed: Mapping[str, datetime]
    balance_at: datetime | None

    @property
    def open(self) -> tuple[InvoiceFacts, ...]:
        """The debts of which something is still to pay, as far as we know."""
        return tuple(debt for debt in self.debts if debt.payable > 0)


@dataclass(frozen=True, slots=True)
class Digest:
    """What a digest says: the debts listed, their sum, what is asked, how many are not listed."""

    listed: tuple[InvoiceFacts, ...]
    more: int
    total: Decimal
    asked: Decimal


def to_confirm(case: Case, *, now: datetime) -> tuple[InvoiceFacts, ...]:
    """This function will name the invoices to ask Wispro about: the oldest, a list's length."""
    return tuple(debt for debt in case.open[:MOST_LISTED] if not _is_fresh(case, debt, now=now))


def compose(case: Case, *, now: datetime) -> Digest:
    """This function will say what the digest lists and asks at this instant."""
    fresh = [debt for debt in case.open if _is_fresh(case, debt, now=now)]
    listed = tuple(fresh[:MOST_LISTED])
    total = sum((debt.payable for debt in listed), Decimal(0))
    return Digest(listed, len(case.open) - len(listed), total, asked(total, case.owed))


def decide(case: Case, *, now: datetime) -> Verdict:
    """This function will say what becomes of a claimed delivery of a digest at this instant."""
    return first_verdict(_RULES, case, now=now)


def findings(case: Case, *, now: datetime) -> tuple[Finding, ...]:
    """This function will give what every rule says; the first that is not None is the verdict."""
    return all_findings(_RULES, case, now=now)


def _owed(case: Case, _now: datetime) -> Verdict | None:
    return None if case.open else End(DeliveryState.CANCELLED, Reason.PAID)


def _look(case: Case, now: datetime) -> Verdict | None:
    if case.balance_at is None or now - case.balance_at > FRESH_FOR or case.owed is None:
        return LookAgain()
    if case.owed > 0 and not compose(case, now=now).listed:
        return LookAgain("none of the invoices that were looked at is open; there are more")
    return None


def _credit(case: Case, now: datetime) -> Verdict | None:
    if case.owed is None:
        return None
    if case.owed <= 0:
        return End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)
    if compose(case, now=now).asked < case.minimum:
        return End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)
    return None


def _is_fresh(case: Case, debt: InvoiceFacts, *, now: datetime) -> bool:
    confirmed_at = case.confirmed.get(debt.wispro_id)
    return confirmed_at is not None and now - confirmed_at <= FRESH_FOR


_RULES: Rules[Case] = (
    (Rule.PAIRED, SHARED[Rule.PAIRED]),
    (Rule.CHANNEL, SHARED[Rule.CHANNEL]),
    (Rule.OWED, _owed),
    (Rule.BREAKER, SHARED[Rule.BREAKER]),
    (Rule.HOURS, SHARED[Rule.HOURS]),
    (Rule.HOLD, SHARED[Rule.HOLD]),
    (Rule.CAPS, SHARED[Rule.CAPS]),
    (Rule.LOOK, _look),
    (Rule.CREDIT, _credit),
)
