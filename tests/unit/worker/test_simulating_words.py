"""Whatever a forecast counts has its words, in the terminal and on the page."""

from __future__ import annotations

from datetime import date

from billing.simulation import Assumption
from billing.simulation.limits import LimitSource
from billing.values import AlertKind, Reason
from notifications.forecast import words as page
from worker.cli import simulating_words as terminal


def test_nothing_is_without_words() -> None:
    """A new limit, assumption, kind or reason does not pass unnoticed on either surface."""
    for surface in (terminal, page):
        assert set(surface.SOURCES) == set(LimitSource)
        assert set(surface.ASSUMPTIONS) == set(Assumption)
    assert all(terminal.kind(one.value) for one in AlertKind)
    assert not any("{" in terminal.why(one.value) for one in Reason)


def test_numbers_and_days_read_as_english() -> None:
    """Commas between thousands, the weekday first."""
    assert terminal.of_day(date(2026, 3, 10)) == "Tue 10 Mar"
    assert terminal.number(12345) == "12,345"
    assert [terminal.minutes(one) for one in (None, 0.4, 59.6, 80)] == [
        "–", "< 1 min", "1 h 0 min", "1 h 20 min",
    ]  # fmt: skip
