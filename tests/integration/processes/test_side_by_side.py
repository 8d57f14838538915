"""Processes side by side, and killed: each alert goes once, or is known to be uncertain."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from billing.ending import LEASE
from models import claims
from models.isp import Isp
from tests.support.cli import Cli
from tests.support.inbox import Inbox
from tests.support.marks import on_sqlite
from tests.support.processes import wait_until
from tests.support.town import SLUG, Town
from wispro.sandbox.model import Invoice

MANY = 54  # more than one batch


def owing(make_town: Callable[..., Town], number: int) -> tuple[Town, list[Invoice]]:
    """Build a town in the present that owes so many alerts, each to somebody else."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    with town.house.database.write() as session:
        session.get_one(Isp, town.isp_id).hold_at_least = 2 * number  # so many at once are meant
    people = [town.customer(f"Ana{place} Pérez") for place in range(number)]
    town.settled(*people)
    town.break_wispro("body_404", path="download_pdf")  # drawing them is not the point here
    bills = [town.bill(who, number=f"A-{place:04}") for place, who in enumerate(people)]
    assert town.sync().deliveries == number
    return town, bills


def numbers(inbox: Inbox, bills: list[Invoice]) -> Counter[str]:
    """Return how often each invoice was written about."""
    return Counter(
        str(bill.number)
        for letter in inbox.letters
        for bill in bills
        if str(bill.number) in letter.subject
    )


@pytest.mark.rule(number=1)
def test_two_deliverers_send_everything_once(
    make_town: Callable[..., Town], cli: Cli, inbox: Inbox
) -> None:
    """Two `alerta deliver` at once share the work: each message exactly once."""
    town, bills = owing(make_town, MANY)
    with (
        cli.start("deliver", "--json", log="one.log") as one,
        cli.start("deliver", "--json", log="two.log") as two,
    ):
        assert (one.ends(seconds=60), two.ends(seconds=60)) == (0, 0), one.text + two.text
        sent = [json.loads(process.text)["sent"] for process in (one, two)]

    assert sum(sent) == MANY
    assert min(sent) > 0, "the two did not overlap; this test proved nothing"
    assert numbers(inbox, bills) == Counter({str(bill.number): 1 for bill in bills})
    assert len({letter.message_id for letter in inbox.letters}) == MANY
    assert {(line.state, line.attempts) for line in town.lines()} == {("sent", 1)}


def test_a_batch_is_no_larger_than_it_says(make_town: Callable[..., Town]) -> None:
    """A claim takes what it was asked for, the oldest first, and leaves the rest to others."""
    town, _ = owing(make_town, 12)
    lease = town.now + LEASE
    taken = []
    for _ in range(3):
        with town.house.database.write() as session:
            got = claims.claim(session, town.isp_id, limit=5, now=town.now, lease_until=lease)
        taken.append([delivery_id for delivery_id, _ in got])

    assert [len(ids) for ids in taken] == [5, 5, 2]
    assert [one for ids in taken for one in ids] == sorted({one for ids in taken for one in ids})


@pytest.mark.parametrize("patient", [True, False], ids=["waits", "leaves"])
def test_of_two_syncs_one_waits_its_turn(
    make_town: Callable[..., Town], cli: Cli, inbox: Inbox, *, patient: bool
) -> None:
    """Two `alerta sync` of one ISP: the second waits, or says so; nothing is owed twice."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.break_wispro("timeout", path="contracts", delay=4, times=1)

    def leased() -> bool:
        with town.house.database.read() as session:
            return session.scalars(select(Isp.sync_lease_until)).one() is not None

    with cli.start("sync", SLUG, "--json", log="first.log") as first:
        wait_until(leased, seconds=40, what="the first sync is under way")
        second = cli.here("sync", SLUG, "--json", *(() if patient else ("--wait", "0")))
        assert first.ends(seconds=60) == 0, first.text
        assert json.loads(first.text)["deliveries"] == 1

    if patient:
        assert second.code == 0, second.text
        assert second.stderr == f"another look at {SLUG} is under way; waiting for its end\n"
        assert second.json["deliveries"] == 0
    else:
        assert second.code == 1
        busy = "error: another sync of this ISP is under way; try again in a minute\n"
        assert second.stderr == busy
    assert not leased()
    town.now = datetime.now(UTC)
    town.sync()
    town.deliver()
    assert town.kinds() == ["issued"]
    assert len(inbox.letters) == 1


@on_sqlite
def test_a_killed_sync_is_overtaken_when_its_lease_runs_out(
    make_town: Callable[..., Town], cli: Cli
) -> None:
    """A kill -9 of a sync changes nothing; after its lease the next one finds everything."""
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    ana = town.customer()
    town.settled(ana)
    town.bill(ana)
    town.break_wispro("timeout", path="invoices", delay=30, times=1)
    served = town.state.served.total()
    with cli.start("sync", SLUG) as first:
        wait_until(
            lambda: town.state.served.total() >= served + 2, seconds=40, what="it asks Wispro"
        )
        first.process.kill()
        first.process.wait()

    assert town.copies() == []
    assert cli.here("sync", SLUG, "--wait", "0").code == 1
    town.now = datetime.now(UTC) + timedelta(minutes=7)
    town.go_round()
    town.go_round()
    assert town.kinds() == ["issued"]


def test_a_deliverer_that_is_killed_loses_nothing_and_repeats_only_by_the_same_id(
    make_town: Callable[..., Town], cli: Cli, inbox: Inbox
) -> None:
    """What the mail server may have goes once more under its Message-ID; the rest goes once."""
    town, bills = owing(make_town, 4)
    inbox.hesitate = 30
    with cli.start("deliver") as deliverer:
        assert inbox.received.wait(60)
        deliverer.process.kill()
        deliverer.process.wait()
    inbox.hesitate = 0

    assert [line.state for line in town.lines()] == ["sending"] * 4
    town.now = datetime.now(UTC)
    assert town.deliver().touched == 0  # the leases still hold
    town.now += LEASE + timedelta(seconds=1)
    assert town.house.delivering.sweep(now=town.now) == (4, 0)
    town.wait(minutes=10)
    town.deliver()
    town.wait(days=1)
    town.deliver()

    assert [(line.state, line.reason) for line in town.lines()] == [("sent", None)] * 4
    assert set(numbers(inbox, bills)) == {str(bill.number) for bill in bills}
    assert len({letter.message_id for letter in inbox.letters}) == 4


def test_a_worker_that_lost_its_claim_writes_nothing(
    make_town: Callable[..., Town], inbox: Inbox
) -> None:
    """A deliverer that slept through its lease neither sends nor settles what others took over."""
    town, _ = owing(make_town, 1)
    began = town.now
    late = iter([began, began])

    def clock() -> datetime:
        """Every reading after the claim is later than the lease."""
        return next(late, began + LEASE + timedelta(seconds=1))

    report = town.house.delivering.run_batch(town.isp_id, clock=clock)

    assert report.sent == 0
    assert inbox.letters == []
    town.now = began + 2 * LEASE
    assert town.deliver().sent == 1
    assert town.deliver().touched == 0
    assert len(inbox.letters) == 1
