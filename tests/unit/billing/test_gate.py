"""The last word before a send."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing import gate
from billing.calendar import Calendar, ContactHours, preset
from billing.gate import Case, End, Go, LookAgain, Wait, decide, owed_by
from billing.policy import DEFAULT_POLICY, occurrences
from billing.values import AlertKind, Balance, DeliveryState, InvoiceState, Reason
from tests.unit.billing.facts import CORDOBA, invoice, local

NOW = local("2021-11-19 10:00")


def lay(facts):
    long_ago = NOW - timedelta(days=30)
    return occurrences(facts, DEFAULT_POLICY, CORDOBA, first_seen_at=long_ago, baseline=False)


def case(kind=AlertKind.DUE_TODAY, *, facts=None, **given):
    facts = facts or invoice()
    return Case(
        **{
            "kind": kind,
            "due_at": local("2021-11-19 09:00"),
            "useful_until": local("2021-11-20 00:00"),
            "invoice": facts,
            "vanished": False,
            "checked_at": NOW - timedelta(minutes=1),
            "owed": Decimal(2590),
            "minimum": Decimal(0),
            "paired": True,
            "channel_enabled": True,
            "calendar": CORDOBA,
            "laid": lay(facts),
            **given,
        }
    )


def test_a_fresh_unpaid_invoice_in_the_window_goes():
    """The plain case."""
    assert decide(case(), now=NOW) == Go()


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"paired": False}, End(DeliveryState.CANCELLED, Reason.UNPAIRED)),
        ({"channel_enabled": False}, End(DeliveryState.CANCELLED, Reason.CHANNEL_DISABLED)),
        ({"vanished": True}, End(DeliveryState.CANCELLED, Reason.VANISHED)),
        (
            {"facts": invoice(state=InvoiceState.PAID)},
            End(DeliveryState.CANCELLED, Reason.PAID),
        ),
        ({"facts": invoice(state=InvoiceState.VOID)}, End(DeliveryState.CANCELLED, Reason.VOID)),
        (
            {"facts": invoice(state=InvoiceState.UNKNOWN)},
            End(DeliveryState.CANCELLED, Reason.NOT_OWED),
        ),
        (
            {"facts": invoice(balance=Decimal(0))},
            End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM),
        ),
        ({"minimum": Decimal(3000)}, End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)),
        (
            {"minimum": Decimal(100), "owed": Decimal(50)},
            End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM),
        ),
        ({"owed": Decimal(0)}, End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)),
        ({"owed": Decimal(-10)}, End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)),
        ({"useful_until": NOW}, End(DeliveryState.SKIPPED, Reason.MISSED)),
        ({"stands": False}, End(DeliveryState.SKIPPED, Reason.SUPERSEDED)),
    ],
)
def test_what_must_not_go_ends_with_its_reason(given, verdict):
    """Every end is a value that somebody can read."""
    assert decide(case(**given), now=NOW) == verdict


def test_nothing_asks_for_money_on_an_old_look():
    """Five minutes is fresh, a second more is not (product.md, rule 4)."""
    fresh = case(checked_at=NOW - gate.FRESH_FOR)
    stale = case(checked_at=NOW - gate.FRESH_FOR - timedelta(seconds=1))
    assert timedelta(minutes=5) == gate.FRESH_FOR
    assert decide(fresh, now=NOW) == Go()
    assert decide(stale, now=NOW) == LookAgain()


@pytest.mark.parametrize("given", [{"checked_at": None}, {"owed": None}])
def test_nothing_asks_for_money_without_a_look(given):
    """Not knowing is not owing."""
    assert decide(case(**given), now=NOW) == LookAgain()


def test_at_night_it_waits_and_wispro_is_not_asked():
    """The hours come before the look: a night of retries would be thousands of requests."""
    night = local("2021-11-19 19:00")
    found = decide(case(checked_at=None, useful_until=None), now=night)
    assert found == Wait(local("2021-11-20 09:00"), Reason.QUIET_HOURS)


def test_a_reminder_gives_way_to_a_later_one():
    """Planned for five days before, held back until the day itself: it no longer goes."""
    early = case(AlertKind.DUE_SOON, due_at=local("2021-11-14 09:00"), useful_until=None)
    assert decide(early, now=NOW) == End(DeliveryState.SKIPPED, Reason.MISSED)


def test_an_announcement_goes_although_credit_covers_it():
    """It says so and asks for nothing."""
    issued = case(AlertKind.ISSUED, due_at=NOW, useful_until=None, owed=Decimal(0))
    assert decide(issued, now=NOW) == Go(covered=True)
    changed = case(AlertKind.CHANGED, due_at=NOW, useful_until=None, owed=Decimal(0))
    assert decide(changed, now=NOW) == Go(covered=True)


@pytest.mark.parametrize(
    ("kind", "state", "verdict"),
    [
        (AlertKind.PAID, InvoiceState.PAID, Go()),
        (
            AlertKind.PAID,
            InvoiceState.PENDING,
            End(DeliveryState.CANCELLED, Reason.SUPERSEDED),
        ),
        (AlertKind.VOIDED, InvoiceState.VOID, Go()),
        (
            AlertKind.VOIDED,
            InvoiceState.PENDING,
            End(DeliveryState.CANCELLED, Reason.SUPERSEDED),
        ),
        (AlertKind.CHANGED, InvoiceState.PENDING, LookAgain()),
        (AlertKind.CHANGED, InvoiceState.PAID, End(DeliveryState.CANCELLED, Reason.PAID)),
    ],
)
def test_news_go_only_while_they_are_true(kind, state, verdict):
    """A receipt for a payment that was taken back would be a wrong message.

    A note about a change shows an amount and a pay link, so it needs a fresh look.
    """
    news = case(kind, facts=invoice(state=state), checked_at=None, owed=None, useful_until=None)
    assert decide(news, now=NOW) == verdict


@pytest.mark.parametrize(
    ("numbers", "sign", "owed"),
    [
        (("-2590.0", "0.0", "2590.0"), "negative", Decimal("2590.0")),
        (("10.0", "2600.0", "2590.0"), "negative", Decimal("-10.0")),
        (("2590.0", "0.0", "2590.0"), "positive", Decimal("2590.0")),
        (("0.0", "2590.0", "2590.0"), "negative", Decimal("0.0")),
        (("-2590.0", None, None), "negative", Decimal("2590.0")),
        # the three numbers contradict the sign: nobody is told anything on their strength
        (("2590.0", "0.0", "2590.0"), "negative", None),
        (("-2590.0", "2600.0", "0.0"), "negative", None),
    ],
)
def test_what_an_account_owes_is_read_by_the_isps_sign(numbers, sign, owed):
    """The sign is a setting, since the API's notes are not sure of it."""
    balance, credit, open_sum = (None if n is None else Decimal(n) for n in numbers)
    assert balance is not None
    found = owed_by(
        Balance(balance_amount=balance, credit_amount=credit, invoice_balance_amount=open_sum),
        debt_sign=sign,
    )
    assert found == owed


