"""What was kept long enough goes; nothing is told twice for it, and nothing goes too early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.dialects import sqlite

from billing import pruning
from billing.isps import SetupError
from billing.policy_file import default_text
from billing.proof import keep_until
from billing.retention import TERMS, Kept, retention_of, with_days
from billing.terms import calendar_under, policy_of
from models.account import Account, Channel
from models.alert import Alert, Attempt, Delivery
from models.hold import Hold
from models.invoice import Invoice, InvoiceChange
from models.isp import Isp
from models.pair_code import PairCode
from models.sync_run import SyncRun
from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town

CHILE = default_text().replace('# preset = "AR"', 'preset = "CL"')


def count(town: Town, table: Any) -> int:
    """Count the rows of a table."""
    with town.house.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def months(town: Town, number: int) -> None:
    """Let months pass as the daemon lives through them: looks, sends, and a tidying."""
    for _ in range(number * 5):
        town.wait(days=6)
        town.go_round()
        town.house.maintenance.tidy(now=town.now)


def test_after_pruning_nothing_is_told_twice(town: Town) -> None:
    """What is open keeps what was sent about it; paid again or looked at anew, nobody hears."""
    ana = town.customer()
    town.settled(ana)
    town.house.pruning.keep(SLUG, "evidence", 90)
    town.house.pruning.keep(SLUG, "changes", 30)
    town.house.pruning.keep(SLUG, "runs", 7)
    still_open, paid = town.bill(ana, due_in=4), town.bill(ana, due_in=4)
    town.go_round()
    town.state.pay(paid)
    months(town, 1)
    said = len(town.letters)
    alerts = count(town, Alert)

    months(town, 3)
    gone = alerts - count(town, Alert)
    assert gone > 0
    with town.house.database.read() as session:
        about = session.scalars(
            select(Invoice.state).join(Alert, Alert.invoice_id == Invoice.id).distinct()
        ).all()
    assert about == ["pending"]
    assert len(town.letters) == said

    with town.house.database.write() as session:  # and whatever makes the planner ask again
        session.execute(update(Invoice).values(plan_at=town.now, fingerprint=None))
    town.house.sync.run(town.isp_id, clock=town.clock, trigger="hand", due_only=False, full=True)
    town.house.changing.change(SLUG, another_zone(), now=town.now)
    town.go_round()
    town.wait(days=1)
    town.go_round()
    assert len(town.letters) == said
    town.state.pay(still_open)
    town.wait(hours=1)
    town.go_round()
    assert town.kinds()[said:] == ["paid"]


def another_zone() -> Any:
    """Change where the days are counted."""
    from billing.changing import IspChange

    return IspChange(timezone="America/Argentina/Salta")


def old(town: Town) -> dict[Any, int]:
    """Make one row of everything that may go; return what there is of each table."""
    ana = town.customer()
    town.settled(ana)
    invoice = town.bill(ana)
    town.go_round()
    town.state.change_invoice(invoice, first_due_date=f"{town.today + timedelta(days=15)}")
    town.wait(hours=1)
    town.go_round()
    town.state.pay(invoice)
    town.wait(hours=1)
    town.go_round()
    with town.house.database.write() as session:
        account = session.scalars(select(Account)).one()
        given = {"isp_id": town.isp_id, "account_id": account.id}
        session.add(
            Hold(
                **given,
                kind="hold",
                reason="r",
                author="eva",
                created_at=town.now,
                until=town.today,
            )
        )
        session.add(
            PairCode(
                **given,
                digest="d",
                purpose="pair",
                created_at=town.now,
                created_by="eva",
                expires_at=town.now,
            )
        )
    tables = (Alert, Delivery, Attempt, InvoiceChange, Hold, PairCode, SyncRun, Account, Channel)
    found = {table: count(town, table) for table in tables}
    assert all(found.values())
    return found


def test_each_kind_goes_when_its_time_has_come_and_not_before(town: Town) -> None:
    """One day before its term all of it is there; two days later it is not."""
    found = old(town)
    for kept, tables in (
        (Kept.RUNS, [SyncRun, PairCode]),
        (Kept.CHANGES, [InvoiceChange]),
        (Kept.EVIDENCE, [Alert, Delivery, Attempt, Hold]),
    ):
        begun = town.now
        town.now = begun + timedelta(days=TERMS[kept].default - 1) - (begun - START)
        town.house.pruning.prune(now=town.now)
        assert {table: count(town, table) for table in tables} == {t: found[t] for t in tables}
        (line,) = [x for x in town.house.pruning.lines(SLUG, now=town.now) if x.what == kept]
        assert line.goes == 0
        town.wait(days=2)
        (line,) = [x for x in town.house.pruning.lines(SLUG, now=town.now) if x.what == kept]
        assert line.goes > 0
        town.house.pruning.prune(now=town.now)
        assert {table: count(town, table) for table in tables} == dict.fromkeys(tables, 0)
    assert count(town, Account) == 1
    assert count(town, Invoice) == 1


START = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


def test_a_customer_who_left_goes_with_everything(town: Town) -> None:
    """Three years after they left; one who is paired never does."""
    old(town)
    berta = town.customer("Berta Blanco")
    town.pair(berta)
    with town.house.database.write() as session:
        account = session.scalars(select(Account).order_by(Account.id)).first()
        assert account is not None
        account.unpaired_at = town.now
    town.wait(days=1100)
    town.house.pruning.prune(now=town.now)
    with town.house.database.read() as session:
        assert session.scalars(select(Account.name)).all() == [berta.name]
    assert count(town, Invoice) == 0
    assert count(town, Channel) == 1


@on_sqlite
def test_what_a_country_asks_for_is_kept(town: Town, cli: Cli) -> None:
    """Chile: two years, however little the operator asked for, and no less can be asked for."""
    old(town)
    town.house.pruning.keep(SLUG, "evidence", 90)
    town.house.policies.set(SLUG, CHILE, author="eva", now=town.now)
    with town.house.database.read() as session:
        isp = session.scalars(select(Isp)).one()
        sent = session.scalars(select(func.max(Attempt.started_at))).one()
        policy = policy_of(isp)
        until = keep_until(policy, sent, calendar_under(policy, isp))
    assert until is not None
    town.house.pruning.prune(now=until - timedelta(seconds=1))
    assert count(town, Attempt) > 0
    town.house.pruning.prune(now=until + timedelta(days=1))
    assert count(town, Attempt) == 0
    refused = cli.here("isp", "retention", SLUG, "evidence", "300")
    assert (refused.code, "preset" in refused.stderr) == (1, True)


@on_sqlite
def test_a_policy_that_cannot_be_read_keeps_all_evidence(town: Town) -> None:
    """Nobody knows which country's rule it names."""
    found = old(town)
    with town.house.database.write() as session:
        session.execute(update(Isp).values(policy="from = the future"))
    town.house.pruning.prune(now=town.wait(days=3000))
    assert count(town, Attempt) == found[Attempt]


