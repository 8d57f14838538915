"""What is owed and when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendar import Calendar, ContactHours, preset
from billing.policy import DEFAULT_POLICY, Anchor, Step, due, occurrences, overtaken
from billing.values import AlertKind, Reason
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


#: Monday to Friday 09-20, Saturday 09-13, no holidays.
LAW = Calendar.of("America/Argentina/Cordoba", preset("AR").hours)


def lay_by_law(
    first_due, *, policy=DEFAULT_POLICY, seen="2026-10-01 12:00", baseline=False, **given
):
    facts = invoice(first_due_date=first_due, **{"second_due_date": None, **given})
    return occurrences(facts, policy, LAW, first_seen_at=local(seen), baseline=baseline)


def slots(found):
    return [(item.step.name, item.at, item.blocked) for item in found]


def test_over_a_long_weekend_one_reminder_goes_before_it():
    """Due on Monday 23 November 2026, a holiday: Saturday says it, Sunday and Monday are silent.

    The step of the due date would go on that Saturday too, so it is left out, and says why.
    """
    found = lay_by_law(date(2026, 11, 23))
    assert slots(found) == [
        ("-5d", local("2026-11-18 09:00"), None),
        ("-1d", local("2026-11-21 09:00"), None),
        ("0d", local("2026-11-23 00:00"), Reason.HOLIDAY),
        ("+3d", local("2026-11-26 09:00"), None),
        ("+7d", local("2026-11-30 09:00"), None),
        ("+14d", local("2026-12-09 09:00"), None),  # the 7th is a bridge day, the 8th a holiday
    ]
    assert {item.until for item in found[:2]} == {local("2026-11-23 00:00")}


def test_a_due_today_that_is_the_only_word_is_brought_forward():
    """A policy with nothing but the due date: before the closed day is better than never."""
    only = replace(DEFAULT_POLICY, steps=(Step(AlertKind.DUE_TODAY, Anchor.FIRST_DUE, 0),))
    found = lay_by_law(date(2026, 11, 23), policy=only)
    assert slots(found) == [("0d", local("2026-11-21 09:00"), None)]
    assert found[0].until == local("2026-11-24 00:00")


def test_a_due_today_on_a_sunday_is_left_out_for_the_hours():
    """No holiday: the reason is the hours."""
    found = lay_by_law(date(2026, 11, 29))
    assert ("0d", local("2026-11-29 00:00"), Reason.QUIET_HOURS) in slots(found)


def test_reminders_moved_to_one_slot_are_one_message():
    """The steps of Sunday and of a holiday join Saturday's: the latest goes, others are missed."""
    steps_ = tuple(Step(AlertKind.DUE_SOON, Anchor.FIRST_DUE, offset) for offset in (-3, -2, -1))
    found = lay_by_law(date(2026, 11, 24), policy=replace(DEFAULT_POLICY, steps=steps_))
    assert {item.at for item in found} == {local("2026-11-21 09:00")}
    decided = due(found, after=None, now=local("2026-11-21 10:00"))
    assert decided.now is not None
    assert decided.now.step.name == "-1d"
    assert steps(decided.missed) == [("due_soon", "-3d"), ("due_soon", "-2d")]
    assert decided.next_at is None


def test_a_blocked_step_is_recorded_and_overtakes_nothing():
    """Due on Sunday, seen on Saturday afternoon: there is no slot, and what went before stands."""
    found = lay_by_law(date(2026, 11, 22), seen="2026-11-21 14:00")
    assert slots(found)[1:3] == [
        ("-1d", local("2026-11-21 09:00"), None),
        ("0d", local("2026-11-22 00:00"), Reason.QUIET_HOURS),
    ]
    decided = due(found, after=local("2026-11-21 14:00"), now=local("2026-11-22 00:00"))
    assert decided.now is None
    assert [(item.step.name, item.blocked) for item in decided.missed] == [
        ("0d", Reason.QUIET_HOURS)
    ]
    assert due(found, after=None, now=local("2026-11-21 15:00")).now == found[1]
    later = due(found[:4], after=None, now=local("2026-11-21 23:59"))
    assert later.now == found[1]


