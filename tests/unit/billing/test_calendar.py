"""May it go now?"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendar import Calendar, ContactHours
from billing.calendar.calendar import SEARCH_DAYS
from billing.values import Reason
from tests.unit.billing.facts import CORDOBA, local
from tests.unit.billing.hours import JUMPING, some_hours


def test_an_unknown_zone_is_refused_with_an_example():
    """A typing error must not become UTC."""
    with pytest.raises(ValueError, match="America/Argentina/Cordoba"):
        Calendar.of("America/Cordova", "09:00-19:00")


@pytest.mark.parametrize(
    ("wall", "open_"),
    [
        ("2021-11-19 08:59", False),
        ("2021-11-19 09:00", True),
        ("2021-11-19 18:59", True),
        ("2021-11-19 19:00", False),
    ],
)
def test_the_window_opens_and_closes_on_the_minute(wall, open_):
    """The opening is inside, the closing is not."""
    assert CORDOBA.is_open(local(wall)) is open_


def test_an_evening_run_does_not_see_tomorrow():
    """At 22:00 in Córdoba it is already tomorrow in UTC, and still today on the wall."""
    assert CORDOBA.today(datetime(2021, 11, 20, 1, 0, tzinfo=UTC)) == date(2021, 11, 19)


def test_what_comes_at_night_waits_for_the_morning():
    """Nothing leaves the window: midnight waits for 09:00 of the same day, 20:00 of the next."""
    assert CORDOBA.next_open(local("2021-11-19 00:30")) == local("2021-11-19 09:00")
    assert CORDOBA.next_open(local("2021-11-19 20:00")) == local("2021-11-20 09:00")


@pytest.mark.parametrize("zone", JUMPING)
@given(hours=st.integers(min_value=0, max_value=7 * 366 * 24), minutes=st.integers(0, 59))
def test_the_hour_on_the_wall_survives_daylight_saving(zone, hours, minutes):
    """Whatever the offset of the day, alerts leave between nine and seven on the wall."""
    calendar = Calendar.of(zone, "09:00-19:00")
    now = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=minutes)
    opens = calendar.next_open(now)
    assert opens is not None
    assert opens >= now
    assert opens - now < timedelta(hours=26)
    assert calendar.is_open(opens)
    assert 9 <= opens.astimezone(calendar.zone).hour < 19


def wall(zone, text, *, fold=0):
    """Return a time on the wall of a zone as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "winter", "summer", "utc_winter", "utc_summer"),
    [
        ("America/Santiago", "2026-09-05", "2026-09-06", 13, 12),
        ("America/Tijuana", "2026-03-07", "2026-03-08", 17, 16),
        ("Pacific/Easter", "2026-09-05", "2026-09-06", 15, 14),
        ("America/Asuncion", "2023-09-30", "2023-10-01", 13, 12),
        ("America/Santiago", "2026-04-05", "2026-04-04", 13, 12),
        ("America/Tijuana", "2026-11-01", "2026-10-31", 17, 16),
        ("Pacific/Easter", "2026-04-05", "2026-04-04", 15, 14),
        ("America/Asuncion", "2024-03-24", "2024-03-23", 13, 12),
    ],
)
def test_nine_on_the_wall_is_nine_on_both_sides_of_a_change(
    zone, winter, summer, utc_winter, utc_summer
):
    """The clocks change in the night between two openings, into summer and out of it."""
    calendar = Calendar.of(zone, "09:00-19:00")
    for day, hour in ((winter, utc_winter), (summer, utc_summer)):
        opening = calendar.opening(date.fromisoformat(day))
        assert opening == datetime.fromisoformat(f"{day} {hour}:00+00:00")


def test_asuncion_keeps_summer_time_since_2024():
    """A country that stopped changing its clocks: the zone knows, no offset is kept anywhere."""
    calendar = Calendar.of("America/Asuncion", "09:00-19:00")
    assert calendar.opening(date(2026, 7, 1)) == datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("America/Santiago", date(2026, 9, 6), "2026-09-06 04:00+00:00"),
        ("America/Asuncion", date(2023, 10, 1), "2023-10-01 04:00+00:00"),
    ],
)
def test_a_day_without_midnight_begins_when_its_clocks_jump(zone, day, starts):
    """00:00 does not exist: the day begins at 01:00, an hour shorter, and is that day already."""
    calendar = Calendar.of(zone, "00:00-24:00")
    start = calendar.start_of(day)
    assert start == calendar.opening(day) == datetime.fromisoformat(starts)
    assert calendar.today(start) == day
    assert calendar.today(start - timedelta(seconds=1)) == day - timedelta(days=1)
    assert calendar.start_of(day + timedelta(days=1)) - start == timedelta(hours=23)


