"""What is owed and when."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.policy import DEFAULT_POLICY, due, occurrences, overtaken
from billing.values import AlertKind
from tests.unit.billing.facts import CORDOBA, invoice, local

LONG_AGO = local("2021-10-01 12:00")


def laid(first_seen_at=LONG_AGO, *, baseline=False, **given_):
    return occurrences(
        invoice(**given_), DEFAULT_POLICY, CORDOBA, first_seen_at=first_seen_at, baseline=baseline
    )


def steps(found):
    return [(item.step.kind.value, item.step.name) for item in found]


def test_the_default_steps_stand_on_their_dates():
    """product.md, section 4: five and one days before, the day, the second date, 3, 7, 14 after."""
    assert [(item.step.kind, item.at) for item in laid()] == [
        (AlertKind.DUE_SOON, local("2021-11-14 09:00")),
        (AlertKind.DUE_SOON, local("2021-11-18 09:00")),
        (AlertKind.DUE_TODAY, local("2021-11-19 09:00")),
        (AlertKind.OVERDUE, local("2021-11-22 09:00")),
        (AlertKind.OVERDUE, local("2021-11-26 09:00")),
        (AlertKind.SECOND_DUE_SOON, local("2021-11-28 09:00")),
        (AlertKind.OVERDUE, local("2021-12-03 09:00")),
    ]


def test_an_invoice_without_dates_has_no_date_steps():
    """Nothing is invented for a date that Wispro did not give."""
    assert laid(first_due_date=None, second_due_date=None) == ()


@pytest.mark.parametrize("second", [None, date(2021, 11, 19), date(2021, 11, 10)])
def test_a_second_date_that_is_no_second_date_is_left_out(second):
    """Missing, equal or earlier: there is nothing to announce."""
    kinds = {item.step.kind for item in laid(second_due_date=second)}
    assert AlertKind.SECOND_DUE_SOON not in kinds


def test_after_an_outage_only_the_latest_step_goes():
    """Down from the 13th to the 18th: one message, and the earlier step is missed."""
    found = due(laid(), after=local("2021-11-13 12:00"), now=local("2021-11-18 15:00"))
    assert found.now is not None
    assert (found.now.step.kind, found.now.step.offset) == (AlertKind.DUE_SOON, -1)
    assert steps(found.missed) == [("due_soon", "-5d")]
    assert found.next_at == local("2021-11-19 09:00")


def test_a_due_today_is_worthless_tomorrow():
    """Back on the day after: nothing goes until the overdue step."""
    found = due(laid(), after=local("2021-11-17 12:00"), now=local("2021-11-20 10:00"))
    assert found.now is None
    assert steps(found.missed) == [("due_soon", "-1d"), ("due_today", "0d")]
    assert found.next_at == local("2021-11-22 09:00")


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        ("2021-11-19 23:59", AlertKind.DUE_TODAY),
        ("2021-11-20 00:00", None),
    ],
)
def test_a_due_today_lives_until_midnight_on_the_wall(now, kind):
    """The boundary is the end of the day in the ISP's zone."""
    found = due(laid(), after=local("2021-11-18 12:00"), now=local(now))
    assert (found.now.step.kind if found.now else None) is kind


def test_a_step_is_decided_once():
    """What was decided up to an instant is not decided again."""
    now = local("2021-11-18 09:00")
    assert due(laid(), after=now, now=now + timedelta(hours=5)).now is None


@pytest.mark.parametrize(
    ("seen", "earliest"),
    [
        ("2021-11-22 20:00", "2021-11-25 09:00"),
        ("2021-11-22 10:00", "2021-11-24 10:00"),
        ("2021-11-22 08:00", "2021-11-24 09:00"),
        ("2021-11-20 10:00", "2021-11-22 10:00"),
    ],
)
def test_overdue_wording_waits_48_hours_after_the_first_sight(seen, earliest):
    """Nobody is called overdue the morning after we first saw the invoice."""
    overdue = [i for i in laid(first_seen_at=local(seen)) if i.step.kind is AlertKind.OVERDUE]
    assert overdue[0].at == local(earliest)


def test_old_debts_of_the_first_import_stay_silent_for_ever():
    """The 48 hours after the first sight must not bring years of history back to life."""
    assert laid(first_seen_at=local("2026-11-22 12:00"), baseline=True) == ()


def test_the_first_import_keeps_the_steps_that_are_still_ahead():
    """Paired two days after the due date: the overdue steps to come do come, after the gap."""
    found = laid(first_seen_at=local("2021-11-21 12:00"), baseline=True)
    assert [(i.step.name, i.at) for i in found if i.step.kind is AlertKind.OVERDUE] == [
        ("+3d", local("2021-11-23 12:00")),
        ("+7d", local("2021-11-26 09:00")),
        ("+14d", local("2021-12-03 09:00")),
    ]


def test_overdue_steps_end():
    """Fourteen days after the due date is the last word."""
    assert (
        due(laid(), after=local("2021-12-03 12:00"), now=local("2022-06-01 12:00")).next_at is None
    )


def test_a_later_step_overtakes_a_planned_one():
    """At the gate: what was planned for the 14th gives way once the 18th has come."""
    first = laid()[0]
    assert overtaken(first.at, laid(), now=local("2021-11-17 12:00")) is None
    later = overtaken(first.at, laid(), now=local("2021-11-18 12:00"))
    assert later is not None
    assert later.step.offset == -1


_DAYS = st.integers(min_value=-40, max_value=40)


@given(
    st.lists(_DAYS, min_size=2, max_size=12), st.dates(date(2021, 1, 1), date(2026, 12, 31)), _DAYS
)
def test_however_often_it_runs_each_step_goes_at_most_once_and_in_order(days, first_due, second):
    """Any rhythm of runs and outages: no step twice, no step before its time, none out of order."""
    base = CORDOBA.start_of(first_due) + timedelta(hours=12)
    all_steps = laid(first_due_date=first_due, second_due_date=first_due + timedelta(days=second))
    cursor, gone = base - timedelta(days=50), []
    for day in sorted(days):
        now = base + timedelta(days=day)
        found = due(all_steps, after=cursor, now=now)
        if found.now is not None:
            assert found.now.at <= now < found.now.until
            gone.append(found.now)
        assert found.next_at is None or found.next_at > now
        cursor = now
    assert len(set(gone)) == len(gone)
    assert gone == sorted(gone, key=lambda item: item.at)
