"""May it go now?"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendar import Calendar, ContactHours
from tests.unit.billing.facts import CORDOBA, local


@pytest.mark.parametrize(
    "text", ["9-19", "09:00", "19:00-09:00", "09:00-09:00", "09:60-19:00", "09:00-24:01", ""]
)
def test_hours_that_make_no_window_are_refused(text):
    """A window must have the right form and open before it closes."""
    with pytest.raises(ValueError, match="contact hours"):
        ContactHours.parse(text)


def test_hours_read_back_as_they_were_written():
    """What an operator sees is what they set."""
    assert str(ContactHours.parse("09:00-24:00")) == "09:00-24:00"


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


@pytest.mark.parametrize("zone", ["America/Santiago", "America/Tijuana", "Pacific/Easter"])
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
