"""A slow Wispro, or a slow mail server, keeps nobody else waiting for long."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from billing.delivery.batch import BATCH_BUDGET, DeliveryReport
from billing.delivery.delivering import Delivering
from billing.fairness import counts_at
from billing.sync import Sync, SyncBusyError
from config.keys import Vault, new_key
from models.alert import Delivery
from models.database import Database
from models.isp import Isp
from models.leases import SyncLease
from models.turns import take_turn
from tasks import deliver, queues, sync
from tests.integration.models.rows import (
    NOW,
    add_account,
    add_channel,
    add_delivery,
    add_invoice,
    add_isp,
)
from tests.support.rounds import Rounds

EVERY = timedelta(minutes=10)
SLOW, QUICK = 6, 40


def nothing(*_: Any, **__: Any) -> None:
    """Count nothing."""


TICKS = SimpleNamespace(note=nothing)


class Looks(Sync):
    """The use-case, except that a look only takes its turn and says whether it is done."""

    def __init__(self, database: Database, unfinished: list[int], rounds: Rounds) -> None:
        super().__init__(database, Vault([new_key()]), cast("Any", None), every=EVERY)
        self.unfinished, self.rounds = unfinished, rounds
        self.began: dict[int, list[datetime]] = defaultdict(list)
        self.ends: dict[int, datetime] = {}

    def run(self, isp_id: int, **_: Any) -> Any:
        """Take the turn of an ISP, if nobody has it; the lease ends by its time."""
        now, more = self.rounds.now, isp_id in self.unfinished
        takes = timedelta(seconds=queues.SYNC_BUDGET if more else 2)
        if not SyncLease(self._database, isp_id, takes).take(now=now):
            raise SyncBusyError
        with self._database.write() as session:
            due = now + takes if more else now + EVERY
            turn = {"next_sync_at": due, "sync_turn_at": counts_at(now, now + takes)}
            session.execute(update(Isp).where(Isp.id == isp_id).values(turn))
        self.began[isp_id].append(now)
        return SimpleNamespace(more=more, takes=takes.total_seconds())


def test_slow_looks_keep_no_other_isp_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six ISPs whose look is never done, forty whose look takes two seconds, two children.

    Each of the forty has its look when it is due, give or take what one slow turn takes.
    """
    rounds = Rounds(NOW)
    with database.write() as session:
        isps = [add_isp(session, slug=f"isp{n}", next_sync_at=NOW) for n in range(SLOW + QUICK)]
        for isp in isps:
            add_account(session, isp, next_look_at=None)
        slow, quick = ([isp.id for isp in some] for some in (isps[:SLOW], isps[SLOW:]))
    looks = Looks(database, slow, rounds)

    def look(isp_id: int) -> float:
        before = len(looks.began[isp_id])
        sync.sync_isp(isp_id=isp_id)
        if len(looks.began[isp_id]) == before:
            return 0.1  # somebody else has it
        return float(queues.SYNC_BUDGET) if isp_id in slow else 2.0

    def dispatch() -> float:
        sync.dispatch()
        return 0.1

    def hint(task: Any, **arguments: Any) -> None:
        rounds.enqueue(dispatch if task is sync.dispatch else lambda: look(arguments["isp_id"]))

    monkeypatch.setattr(sync, "hint", hint)
    desk = SimpleNamespace(sync=looks, clock=rounds.clock, count=nothing, ticks=TICKS)
    monkeypatch.setattr(sync, "desk", lambda: desk)
    rounds.run(until=NOW + timedelta(hours=1), beat=dispatch, every=60)

    began = looks.began
    waits = [
        (after - before - EVERY).total_seconds()
        for isp_id in quick
        for before, after in zip(began[isp_id], began[isp_id][1:], strict=False)
    ]
    assert [isp_id for isp_id in quick if len(began[isp_id]) < 5] == []
    assert max(waits) <= 60 + 2 * queues.SYNC_BUDGET
    assert [isp_id for isp_id in slow if len(began[isp_id]) < 5] == []


class Sends(Delivering):
    """The use-case, except that a batch takes its turn and marks one delivery as sent."""

    def __init__(self, database: Database, slow: list[int], rounds: Rounds) -> None:
        nobody = cast("Any", None)
        super().__init__(database, Vault([new_key()]), nobody, nobody, max_pdf_bytes=1)
        self.rounds, self.slow = rounds, slow
        self.served: list[tuple[int, datetime]] = []

    def run_batch(self, isp_id: int, *, route: str | None = None, **_: Any) -> DeliveryReport:
        """Send one of what a route owes."""
        with self._database.write() as session:
            mine = Delivery.isp_id == isp_id, Delivery.route == route, Delivery.state == "planned"
            one = session.scalars(select(Delivery.id).where(*mine).limit(1)).one()
            now = self.rounds.now
            takes = BATCH_BUDGET if isp_id in self.slow else timedelta(seconds=1)
            take_turn(session, isp_id, str(route), at=counts_at(now, now + takes))
            session.execute(update(Delivery).where(Delivery.id == one).values(state="sent"))
        self.served.append((isp_id, self.rounds.now))
        return DeliveryReport(sent=1)


def test_slow_sending_accounts_keep_no_other_isp_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six ISPs far behind, of whose batches each takes all its time, and forty others."""
    rounds = Rounds(NOW)
    with database.write() as session:
        slow = [_owing(session, f"slow{n}", 60, since=NOW - timedelta(days=1)) for n in range(SLOW)]
        quick = [_owing(session, f"quick{n}", 3, since=NOW) for n in range(QUICK)]
    sends = Sends(database, slow, rounds)

    def batch() -> float:
        before = len(sends.served)
        deliver.batch()
        if len(sends.served) == before:
            return 0.1
        return BATCH_BUDGET.total_seconds() if sends.served[-1][0] in slow else 1.0

    def dispatch() -> float:
        deliver.dispatch()
        return 0.1

    monkeypatch.setattr(deliver, "hint", lambda *_, **__: rounds.enqueue(batch))
    desk = SimpleNamespace(delivering=sends, clock=rounds.clock, count=nothing, ticks=TICKS)
    monkeypatch.setattr(deliver, "desk", lambda: desk)
    rounds.run(until=NOW + timedelta(minutes=20), beat=dispatch, every=15)

    done = {isp_id: [at for one, at in sends.served if one == isp_id] for isp_id in slow + quick}
    assert {isp_id for isp_id in quick if len(done[isp_id]) != 3} == set()
    # Every slow route may come first once, two at a time; then the quick ones are due.
    assert max(done[isp_id][-1] for isp_id in quick) <= NOW + (SLOW / 2 + 2) * BATCH_BUDGET
    assert [isp_id for isp_id in slow if len(done[isp_id]) < 5] == []


def _owing(session: Any, slug: str, count: int, *, since: datetime) -> int:
    isp = add_isp(session, slug=slug)
    account = add_account(session, isp)
    channel, invoice = add_channel(session, account), add_invoice(session, account)
    for number in range(count):
        add_delivery(
            session, invoice, channel, step=f"{slug}-{number}", not_before=since, planned_at=since
        )
    return isp.id