@on_sqlite
def test_a_night_does_so_much_and_the_next_one_goes_on(town: Town) -> None:
    """Short transactions, a bounded number of them."""
    with town.house.database.write() as session:
        for _ in range(pruning._BATCH * 2 + 1):
            session.add(SyncRun(isp_id=town.isp_id, mode="m", trigger="hand", started_at=town.now))
    town.wait(days=100)
    assert town.house.pruning.prune(now=town.now, most=1) == {"sync_run": pruning._BATCH}
    assert town.house.pruning.prune(now=town.now, most=9) == {"sync_run": pruning._BATCH + 1}
    assert town.house.pruning.prune(now=town.now) == {}


@on_sqlite
@pytest.mark.parametrize("kept", list(Kept))
def test_what_is_to_go_is_found_by_an_index(town: Town, kept: Kept) -> None:
    """What stays is not read for it."""
    with town.house.database.read() as session:
        for rule in pruning._RULES[kept]:
            query = select(rule.table.id).where(rule.gone(1, town.now)).limit(5)
            text = query.compile(
                dialect=sqlite.dialect(),
                compile_kwargs={"literal_binds": True},
            )
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
            name = rule.table.__tablename__
            if name not in SMALL:
                assert not [row for row in plan if f"SCAN {name}" in row[3]], plan


#: Written by people, or once for many customers: read whole in a millisecond.
SMALL = {"hold", "operator_notice"}


def test_a_setting_is_what_differs_from_the_default() -> None:
    """Written and read again; what another release wrote is left alone."""
    text = with_days(None, Kept.RUNS, 30, law=None)
    assert text == "runs 30"
    assert retention_of(text) | {Kept.RUNS: 90} == retention_of(None)
    text = with_days("dreams 7, runs 30", Kept.EVIDENCE, 730, law=None)
    assert text == "dreams 7, evidence 730, runs 30"
    assert with_days("runs 30", Kept.RUNS, None, law=None) is None
    for days in (6, 36_501):
        with pytest.raises(SetupError):
            with_days(None, Kept.RUNS, days, law=None)


@on_sqlite
def test_retention_is_shown_and_changed(town: Town, cli: Cli) -> None:
    """With the number of rows that would go; nonsense is one line."""
    del town
    lines = cli.well_here("isp", "retention", SLUG, "runs", "30", "--json").json
    assert {one["what"]: one["days"] for one in lines}["runs"] == 30
    assert "runs" in cli.well_here("isp", "retention", SLUG, "runs", "default").stdout
    for words in (("dreams", "30"), ("runs",), ("runs", "-1"), ("runs", "x"), ("evidence", "89")):
        refused = cli.here("isp", "retention", SLUG, *words)
        assert refused.code in {1, 2}, words
        assert refused.stdout == ""
