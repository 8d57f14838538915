"""The page of a forecast stands by itself and says what was counted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing.calendar import Calendar
from billing.simulation import difference, forecast
from billing.simulation.limits import limit_of, open_minutes
from billing.simulation.tally import Tally
from billing.values import AlertKind, Reason
from notifications.forecast import page, shade, weeks

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
CALENDAR = Calendar.of("America/Argentina/Cordoba", "mon-fri 09:00-19:00, no holidays AR")


def told(*sent, days=14, price=None, **budget):
    tally = Tally(ZoneInfo("America/Argentina/Cordoba"))
    tally.sent = Counter(
        {
            (date(2026, 3, day), 9, scheme, medium, AlertKind.DUE_SOON): number
            for day, scheme, medium, number in sent
        }
    )
    tally.skipped[(date(2026, 3, 11), AlertKind.OVERDUE, Reason.CAP_DAY)] = 7
    return forecast(
        tally, isp="interatos", currency="ARS", calendar=CALENDAR, now=NOW, days=days,
        segments=lambda _: 2, price=price, **budget,
    )  # fmt: skip


def test_weeks_begin_on_monday_and_hold_only_the_days_asked_for():
    """The 10th is a Tuesday: fourteen days make three rows."""
    rows = weeks(told((11, "email", "email", 100)))
    assert [[cell.day.day if cell else None for cell in row] for row in rows] == [
        [None, 10, 11, 12, 13, 14, 15],
        [16, 17, 18, 19, 20, 21, 22],
        [23, None, None, None, None, None, None],
    ]


@pytest.mark.parametrize(("messages", "expected"), [(0, 0), (1, 1), (20, 1), (21, 2), (100, 5)])
def test_a_single_message_is_not_nothing(messages, expected):
    """Five shades, the busiest day the darkest."""
    assert shade(messages, 100) == expected


def test_more_than_the_window_takes_is_tight():
    """At 60 a minute ten hours take 36 000 e-mails; ntfy.sh takes 250 a day."""
    found = told(
        (11, "email", "email", 36_001), (12, "email", "email", 36_000), (12, "ntfy", "push", 251)
    )
    tight = {
        one.scheme: [(day.date.day, day.over_day) for day in one.tight] for one in found.channels
    }
    assert tight == {"email": [(11, False)], "ntfy": [(12, True)]}
    assert limit_of("twilio", "sms").minutes_for(5) is None


def test_the_minutes_of_a_day_are_those_that_are_left():
    """Noon of a Tuesday, a Wednesday, a Saturday, and a holiday."""
    days = [date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 14), date(2026, 3, 24)]
    assert [open_minutes(CALENDAR, day, now=NOW) for day in days] == [420, 600, 0, 0]


def test_texts_cost_by_the_segment():
    """Two segments each."""
    texts = told((11, "twilio", "sms", 10), price=Decimal("12.50")).texts
    assert texts is not None
    assert (texts.messages, texts.segments, texts.cost) == (10, 20, Decimal(250))


def test_a_budget_stands_beside_what_would_be_spent():
    """Of each month what went and what comes; where it is not enough the page says so."""
    sent = ((11, "twilio", "sms", 10), (12, "twilio", "sms", 5))
    texts = told(*sent, budget=100, spent=70).texts
    assert texts is not None
    assert [(one.first, one.spent, one.segments, one.over) for one in texts.months] == [
        (date(2026, 3, 1), 70, 30, False)
    ]
    assert "mar 2026: 70 usados y 30 por venir, de 100." in page(told(*sent, budget=100, spent=70))
    assert "de 100: no alcanza." in page(told(*sent, budget=100, spent=71))
    assert "por venir" not in page(told(*sent))


def test_the_page_loads_nothing_and_shows_what_differs():
    """Neither scripts nor addresses; the change stands in the day."""
    now, then = told((11, "email", "email", 1200)), told((11, "email", "email", 1214))
    found = difference(now, then)
    text = page(now, then=then, effect=found)
    assert (found.total_more, found.total_fewer) == (14, 0)
    assert "<i>+14</i>" in text
    assert "1.214" in text
    assert "tope por día" in text
    assert not any(word in text for word in ("http:", "https:", "<script", "url(", "@import"))


def test_an_empty_forecast_is_a_page_too():
    """An ISP without customers."""
    assert "Ningún mensaje" in page(told())
