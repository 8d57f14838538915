"""The presets of countries at their edges, and the public holidays of three years."""

import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from billing.calendar import DEFAULT_HOURS, PRESETS, Calendar, Caps, ContactHours, preset
from billing.values import Reason

ZONES = {
    "CO": "America/Bogota",
    "CL": "America/Santiago",
    "EC": "America/Guayaquil",
    "PE": "America/Lima",
    "BR-SP": "America/Sao_Paulo",
    "BR-RJ": "America/Sao_Paulo",
    "MX": "America/Mexico_City",
    "AR": "America/Argentina/Cordoba",
    "custom": "America/Argentina/Cordoba",
}


def at(code, wall):
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(ZONES[code]))


def calendar(code):
    return Calendar.of(ZONES[code], preset(code).hours)


# The week of Monday 16 to Sunday 22 November 2026; 16 November is a holiday in CO and MX only.
@pytest.mark.parametrize(
    ("code", "opens", "closes"),
    [
        ("CO", "2026-11-17 07:00", "2026-11-17 19:00"),
        ("CO", "2026-11-20 07:00", "2026-11-20 19:00"),
        ("CO", "2026-11-21 08:00", "2026-11-21 15:00"),
        ("CL", "2026-11-16 08:00", "2026-11-16 20:00"),
        ("CL", "2026-11-21 08:00", "2026-11-21 20:00"),
        ("EC", "2026-11-16 07:00", "2026-11-16 20:00"),
        ("EC", "2026-11-20 07:00", "2026-11-20 20:00"),
        ("PE", "2026-11-16 07:00", "2026-11-16 20:00"),
        ("PE", "2026-11-20 07:00", "2026-11-20 20:00"),
        ("BR-SP", "2026-11-19 08:00", "2026-11-19 20:00"),
        ("BR-SP", "2026-11-21 08:00", "2026-11-21 14:00"),
        ("BR-RJ", "2026-11-19 09:00", "2026-11-19 19:00"),
        ("MX", "2026-11-18 07:00", "2026-11-18 22:00"),
        ("MX", "2026-11-22 07:00", "2026-11-22 22:00"),
        ("AR", "2026-11-16 09:00", "2026-11-16 20:00"),
        ("AR", "2026-11-21 09:00", "2026-11-21 13:00"),
        ("custom", "2026-11-22 00:00", "2026-11-22 23:59"),
    ],
)
def test_a_preset_opens_and_closes_on_the_minute(code, opens, closes):
    """A minute early and at the end nothing goes, from the opening to the last minute it does."""
    one = calendar(code)
    first, end = at(code, opens), at(code, closes)
    from_midnight = (first.hour, first.minute) == (0, 0)
    assert one.is_open(first)
    assert from_midnight or not one.is_open(first.replace(hour=first.hour - 1, minute=59))
    assert one.is_open(end.replace(hour=end.hour - 1, minute=59))
    assert code == "custom" or not one.is_open(end)


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("CO", "2026-11-22"),
        ("CL", "2026-11-22"),
        ("EC", "2026-11-21"),
        ("EC", "2026-11-22"),
        ("PE", "2026-11-21"),
        ("PE", "2026-11-22"),
        ("BR-SP", "2026-11-22"),
        ("BR-RJ", "2026-11-21"),
        ("BR-RJ", "2026-11-22"),
        ("AR", "2026-11-22"),
    ],
)
def test_weekends_are_closed_where_the_law_says_so(code, day):
    """Sunday, and Saturday in some countries: the whole day, for the hours and no holiday."""
    one, noon = calendar(code), at(code, f"{day} 12:00")
    assert one.opening(noon.date()) is None
    assert not one.is_open(noon)
    assert one.why_closed(noon) is Reason.QUIET_HOURS


