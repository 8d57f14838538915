"""What a channel is told about itself."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.gate import End, Go, Rule, Wait
from billing.greeting import Case, decide, findings, promised
from billing.policy import DEFAULT_POLICY
from billing.policy_file import read_policy
from billing.values import AlertKind, DeliveryState, Reason
from tests.unit.billing.facts import CORDOBA, local

DAY = local("2021-11-19 10:00")
NIGHT = local("2021-11-19 23:00")


def case(kind=AlertKind.WELCOME, **given):
    values = {
        "kind": kind,
        "useful_until": DAY + timedelta(days=7),
        "owed": None,
        "minimum": Decimal(0),
        "paired": True,
        "channel_enabled": True,
        "calendar": CORDOBA,
    }
    return Case(**(values | given))


@pytest.mark.parametrize("kind", [AlertKind.WELCOME, AlertKind.TEST])
def test_it_goes_to_an_open_channel_of_a_paired_account(kind):
    """And to no other, for the usual reasons."""
    assert decide(case(kind), now=DAY) == Go()
    unpaired = decide(case(kind, paired=False), now=DAY)
    assert unpaired == End(DeliveryState.CANCELLED, Reason.UNPAIRED)
    closed = decide(case(kind, channel_enabled=False), now=DAY)
    assert closed == End(DeliveryState.CANCELLED, Reason.CHANNEL_DISABLED)
    late = decide(case(kind), now=DAY + timedelta(days=7))
    assert late == End(DeliveryState.SKIPPED, Reason.MISSED)


def test_a_welcome_keeps_hours_and_waits_while_sends_are_held():
    """It is sent by itself, like any alert."""
    assert decide(case(), now=NIGHT) == Wait(local("2021-11-20 09:00"), Reason.QUIET_HOURS)
    assert isinstance(decide(case(held=True), now=DAY), Wait)
    unwanted = decide(case(unwanted=Reason.NOT_IN_POLICY), now=DAY)
    assert unwanted == End(DeliveryState.SKIPPED, Reason.NOT_IN_POLICY)


def test_a_test_goes_at_any_hour():
    """Somebody asked for it and waits; a held run says nothing about it."""
    assert decide(case(AlertKind.TEST, held=True), now=NIGHT) == Go()


@pytest.mark.parametrize("kind", [AlertKind.WELCOME, AlertKind.TEST])
def test_every_rule_that_is_asked_is_told(kind):
    """`explain` shows each of them."""
    told = [one.rule for one in findings(case(kind), now=DAY)]
    wanted = [Rule.PAIRED, Rule.CHANNEL, Rule.CURRENT]
    if kind is AlertKind.WELCOME:
        wanted = [
            *(Rule.PAIRED, Rule.CHANNEL, Rule.WANTED, Rule.CURRENT, Rule.BREAKER, Rule.HOURS),
        ]
    assert told == wanted


def test_a_welcome_promises_what_will_come_and_nothing_else():
    """Neither what the policy does not send there, nor what the customer does not want."""
    kinds = (AlertKind.ISSUED, AlertKind.DUE_SOON, AlertKind.OVERDUE, AlertKind.PAID)
    mail = {"medium": "email", "scheme": "email"}

    assert promised(DEFAULT_POLICY, (), **mail) == kinds
    off = ("overdue", "due_soon -5d", "paid")
    assert promised(DEFAULT_POLICY, off, **mail) == (AlertKind.ISSUED, AlertKind.DUE_SOON)
    policy = read_policy(
        '[[step]]\nkind = "issued"\nchannels = ["chat"]\n'
        '[[step]]\nkind = "due_today"\nanchor = "first_due"\ndays = 0\n'
    )
    assert promised(policy, (), **mail) == (AlertKind.DUE_SOON,)