def test_a_window_in_the_hour_that_is_skipped_opens_when_the_clocks_jump():
    """Half of it skipped: it opens at 01:00. All of it: it does not open on that day."""
    night = date(2026, 9, 6)
    half = Calendar.of("America/Santiago", "00:30-02:00")
    assert half.opening(night) == wall("America/Santiago", "2026-09-06 01:00")
    assert half.is_open(wall("America/Santiago", "2026-09-06 01:59"))
    assert not half.is_open(wall("America/Santiago", "2026-09-06 02:00"))
    gone = Calendar.of("America/Santiago", "00:00-00:45")
    assert gone.opening(night) is None
    opens = gone.next_open(wall("America/Santiago", "2026-09-05 12:00"))
    assert opens == wall("America/Santiago", "2026-09-07 00:00")


def test_an_hour_that_comes_twice_counts_once_at_its_end():
    """Santiago at 24:00 goes back to 23:00: "until 23:30" ends at the first 23:30."""
    calendar = Calendar.of("America/Santiago", "22:00-23:30")
    assert calendar.is_open(wall("America/Santiago", "2026-04-04 23:29"))
    assert not calendar.is_open(wall("America/Santiago", "2026-04-04 23:30"))
    assert not calendar.is_open(wall("America/Santiago", "2026-04-04 23:15", fold=1))
    all_day = Calendar.of("America/Santiago", "00:00-24:00")
    assert all_day.is_open(wall("America/Santiago", "2026-04-04 23:15", fold=1))
    assert all_day.start_of(date(2026, 4, 5)) - all_day.start_of(date(2026, 4, 4)) == timedelta(
        hours=25
    )


WEEKDAYS = Calendar.of(
    "America/Argentina/Cordoba", "mon-fri 09:00-13:00 and 15:00-19:00, sat 09:00-13:00"
)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2021-11-19 13:00", "2021-11-19 15:00"),  # the siesta
        ("2021-11-19 19:00", "2021-11-20 09:00"),
        ("2021-11-20 13:00", "2021-11-22 09:00"),  # the rest of Saturday, and Sunday
        ("2021-11-22 08:59", "2021-11-22 09:00"),
        ("2021-11-22 15:30", "2021-11-22 15:30"),
    ],
)
def test_what_comes_in_a_pause_waits_for_its_end(now, opens):
    """Between two windows, over a weekend, in the night; inside of one it need not wait."""
    assert WEEKDAYS.next_open(local(now)) == local(opens)


@pytest.mark.parametrize(
    ("before", "not_before", "opens"),
    [
        ("2021-11-21 00:00", "2021-11-01 00:00", "2021-11-20 09:00"),
        ("2021-11-20 09:00", "2021-11-01 00:00", "2021-11-19 09:00"),  # strictly before
        ("2021-11-21 00:00", "2021-11-20 09:00", "2021-11-20 09:00"),  # from then on, inclusive
        ("2021-11-20 00:00", "2021-11-19 10:00", "2021-11-19 15:00"),  # the afternoon is left
        ("2021-11-21 00:00", "2021-11-20 09:01", None),  # began before
        ("2021-11-22 00:00", "2021-11-20 14:00", None),
        ("2021-11-20 00:00", "2021-11-22 00:00", None),  # nothing between the two
    ],
)
def test_the_last_slot_before_is_the_opening_of_the_last_open_day(before, not_before, opens):
    """With what else belongs to that day, not at the last minute and never before the first sight.

    19 November 2021 was a Friday.
    """
    found = WEEKDAYS.last_open(before=local(before), not_before=local(not_before))
    assert found == (None if opens is None else local(opens))


