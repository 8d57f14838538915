"""The installation as its rows show it, on both databases, and what it costs to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update

from billing.overview import CircuitState, Overview, Trouble, read_overview
from models.database import Database
from models.hold import Hold
from models.isp import Isp
from models.sync_run import SyncRun
from tests.benchmarks.installation import NOW, Installation, fill
from tests.integration.models.rows import (
    add_account,
    add_channel,
    add_delivery,
    add_invoice,
    add_isp,
)

EVERY = timedelta(minutes=30)
#: 23:30 of the ninth in Córdoba, 21:30 in Bogotá, 11:30 of the tenth in Tokyo.
NIGHT = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)


@pytest.fixture
def isp(database: Database) -> Isp:
    """One ISP with a customer, an open invoice, and deliveries in every state."""
    with database.write() as session:
        isp = add_isp(session, synced_at=NIGHT - timedelta(minutes=5))
        account = add_account(session, isp, next_look_at=NIGHT + timedelta(minutes=25))
        channel = add_channel(session, account)
        invoice = add_invoice(session, account, plan_at=NIGHT + timedelta(minutes=29))
        add_invoice(session, account, wispro_id="i-2", plan_at=NIGHT + timedelta(minutes=31))
        add_invoice(session, account, wispro_id="i-3", vanished_at=NIGHT)
        add_invoice(session, account, wispro_id="i-4", state="paid")
        yesterday, today = NIGHT - timedelta(hours=24), NIGHT - timedelta(hours=23)
        for number, (state, reason, settled_at, not_before) in enumerate(
            [
                ("sent", None, today, today),
                ("sent", None, yesterday, yesterday),
                ("failed", "rejected", today, today),
                ("uncertain", "no_answer", today, today),
                ("skipped", "missed", today, today),
                ("cancelled", "paid", today, today),
                ("planned", None, None, NIGHT),
                ("planned", None, None, NIGHT - timedelta(seconds=90)),
                ("planned", "quiet_hours", None, NIGHT + timedelta(minutes=29)),
                ("planned", "quiet_hours", None, NIGHT + timedelta(minutes=30)),
                ("sending", None, None, NIGHT),
            ]
        ):
            add_delivery(
                session, invoice, channel, step=f"{number}", state=state, reason=reason,
                settled_at=settled_at, not_before=not_before,
            )  # fmt: skip
        return isp


def look(database: Database, *, now: datetime = NIGHT, isp_id: int | None = None) -> Overview:
    """Read it all."""
    return read_overview(database, now=now, every=EVERY, isp_id=isp_id)


def test_each_number_is_what_the_rows_say(database: Database, isp: Isp) -> None:
    """Days are the ISP's own: what was settled before its midnight is not of today."""
    (line,) = look(database).isps
    assert (line.isp, line.today) == ("interatos", date(2026, 3, 9))
    assert (line.open_invoices, line.steps_today, line.planned_today) == (2, 1, 3)
    assert (line.sent_today, line.failed_today, line.uncertain_today) == (1, 1, 1)
    assert (line.skipped_today, line.cancelled_today) == (1, 1)
    assert line.reasons_today == {
        "failed/rejected": 1,
        "uncertain/no_answer": 1,
        "skipped/missed": 1,
        "cancelled/paid": 1,
    }
    assert (line.waiting, line.due, line.sending, line.late_seconds) == (4, 2, 1, 90.0)
    assert [(queue.route, queue.due) for queue in line.queues] == [("email", 2)]
    assert line.look_age_seconds == 300.0
    assert line.next_look == NIGHT + timedelta(minutes=25)
    assert line.trouble == [Trouble.UNCERTAIN, Trouble.FAILED]


@pytest.mark.parametrize(
    ("zone", "sent", "planned"), [("America/Bogota", 0, 4), ("Asia/Tokyo", 0, 4)]
)
def test_two_zones_are_counted_apart(
    database: Database, isp: Isp, zone: str, sent: int, planned: int
) -> None:
    """Beside an ISP of Córdoba another one has its own midnight, and its own numbers."""
    with database.write() as session:
        add_isp(session, slug="other", timezone="America/Argentina/Cordoba")
        session.execute(update(Isp).where(Isp.id == isp.id).values(timezone=zone))
    mine, other = look(database).isps
    assert (mine.sent_today, mine.planned_today) == (sent, planned)
    assert (other.sent_today, other.planned_today, other.queues) == (0, 0, [])
    assert look(database, isp_id=isp.id).isps == [mine]