def test_a_step_that_became_worthless_takes_no_useful_one_along():
    """Nobody looked while both came due: what is over is missed, what still holds goes."""
    found = laid(second_due_date=date(2021, 11, 24))
    came = due(found, after=local("2021-11-21 12:00"), now=local("2021-11-24 12:00"))
    assert came.now is not None
    assert steps([came.now]) == [("overdue", "+3d")]
    assert steps(came.missed) == [("second_due_soon", "-1d")]
    assert overtaken(came.now.at, found, now=local("2021-11-24 12:00"), but="+3d") is None


def test_a_blocked_step_does_not_silence_the_one_before_it():
    """Both have come due, the later one cannot go: the earlier one does."""
    first, second = laid()[:2]
    decided = due(
        (first, replace(second, blocked=Reason.HOLIDAY)), after=None, now=local("2021-11-18 10:00")
    )
    assert decided.now == first
    assert [item.step for item in decided.missed] == [second.step]
    blocked = replace(second, blocked=Reason.HOLIDAY)
    assert overtaken(first.at, (first, blocked), now=local("2021-11-18 10:00")) is None


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("2026-11-21 08:00", ("-1d", local("2026-11-21 09:00"), None)),
        ("2026-11-21 10:00", ("-1d", local("2026-11-22 00:00"), Reason.QUIET_HOURS)),
        ("2026-11-22 10:00", None),
    ],
)
def test_a_silent_first_look_brings_nothing_forward_to_its_own_day(seen, expected):
    """Paired on Saturday, due on Monday: an import must not remind a whole town at once.

    The step of Sunday went (if the look came before the opening), has no slot, or is history.
    """
    found = slots(lay_by_law(date(2026, 11, 23), seen=seen, baseline=True))
    assert next((one for one in found if one[0] == "-1d"), None) == expected


def test_overdue_wording_waits_for_the_gap_and_then_for_an_open_day():
    """Seen on Friday, 48 hours end on Sunday, Monday is a holiday: Tuesday morning."""
    found = lay_by_law(date(2026, 11, 17), seen="2026-11-20 10:00")
    assert ("+3d", local("2026-11-24 09:00"), None) in slots(found)


def test_where_nobody_can_be_reached_every_step_has_a_reason():
    """Nothing waits for ever, nothing is lost."""
    never = CORDOBA.within(ContactHours.parse("20:00-22:00"))
    found = occurrences(invoice(), DEFAULT_POLICY, never, first_seen_at=LONG_AGO, baseline=False)
    assert len(found) == len(DEFAULT_POLICY.steps)
    assert {item.blocked for item in found} == {Reason.QUIET_HOURS}
    assert due(found, after=None, now=local("2021-12-31 12:00")).now is None


@given(
    st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    st.integers(0, 40 * 24 * 60),
    st.booleans(),
    st.sampled_from(["CO", "CL", "AR"]),
)
def test_no_step_has_a_slot_outside_the_law(first_due, minutes, baseline, code):
    """Every slot is open, of use, and not before the first sight unless its own day was."""
    calendar = Calendar.of("America/Santiago", preset(code).hours)
    seen = calendar.start_of(first_due + timedelta(days=10)) - timedelta(minutes=minutes)
    facts = invoice(first_due_date=first_due, second_due_date=first_due + timedelta(days=10))
    found = occurrences(facts, DEFAULT_POLICY, calendar, first_seen_at=seen, baseline=baseline)
    assert [item.at for item in found] == sorted(item.at for item in found)
    assert baseline or len(found) == len(DEFAULT_POLICY.steps)
    for item in found:
        own = item.anchor_date + timedelta(days=item.step.offset)
        if item.blocked is not None:
            assert calendar.opening(own) is None
            assert item.at == calendar.start_of(own)
            continue
        assert calendar.is_open(item.at)
        assert item.at < item.until
        day = calendar.today(item.at)
        assert item.step.offset <= 0 or day >= own
        assert day >= own or item.at >= seen
        assert not baseline or item.at > seen
