"""An invoice with dates that cannot be right is told to the operator, and no date asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town


@on_sqlite
@pytest.mark.parametrize(
    ("first", "second", "why"),
    [(None, None, "vencimiento"), (5, 2, "anterior"), (3650, None, "más de un año")],
)
def test_dates_that_cannot_be_right_ask_for_nothing(
    town: Town, first: int | None, second: int | None, why: str
) -> None:
    """The announcement goes; no reminder does; the operator hears of it once a day."""
    town.house.operators.add(SLUG, "noc@interatos.example", now=town.now)
    ana = town.customer()
    town.settled(ana)
    days: dict[str, Any] = {
        name: None if ahead is None else f"{town.today + timedelta(days=ahead)}"
        for name, ahead in (("first_due_date", first), ("second_due_date", second))
    }
    town.bill(ana, due_in=None, **days)
    town.bill(ana, due_in=None, **days)
    for _ in range(12):
        town.go_round()
        town.house.telling.run(clock=town.clock)
        town.wait(days=1)

    told = [one for one in town.letters if "noc@" in one.recipient]
    assert len(told) == 1
    assert why in told[0].everything
    assert "alerta explain interatos" in told[0].everything
    kinds = {line.kind for line in town.lines()}
    assert kinds == {"issued"}