def test_what_is_wrong_is_said_with_its_reason(database: Database, isp: Isp) -> None:
    """A held run, a circuit that rests, holds of customers: each with what the rows know."""
    with database.write() as session:
        run = SyncRun(
            isp_id=isp.id, mode="sweep", trigger="schedule", started_at=NIGHT, outcome="held",
            reason="share", detail="30 of 40 invoices changed", ms=1500, requests=12,
        )  # fmt: skip
        gone = SyncRun(isp_id=isp.id, mode="sweep", trigger="hand", started_at=NIGHT + EVERY)
        session.add_all([run, gone])
        session.flush()
        resting = {"failures": 3, "trouble": "no answer", "trouble_until": NIGHT + EVERY}
        session.execute(update(Isp).where(Isp.id == isp.id).values(held_run_id=run.id, **resting))
        for until, released_at in (
            (date(2026, 3, 9), None),
            (date(2026, 3, 8), None),
            (date(2026, 3, 9), NIGHT),
        ):
            session.add(
                Hold(
                    isp_id=isp.id, account_id=1, kind="hold", reason="a dispute", author="ana",
                    created_at=NIGHT, until=until, released_at=released_at,
                )
            )  # fmt: skip
    (line,) = look(database).isps
    assert line.held_run is not None
    assert (line.held_run.run, line.held_run.reason) == (run.id, "share")
    assert line.held_run.detail == "30 of 40 invoices changed"
    assert line.last_run is not None
    assert (line.last_run.run, line.last_run.seconds, line.last_run.requests) == (run.id, 1.5, 12)
    assert (line.circuit, line.circuit_reason) == (CircuitState.RESTING, "no answer")
    assert line.next_look == NIGHT + EVERY
    assert line.holds == 1
    assert line.trouble[:2] == [Trouble.HELD, Trouble.RESTING]


def test_an_empty_installation_can_be_read(database: Database) -> None:
    """Before the first ISP there is nothing, and no error."""
    seen = look(database)
    assert (seen.isps, seen.totals.isps, seen.notices_waiting) == ([], 0, 0)


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Note each statement."""
    seen: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, parameters, context, many):
        seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_it_takes_a_dozen_statements_however_many_isps(database: Database) -> None:
    """And none of them reads a large table from end to end, or history by its state."""
    fill(database, Installation(isps=12, accounts_each=100, deliveries=5_000, waiting=100))
    with statements(database) as seen:
        overview = look(database, now=NOW)
    assert overview.totals.isps == 12
    assert (overview.totals.open_invoices, overview.totals.waiting) == (399, 100)
    assert len(seen) <= 12
    if database.engine.dialect.name == "sqlite":
        plans = _plans(database, seen)
        tables = ("account", "invoice", "delivery", "sync_run")
        assert not [line for line in plans if line.startswith(tuple(f"SCAN {t}" for t in tables))]
        of_deliveries = [line for line in plans if line.startswith("SEARCH delivery")]
        assert of_deliveries
        assert all("USING COVERING INDEX" in line for line in of_deliveries), of_deliveries


def _plans(database: Database, seen: list[tuple[str, Any]]) -> list[str]:
    with database.engine.connect() as connection:
        return [
            row[-1]
            for statement, parameters in list(seen)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_postgresql_counts_deliveries_from_indexes_alone(database: Database) -> None:
    """With the choice of reading the table taken away, it finds all it needs in an index."""
    fill(database, Installation(isps=12, accounts_each=100, deliveries=5_000, waiting=100))
    with statements(database) as seen:
        look(database, now=NOW)
    with database.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        connection.execute(text("SET enable_bitmapscan = off"))
        plans = {
            statement: [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", given)]
            for statement, given in seen
            if "count(*)" in statement and "FROM delivery" in statement
        }
    assert len(plans) == 2
    assert all(any("Index Only Scan" in line for line in plan) for plan in plans.values()), plans
