"""What a channel is told about itself: that alerts will come here, and that a test arrives. Pure.

A welcome goes once to a channel that staff added, inside the contact hours, like any automatic
message. A test is asked for by somebody who waits for it: it goes at once or not at all. Neither
is about money, so no hold, cap, credit or look at Wispro speaks for or against it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.gate import (
    SHARED,
    End,
    Facing,
    Finding,
    Rule,
    Rules,
    Verdict,
    all_findings,
    first_verdict,
)
from billing.policy import Policy
from billing.values import AlertKind, DeliveryState, Reason
from billing.wanted import off_channel

#: Who was paired a week ago knows; longer than any closed spell of a preset. Our own choice.
WELCOME_FOR = timedelta(days=7)
#: Whoever asked for a test has stopped watching the phone by then. Our own choice.
TEST_FOR = timedelta(minutes=10)
#: What a welcome promises, in this order, where the policy and the customer want it.
_PROMISED = (
    (AlertKind.ISSUED, (AlertKind.ISSUED,)),
    (
        AlertKind.DUE_SOON,
        (AlertKind.DUE_SOON, AlertKind.DUE_TODAY, AlertKind.SECOND_DUE_SOON),
    ),
    (AlertKind.OVERDUE, (AlertKind.OVERDUE,)),
    (AlertKind.PAID, (AlertKind.PAID,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Facing):
    """The facts about one such message; `unwanted` = why the ISP's policy has none."""

    unwanted: Reason | None = None


def decide(case: Case, *, now: datetime) -> Verdict:
    """This function will say what becomes of a claimed message about its channel."""
    return first_verdict(_rules_of(case), case, now=now)


def findings(case: Case, *, now: datetime) -> tuple[Finding, ...]:
    """This function will give what every rule says; the first that is not None is the verdict."""
    return all_findings(_rules_of(case), case, now=now)


def promised(
    policy: Policy, steps_off: Collection[str], *, medium: str, scheme: str
) -> tuple[AlertKind, ...]:
    """This function will name what will come to a channel, each sort by its first kind.

    Args:
        policy: of the ISP.
        steps_off: what the customer does not want, as in `billing.wanted.unwanted`.
        medium: of the channel.
        scheme: of the channel.
    """
    manners = [
        *((kind, "", manner) for kind, manner in policy.events.items()),
        *((step.kind, step.name, step.manner) for step in policy.steps),
    ]
    come = {
        kind
        for kind, step, manner in manners
        if off_channel(manner, medium=medium, scheme=scheme) is None
        and not {kind.value, f"{kind.value} {step}"} & set(steps_off)
    }
    return tuple(first for first, sort in _PROMISED if come & set(sort))


def _rules_of(case: Case) -> Rules[Case]:
    return _TEST if case.kind is AlertKind.TEST else _WELCOME


def _wanted(case: Case, _now: datetime) -> Verdict | None:
    return None if case.unwanted is None else End(DeliveryState.SKIPPED, case.unwanted)


def _current(case: Case, now: datetime) -> Verdict | None:
    if case.useful_until is None or now < case.useful_until:
        return None
    return End(DeliveryState.SKIPPED, Reason.MISSED)


_TEST: Rules[Case] = (
    (Rule.PAIRED, SHARED[Rule.PAIRED]),
    (Rule.CHANNEL, SHARED[Rule.CHANNEL]),
    (Rule.CURRENT, _current),
)
_WELCOME: Rules[Case] = (
    (Rule.PAIRED, SHARED[Rule.PAIRED]),
    (Rule.CHANNEL, SHARED[Rule.CHANNEL]),
    (Rule.WANTED, _wanted),
    (Rule.CURRENT, _current),
    (Rule.BREAKER, SHARED[Rule.BREAKER]),
    (Rule.HOURS, SHARED[Rule.HOURS]),
)
