"""Who waits to write into SQLite gets a turn between two batches of somebody else."""

from __future__ import annotations

import threading
import time

from sqlalchemy import text

from models.database import Database

#: Seconds of a batch and of what it leaves to others, and how many of them.
BATCH, GAP, BATCHES = 0.4, 0.01, 12


def turns_until_let_in(url: str) -> int:
    """Return how many batches somebody else wrote until we could."""
    writing, waiting, done = Database(url), Database(url), threading.Event()
    begun, turns = threading.Event(), 0

    def write_batches() -> None:
        nonlocal turns
        for _ in range(BATCHES):
            with writing.write() as session:
                session.execute(text("UPDATE isp SET name = name"))
                begun.set()
                time.sleep(BATCH)
            if done.is_set():
                return
            turns += 1
            time.sleep(GAP)

    other = threading.Thread(target=write_batches)
    other.start()
    begun.wait()
    before = turns
    with waiting.write() as session:
        session.connection()  # which begins
        found = turns - before
    done.set()
    other.join()
    for database in (writing, waiting):
        database.close()
    return found


def test_a_waiting_writer_gets_the_next_gap_or_one_soon_after(shared_url: str) -> None:
    """SQLite's own waiting meets one gap in ten."""
    assert sum(turns_until_let_in(shared_url) for _ in range(3)) <= 5
