"""Money and instants, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError

from models.isp import Isp
from tests.integration.models.rows import add_isp

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("amount", ["0", "0.0001", "2590.10", "99999999999999.9999", "-12.5"])
def test_money_comes_back_exactly(database, amount):
    """Not a cent is lost on the way, on either database."""
    with database.write() as session:
        isp_id = add_isp(session, minimum_amount=Decimal(amount)).id
    with database.read() as session:
        assert session.get_one(Isp, isp_id).minimum_amount == Decimal(amount)


def test_money_adds_up_inside_sql(database):
    """Ten times ten cents are one peso, not 0.9999999999999999."""
    with database.write() as session:
        for number in range(10):
            add_isp(session, slug=f"isp-{number}", minimum_amount=Decimal("0.1"))
        total = session.scalar(select(func.sum(Isp.minimum_amount)))
    assert total == Decimal(1)


def test_money_compares_as_a_number(database):
    """Text would sort 1000 before 9."""
    with database.write() as session:
        for slug, amount in (("a", "1000"), ("b", "9"), ("c", "20")):
            add_isp(session, slug=slug, minimum_amount=Decimal(amount))
    with database.read() as session:
        found = session.scalars(select(Isp.slug).order_by(Isp.minimum_amount)).all()
        above = session.scalars(select(Isp.slug).where(Isp.minimum_amount > Decimal("19.5"))).all()
    assert found == ["b", "c", "a"]
    assert sorted(above) == ["a", "c"]


@pytest.mark.parametrize("amount", [2590.1, Decimal("NaN"), Decimal("0.00001")])
def test_money_that_is_not_exact_is_refused(database, amount):
    """A float, a NaN, a fifth decimal: refused on the way in."""
    with pytest.raises((StatementError, ValueError)), database.write() as session:
        add_isp(session, minimum_amount=amount)


def test_an_instant_comes_back_aware_in_utc(database):
    """Whatever zone it was written in."""
    with database.write() as session:
        elsewhere = NOW.astimezone(timezone(timedelta(hours=-3)))
        isp_id = add_isp(session, created_at=elsewhere).id
    with database.read() as session:
        found = session.get_one(Isp, isp_id).created_at
    assert found == NOW
    assert found.utcoffset() == timedelta(0)


def test_a_naive_instant_is_refused(database):
    """Nobody knows when that was."""
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="naive"), database.write() as session:
        add_isp(session, created_at=naive)
