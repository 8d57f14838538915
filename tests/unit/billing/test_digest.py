"""The digest of old debts: what it lists and asks, and whether it goes."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.digest import MOST_LISTED, Case, compose, decide, to_confirm
from billing.gate import FRESH_FOR, End, Go, LookAgain, Wait
from billing.values import DeliveryState, InvoiceState, Reason
from tests.unit.billing.facts import CORDOBA, invoice, local

NOW = local("2021-11-22 10:00")
A_SECOND = timedelta(seconds=1)


def debts(number, **given):
    first = date(2021, 1, 10)
    return tuple(
        invoice(
            wispro_id=f"inv-{n}",
            number=f"{n}",
            first_due_date=first + timedelta(days=n),
            amount=Decimal(100),
            balance=Decimal(100),
            **given,
        )
        for n in range(number)
    )


THREE = debts(3)


def case(owing=THREE, *, confirmed=None, **given):
    if confirmed is None:
        confirmed = {facts.wispro_id: NOW for facts in owing[:MOST_LISTED]}
    return Case(
        **{
            "debts": owing,
            "confirmed": confirmed,
            "balance_at": NOW,
            "owed": Decimal(10_000),
            "minimum": Decimal(0),
            "paired": True,
            "channel_enabled": True,
            "calendar": CORDOBA,
            **given,
        }
    )


def test_confirmed_debts_in_the_window_go():
    """The plain case: all of them, their sum, nothing left out."""
    assert decide(case(), now=NOW) == Go()
    says = compose(case(), now=NOW)
    assert [facts.number for facts in says.listed] == ["0", "1", "2"]
    assert (says.total, says.asked, says.more) == (Decimal(300), Decimal(300), 0)


@pytest.mark.parametrize(("owing", "listed", "more"), [(10, 10, 0), (11, 10, 1), (37, 10, 27)])
def test_ten_are_listed_and_the_rest_is_counted(owing, listed, more):
    """The sum is of those that are listed: the rest has a number and no amount."""
    says = compose(case(debts(owing)), now=NOW)

    assert (len(says.listed), says.more) == (listed, more)
    assert [facts.number for facts in says.listed] == [str(n) for n in range(listed)]
    assert says.total == says.asked == 100 * listed


def test_ten_are_listed_even_if_more_were_confirmed():
    """What another send of the batch looked at does not lengthen the list."""
    owing = debts(12)
    says = compose(case(owing, confirmed={facts.wispro_id: NOW for facts in owing}), now=NOW)

    assert (len(says.listed), says.more, says.total) == (10, 2, Decimal(1000))


def test_only_what_was_confirmed_lately_is_listed():
    """Confirmed five minutes ago still counts; a second more, or never, does not."""
    confirmed = {"inv-0": NOW - FRESH_FOR - A_SECOND, "inv-1": NOW - FRESH_FOR}

    says = compose(case(confirmed=confirmed), now=NOW)

    assert [facts.number for facts in says.listed] == ["1"]
    assert (says.total, says.more) == (Decimal(100), 2)
    assert [f.number for f in to_confirm(case(confirmed=confirmed), now=NOW)] == ["0", "2"]


def test_no_more_are_asked_about_than_are_listed():
    """One send costs ten looks at most, at the oldest that are still open."""
    paid = debts(3, state=InvoiceState.PAID)
    open_ = debts(20)[3:]

    asked = to_confirm(case(paid + open_, confirmed={}), now=NOW)

    assert [facts.number for facts in asked] == [str(n) for n in range(3, 13)]


@pytest.mark.parametrize(
    ("owed", "asked"),
    [("300", "300"), ("299.99", "299.99"), ("0.01", "0.01"), ("5000", "300")],
)
def test_never_more_is_asked_than_is_owed(owed, asked):
    """Credit lowers what is asked; other debts do not raise it."""
    says = compose(case(owed=Decimal(owed)), now=NOW)

    assert (says.total, says.asked) == (Decimal(300), Decimal(asked))


def test_a_partial_payment_leaves_the_balance():
    """What was received of an invoice is not asked again."""
    half = (invoice(wispro_id="inv-0", amount=Decimal(100), balance=Decimal(40)),)

    assert compose(case(half), now=NOW).total == 40


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"paired": False}, End(DeliveryState.CANCELLED, Reason.UNPAIRED)),
        ({"channel_enabled": False}, End(DeliveryState.CANCELLED, Reason.CHANNEL_DISABLED)),
        ({"owing": ()}, End(DeliveryState.CANCELLED, Reason.PAID)),
        ({"owing": debts(2, state=InvoiceState.PAID)}, End(DeliveryState.CANCELLED, Reason.PAID)),
        ({"owing": debts(2, state=InvoiceState.VOID)}, End(DeliveryState.CANCELLED, Reason.PAID)),
        ({"owed": Decimal(0)}, End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)),
        ({"owed": Decimal(-50)}, End(DeliveryState.SKIPPED, Reason.CREDIT_COVERS)),
        ({"minimum": Decimal(300)}, Go()),
        ({"minimum": Decimal("300.01")}, End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM)),
        (
            {"owed": Decimal(9), "minimum": Decimal(10)},
            End(DeliveryState.SKIPPED, Reason.BELOW_MINIMUM),
        ),
        ({"balance_at": None}, LookAgain()),
        ({"owed": None}, LookAgain()),
        ({"balance_at": NOW - FRESH_FOR}, Go()),
        ({"balance_at": NOW - FRESH_FOR - A_SECOND}, LookAgain()),
    ],
)
def test_each_reason_has_its_verdict(given, verdict):
    """Whatever speaks against the digest ends it with a reason, or asks for a look."""
    assert decide(case(**given), now=NOW) == verdict


def test_without_a_single_confirmed_debt_it_does_not_go():
    """When all that were looked at turn out paid, the next look asks about the next ones."""
    verdict = decide(case(confirmed={}), now=NOW)

    assert isinstance(verdict, LookAgain)
    assert "none of the invoices" in verdict.why


def test_it_waits_for_contact_hours_before_anybody_is_asked():
    """At night it is put off to the morning, whatever is known of the balance."""
    night = local("2021-11-22 22:00")

    verdict = decide(case(balance_at=None, owed=None), now=night)

    assert verdict == Wait(local("2021-11-23 09:00"), Reason.QUIET_HOURS)
