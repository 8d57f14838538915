"""What was found out about each ISP's Wispro is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from billing.habits import recall, remember
from billing.values import Habits
from models.database import Database
from models.isp import Isp
from models.listing import Probe

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
FOUND = Habits(
    unknown_filter_ignored=True,
    invoice_state_filter=False,
    contract_state_filter=None,
    page_size=100,
    oldest_first=True,
    invoices=1_000_000,
    pending=1,
    contracts=0,
    clients=7,
)


@pytest.fixture
def isps(database: Database) -> list[int]:
    """Add two ISPs."""
    with database.write() as session:
        rows = [
            Isp(
                slug=slug,
                name=slug,
                base_url="https://wispro.example/api/v1",
                token_sealed="x",
                timezone="UTC",
                locale="en",
                currency="ARS",
                contact_hours="00:00-24:00",
                created_at=NOW,
            )
            for slug in ("one", "other")
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def kept(database: Database, isp_id: int) -> tuple[Habits, datetime] | None:
    """Return what is remembered."""
    with database.read() as session:
        return recall(session, isp_id)


def test_what_is_remembered_is_recalled_with_its_date(database: Database, isps: list[int]) -> None:
    """Yes, no, not told and numbers come back as they were, for the ISP they were found at."""
    assert kept(database, isps[0]) is None
    with database.write() as session:
        remember(session, isps[0], FOUND, NOW)
    assert kept(database, isps[0]) == (FOUND, NOW)
    assert kept(database, isps[1]) is None


def test_a_later_answer_takes_the_place_of_an_earlier_one(
    database: Database, isps: list[int]
) -> None:
    """Also where it knows less than before; other ISPs keep theirs."""
    later = replace(FOUND, invoice_state_filter=None, oldest_first=False, clients=1)
    with database.write() as session:
        remember(session, isps[0], FOUND, NOW)
        remember(session, isps[1], FOUND, NOW)
    with database.write() as session:
        remember(session, isps[0], later, NOW + timedelta(days=7))
    assert kept(database, isps[0]) == (later, NOW + timedelta(days=7))
    assert kept(database, isps[1]) == (FOUND, NOW)


def test_what_an_older_program_did_not_ask_is_asked_again(
    database: Database, isps: list[int]
) -> None:
    """A habit that is missing makes the others incomplete: nothing is recalled."""
    with database.write() as session:
        remember(session, isps[0], FOUND, NOW)
        session.execute(delete(Probe).where(Probe.name == "page_size"))
    assert kept(database, isps[0]) is None


def test_what_a_newer_program_asked_beside_is_no_trouble(
    database: Database, isps: list[int]
) -> None:
    """A habit that is not known here is left alone."""
    with database.write() as session:
        remember(session, isps[0], FOUND, NOW)
        session.add(Probe(isp_id=isps[0], name="mood", found="fair", probed_at=NOW))
    assert kept(database, isps[0]) == (FOUND, NOW)