@pytest.mark.parametrize(
    ("code", "day", "name"),
    [
        *(
            (code, f"{year}-01-01", None)
            for code in ("CO", "CL", "EC", "PE", "BR-SP", "BR-RJ", "AR")
            for year in (2025, 2026, 2027)
        ),
        *((code, "2026-04-03", "Viernes Santo") for code in ("CO", "CL", "EC", "PE", "AR")),
        ("CO", "2026-01-12", "Día de los Reyes Magos (observado)"),  # moved to Monday
        ("CO", "2025-06-23", "Corpus Christi (observado)"),
        ("CO", "2027-07-20", "Día de la Independencia"),
        ("CL", "2025-09-18", None),
        ("CL", "2026-10-12", None),
        ("CL", "2027-09-17", None),  # a Friday that only 2027 has
        ("CL", "2026-04-04", None),  # Holy Saturday: a Saturday that would be open
        ("EC", "2025-03-04", "Carnaval"),
        ("EC", "2026-11-03", None),
        ("EC", "2027-12-24", None),  # Christmas on a Saturday is kept on Friday
        ("PE", "2025-07-28", None),
        ("PE", "2026-07-23", None),
        ("PE", "2027-12-09", None),
        ("BR-SP", "2025-07-09", "Revolução Constitucionalista"),  # of the state
        ("BR-SP", "2026-11-20", None),
        ("BR-SP", "2027-04-21", "Tiradentes"),
        ("BR-RJ", "2025-03-04", "Carnaval"),  # of the state; in São Paulo it is none
        ("BR-RJ", "2026-02-17", "Carnaval"),
        ("BR-RJ", "2027-04-23", None),  # Saint George
        ("AR", "2025-03-03", None),
        ("AR", "2026-07-10", None),  # a bridge day by decree
        ("AR", "2027-07-09", "Día de la Independencia"),
    ],
)
def test_nobody_is_reminded_on_a_public_holiday(code, day, name):
    """The whole day is closed, for that reason, and the name can be told."""
    one, noon = calendar(code), at(code, f"{day} 12:00")
    assert not one.is_open(noon)
    assert one.opening(noon.date()) is None
    assert one.why_closed(noon) is Reason.HOLIDAY
    assert one.holiday(noon.date()) is not None
    assert name is None or one.holiday(noon.date()) == name
    opens = one.next_open(noon)
    assert opens is not None
    assert opens.astimezone(one.zone).date() > noon.date()


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("BR-SP", "2026-02-17"),  # Carnival is no public holiday there
        ("BR-RJ", "2026-07-09"),
        ("CO", "2026-01-06"),  # kept on Monday the 12th
        ("MX", "2026-01-01"),  # no holidays in its rule
        ("custom", "2026-01-01"),
    ],
)
def test_a_working_day_stays_open(code, day):
    """What is a holiday next door, or in another year, closes nothing."""
    assert calendar(code).is_open(at(code, f"{day} 12:00"))


def test_a_sunday_that_is_a_holiday_is_closed_as_a_sunday():
    """It would be closed without the holiday too (7 September 2025 in Brazil)."""
    assert calendar("BR-SP").why_closed(at("BR-SP", "2025-09-07 12:00")) is Reason.QUIET_HOURS


@pytest.mark.parametrize(
    ("code", "caps", "keep_years"),
    [
        ("CO", Caps(per_day=1, channels_per_week=1), None),
        ("CL", Caps(per_week=2, gap_days=2), 2),
        ("EC", Caps(per_day=1), None),
        ("PE", Caps(), None),
        ("BR-SP", Caps(), None),
        ("BR-RJ", Caps(), None),
        ("MX", Caps(), None),
        ("AR", Caps(per_day=1, per_week=3), None),
        ("custom", Caps(), None),
    ],
)
def test_caps_are_those_of_the_table(code, caps, keep_years):
    """product.md, section 5."""
    assert (preset(code).caps, preset(code).keep_years) == (caps, keep_years)


def test_the_presets_are_those_of_the_product():
    """No more and no less; what only advises says so, and every one tells its source."""
    assert list(PRESETS) == list(ZONES)
    assert {code for code, one in PRESETS.items() if one.advisory} == {"MX", "AR"}
    assert all(one.rule and str(one.hours) == one.text for one in PRESETS.values())


@pytest.mark.parametrize("typed", ["co", " CO ", "Co"])
def test_a_preset_is_found_however_it_is_typed(typed):
    """Upper or lower case."""
    assert preset(typed).code == "CO"


def test_an_unknown_preset_is_refused_with_those_that_exist():
    """A country that we know nothing of must not become "no rule"."""
    with pytest.raises(ValueError, match="no such preset: 'UY'; known: CO, CL, EC"):
        preset("UY")


def test_the_law_the_isp_and_the_customer_must_all_agree():
    """Saturday in Bogotá: the law until 15, the ISP from 9, the customer from 14."""
    one = Calendar.of(ZONES["CO"], preset("CO").hours & ContactHours.parse(DEFAULT_HOURS)).within(
        ContactHours.parse("14:00-22:00")
    )
    assert str(one.hours) == "mon-fri 14:00-19:00, sat 14:00-15:00, no holidays CO"
    assert [
        one.is_open(at("CO", f"2026-11-21 {wall}")) for wall in ("13:59", "14:00", "15:00")
    ] == [
        False,
        True,
        False,
    ]


def test_an_isp_without_holidays_never_pays_for_them():
    """The import costs a tenth of a second; the stock hours do without."""
    code = (
        "import sys; from datetime import UTC, datetime; "
        "from billing.calendar import Calendar, DEFAULT_HOURS; "
        "Calendar.of('America/Bogota', DEFAULT_HOURS).next_open(datetime.now(UTC)); "
        "sys.exit('holidays' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
