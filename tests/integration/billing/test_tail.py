"""Counters that are made of rows: each row counts once, in whatever order it becomes visible."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from models.alert import Delivery
from models.database import Database
from models.sync_run import SyncRun
from tests.integration.models.rows import (
    NOW,
    add_account,
    add_channel,
    add_delivery,
    add_invoice,
    add_isp,
)
from worker.tail import Tail

MINUTE = timedelta(minutes=1)


@pytest.fixture
def isp_id(database: Database) -> int:
    """One ISP with six planned deliveries."""
    with database.write() as session:
        isp = add_isp(session)
        account = add_account(session, isp)
        channel, invoice = add_channel(session, account), add_invoice(session, account)
        for number in range(6):
            add_delivery(session, invoice, channel, step=f"{number}")
        return isp.id


def settle(database: Database, number: int, at: datetime, state: str = "sent") -> None:
    """Let the nth delivery end."""
    with database.write() as session:
        ids = session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
        session.execute(
            update(Delivery)
            .where(Delivery.id == ids[number])
            .values(state=state, settled_at=at, reason=None if state == "sent" else "rejected")
        )


def run(database: Database, isp_id: int, at: datetime, outcome: str | None = "ok") -> int:
    """Record a look."""
    with database.write() as session:
        row = SyncRun(
            isp_id=isp_id, mode="sweep", trigger="schedule", started_at=at, outcome=outcome,
            ms=3_000, requests=7, changed=2, alerts=1,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_each_delivery_counts_once(database: Database, isp_id: int) -> None:
    """However often it is read, and though it becomes visible after younger ones."""
    settle(database, 0, NOW - MINUTE)
    tail = Tail(database, now=NOW)
    settle(database, 1, NOW + MINUTE)
    assert tail.advance(now=NOW + MINUTE).deliveries == {(isp_id, "email", "sent", ""): 1}
    settle(database, 2, NOW + MINUTE / 2)
    settle(database, 3, NOW + MINUTE, "failed")
    for _ in range(3):
        happened = tail.advance(now=NOW + 2 * MINUTE)
    assert happened.deliveries == {
        (isp_id, "email", "sent", ""): 2,
        (isp_id, "email", "failed", "rejected"): 1,
    }


def test_a_delivery_that_is_sent_again_counts_again(database: Database, isp_id: int) -> None:
    """It came to two ends."""
    tail = Tail(database, now=NOW)
    settle(database, 1, NOW, "failed")
    tail.advance(now=NOW)
    settle(database, 1, NOW + MINUTE)
    happened = tail.advance(now=NOW + MINUTE)
    assert sorted(happened.deliveries.values()) == [1, 1]


def test_what_was_counted_is_forgotten_in_time(database: Database, isp_id: int) -> None:
    """The memory of a long-lived counter follows the last minutes, not the history."""
    tail = Tail(database, now=NOW)
    for number in range(6):
        settle(database, number, NOW + number * MINUTE)
        tail.advance(now=NOW + number * MINUTE)
    assert sum(tail.happened.deliveries.values()) == 6
    assert len(tail._counted) <= 3


def test_runs_count_when_they_end(database: Database, isp_id: int) -> None:
    """Those that were under way at the last look too; those of before the counting never."""
    run(database, isp_id, NOW - MINUTE)
    tail = Tail(database, now=NOW)
    open_run = run(database, isp_id, NOW, outcome=None)
    run(database, isp_id, NOW)
    assert tail.advance(now=NOW).runs == {(isp_id, "ok"): 1}
    for _ in range(250):
        run(database, isp_id, NOW)
    with database.write() as session:
        session.execute(update(SyncRun).where(SyncRun.id == open_run).values(outcome="failed"))
    for _ in range(2):
        happened = tail.advance(now=NOW)
    assert happened.runs == {(isp_id, "ok"): 251, (isp_id, "failed"): 1}
    assert happened.requests == {isp_id: 252 * 7}
    assert happened.changes == {isp_id: 252 * 2}
    assert happened.durations["sweep"].counts == [0, 0, 252, 0, 0, 0, 0, 0, 0, 0, 0]
    assert happened.durations["sweep"].total == 252 * 3.0
