"""Contact hours as text and as sets of minutes."""

import pytest
from hypothesis import given

from billing.calendar import DEFAULT_HOURS, ContactHours
from tests.unit.billing.hours import some_hours, whole_days


@pytest.mark.parametrize(
    "text",
    [
        "9-19",
        "09:00",
        "19:00-09:00",
        "09:00-09:00",
        "09:60-19:00",
        "09:00-24:01",
        "25:00-26:00",
        "",
        ",",
        "never",
        "no holidays CO",
        "lun-vie 09:00-19:00",
        "mon-xyz 09:00-19:00",
        "mon 09:00-19:00, mon 20:00-21:00",
        "09:00-19:00, sat 09:00-13:00",
        "mon 09:00-12:00 and 14:00-13:00",
        "mon 09:00-12:00 14:00-18:00",
        "mon-fri",
        "09:00-19:00, no holidays",
        "09:00-19:00\nsat 09:00-13:00",
    ],
)
def test_hours_that_make_no_window_are_refused(text):
    """What nobody can read, or never opens, is refused in one line that says what is accepted."""
    with pytest.raises(ValueError, match="contact hours are HH:MM-HH:MM") as refused:
        ContactHours.parse(text)
    assert "\n" not in str(refused.value)
    assert "mon-fri 09:00-13:00 and 15:00-19:00" in str(refused.value)


@pytest.mark.parametrize("region", ["XX", "BR-ZZ", "COL", "B", "CO-"])
def test_holidays_of_nowhere_are_refused(region):
    """A typing error must not become a country without holidays."""
    with pytest.raises(ValueError, match=f"no public holidays known for '{region}'"):
        ContactHours.parse(f"09:00-19:00, no holidays {region}")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("09:00-24:00", "09:00-24:00"),
        (" 09:00-19:00 ", "09:00-19:00"),
        ("mon-sun 09:00-19:00", "09:00-19:00"),
        ("MON-Fri  07:00-19:00 ,sat 08:00-15:00", "mon-fri 07:00-19:00, sat 08:00-15:00"),
        ("sun-thu 09:00-17:00", "mon-thu 09:00-17:00, sun 09:00-17:00"),
        ("sat 09:00-13:00, mon 09:00-13:00", "mon 09:00-13:00, sat 09:00-13:00"),
        ("mon 15:00-19:00 and 09:00-13:00", "mon 09:00-13:00 and 15:00-19:00"),
        ("mon 09:00-13:00 and 13:00-19:00", "mon 09:00-19:00"),
        ("mon 09:00-15:00 and 13:00-14:00", "mon 09:00-15:00"),
        ("09:00-19:00, no holidays br-sp AR", "09:00-19:00, no holidays AR BR-SP"),
        ("no holidays CO, 09:00-19:00", "09:00-19:00, no holidays CO"),
    ],
)
def test_hours_read_back_as_what_an_operator_meant(text, canonical):
    """What is shown is one form of what was set."""
    assert str(ContactHours.parse(text)) == canonical


def test_the_default_is_its_own_canonical_form():
    """product.md, section 3, rule 7."""
    assert str(ContactHours.parse(DEFAULT_HOURS)) == "09:00-19:00"


@given(some_hours())
def test_hours_read_back_as_they_were_written(hours):
    """What is printed and read again is the same hours, and prints the same."""
    assert ContactHours.parse(str(hours)) == hours
    assert str(ContactHours.parse(str(hours))) == str(hours)


@given(some_hours(), some_hours())
def test_strictest_wins_to_the_minute(mine, theirs):
    """The intersection holds exactly the minutes that both hold, and closes for both's holidays."""
    both = mine & theirs
    for windows, one, other in zip(both.week, mine.week, theirs.week, strict=True):
        assert whole_days(windows) == whole_days(one) & whole_days(other)
    assert set(both.closed_on) == {*mine.closed_on, *theirs.closed_on}
    assert both == theirs & mine
    assert not both.ever_open or ContactHours.parse(str(both)) == both


@given(some_hours())
def test_all_day_takes_nothing_away(hours):
    """The preset `custom` leaves the ISP's own hours as they are."""
    assert hours & ContactHours.parse("00:00-24:00") == hours


def test_hours_that_exclude_each_other_never_open_and_say_so():
    """A customer who may be reached only when the law forbids it."""
    never = ContactHours.parse("07:00-19:00") & ContactHours.parse("20:00-23:00")
    assert not never.ever_open
    assert str(never) == "never"