def law_case(**given):
    """The preset of Argentina: closed until Tuesday 24 November 2026, for Monday is a holiday."""
    calendar = Calendar.of("America/Argentina/Cordoba", preset("AR").hours)
    return case(calendar=calendar, useful_until=None, laid=(), checked_at=None, **given)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2026-11-21 20:00", Reason.QUIET_HOURS),
        ("2026-11-22 12:00", Reason.QUIET_HOURS),
        ("2026-11-23 12:00", Reason.HOLIDAY),
    ],
)
def test_over_a_long_weekend_it_waits_and_says_why(now, reason):
    """Even a receipt: hours bind every automatic alert."""
    opening = local("2026-11-24 09:00")
    assert decide(law_case(), now=local(now)) == Wait(opening, reason)
    paid = law_case(kind=AlertKind.PAID, facts=invoice(state=InvoiceState.PAID))
    assert decide(paid, now=local(now)) == Wait(opening, reason)


@pytest.mark.parametrize(
    ("useful_until", "verdict"),
    [
        ("2026-11-24 09:01", Wait(local("2026-11-24 09:00"), Reason.HOLIDAY)),
        ("2026-11-24 09:00", End(DeliveryState.SKIPPED, Reason.HOLIDAY)),
        ("2026-11-24 00:00", End(DeliveryState.SKIPPED, Reason.HOLIDAY)),
    ],
)
def test_what_is_worthless_when_it_opens_is_skipped_for_the_hours(useful_until, verdict):
    """It is told at once why it will not go, not after the weekend that it was missed."""
    late = replace(law_case(), useful_until=local(useful_until))
    assert decide(late, now=local("2026-11-23 12:00")) == verdict


def test_what_can_never_go_is_skipped():
    """The customer's hours and the ISP's exclude each other: nobody waits for ever."""
    never = CORDOBA.within(ContactHours.parse("20:00-22:00"))
    shut = case(calendar=never, useful_until=None)
    assert decide(shut, now=NOW) == End(DeliveryState.SKIPPED, Reason.QUIET_HOURS)


def test_a_blocked_step_overtakes_nothing():
    """The step of a closed day never goes, so the one before it still may."""
    early = case(AlertKind.DUE_SOON, due_at=local("2021-11-14 09:00"), useful_until=None)
    blocked = tuple(replace(item, blocked=Reason.HOLIDAY) for item in early.laid[1:])
    assert decide(replace(early, laid=(early.laid[0], *blocked)), now=NOW) == Go()