def test_a_calendar_that_never_opens_answers_at_once_and_says_never():
    """The customer can be reached only when the law forbids it: nobody waits for ever."""
    never = CORDOBA.within(ContactHours.parse("20:00-22:00"))
    now = local("2021-11-19 10:00")
    assert not never.is_open(now)
    assert never.next_open(now) is None
    assert never.opening(date(2021, 11, 19)) is None
    assert never.last_open(before=now, not_before=local("2001-01-01 00:00")) is None
    assert never.why_closed(now) is Reason.QUIET_HOURS


def test_no_quiet_hours_change_nothing():
    """A customer who said nothing gets the ISP's hours, the same object."""
    assert CORDOBA.within(None) is CORDOBA


def test_the_same_calendar_is_built_once():
    """So that a day is worked out once per process, not once per delivery."""
    again = Calendar.of("America/Argentina/Cordoba", "09:00-19:00")
    assert again is CORDOBA
    assert {again: 1}[CORDOBA] == 1
    assert CORDOBA.within(ContactHours.parse("10:00-20:00")) is CORDOBA.within(
        ContactHours.parse("10:00-20:00")
    )


_INSTANTS = st.integers(0, 5 * 366 * 86_400).map(
    lambda seconds: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
#: The nights around the changes of `JUMPING`, to the second.
_CHANGES = st.sampled_from(
    ["2026-09-06", "2026-04-05", "2026-03-08", "2026-11-01", "2023-10-01", "2024-03-24"]
).flatmap(
    lambda day: st.integers(-12 * 3600, 18 * 3600).map(
        lambda seconds: datetime.fromisoformat(f"{day} 00:00+00:00") + timedelta(seconds=seconds)
    )
)
_NOW = _INSTANTS | _CHANGES
_ZONES = st.sampled_from(JUMPING)


@given(_ZONES, some_hours(), some_hours(), _NOW)
def test_strictest_wins_at_every_instant(zone, mine, theirs, now):
    """The intersection is open exactly when both are, whatever the clocks do."""
    both = Calendar.of(zone, mine).within(theirs)
    each = (Calendar.of(zone, mine).is_open(now), Calendar.of(zone, theirs).is_open(now))
    assert both.is_open(now) is (all(each) and both.holiday(both.today(now)) is None)


@given(_ZONES, some_hours(), _NOW, st.lists(st.floats(0, 1, exclude_max=True), max_size=30))
def test_next_open_is_open_and_nothing_before_it_is(zone, hours, now, shares):
    """No instant between the two is open, so nothing waits longer than it must."""
    calendar = Calendar.of(zone, hours)
    opens = calendar.next_open(now)
    assert opens is not None
    assert now <= opens
    assert calendar.is_open(opens)
    assert opens == now or not calendar.is_open(opens - timedelta.resolution)
    waits = [now + (opens - now) * share for share in shares]
    assert not any(calendar.is_open(between) for between in waits if between < opens)


@given(_ZONES, some_hours(), _NOW, st.timedeltas(timedelta(0), timedelta(days=20)))
def test_last_open_is_an_opening_and_no_open_day_lies_between(zone, hours, before, back):
    """It begins within the bounds, and from the next day on nothing begins before the end."""
    calendar = Calendar.of(zone, hours)
    not_before = before - back
    opens = calendar.last_open(before=before, not_before=not_before)
    days = [calendar.today(before) - timedelta(days=more) for more in range(22)]
    began = [one for day in days for one, _ in calendar._day(day)[1] if not_before <= one < before]
    if opens is None:
        assert began == []
        return
    last_day = calendar.today(max(began))
    assert opens == min(one for one in began if calendar.today(one) == last_day)


@given(_ZONES, some_hours(), _NOW)
def test_a_closed_instant_has_a_reason_and_a_holiday_closes_the_day(zone, hours, now):
    """`holiday` only where the day would have opened."""
    calendar = Calendar.of(zone, hours)
    day = calendar.today(now)
    if calendar.is_open(now):
        assert calendar.holiday(day) is None
        return
    is_holiday = calendar.why_closed(now) is Reason.HOLIDAY
    assert is_holiday is bool(calendar.holiday(day) is not None and hours.week[day.weekday()])


def test_the_search_for_an_opening_has_an_end():
    """Longer than any run of holidays, and not for ever."""
    assert 30 < SEARCH_DAYS < 366
