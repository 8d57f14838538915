"""A whole ISP is looked at for what its changes cost, and a bad answer never becomes an alert."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from sqlalchemy import func, select, update

from billing.desk import Step
from billing.isps import SetupError
from billing.runs import SyncReport
from billing.strategy import Strategy
from models.account import Account
from models.invoice import Invoice, InvoiceChange
from models.isp import Isp
from models.proposal import Proposal
from models.sync_run import SyncRun
from tests.support.marks import on_sqlite
from tests.support.town import SLUG, Town
from wispro.sandbox.faults import Rule
from wispro.sandbox.model import Client
from wispro.sandbox.model import Invoice as Truth

ONE_INVOICE = "/invoicing/invoices/{id}"


def village(town: Town, people: int) -> tuple[list[Client], list[Truth]]:
    """Pair so many people with one open invoice each, silently; pages are small."""
    town.state.switches.max_per_page = 10
    clients = [town.customer(f"Persona{place} Gómez") for place in range(people)]
    bills = [town.bill(client, due_in=10) for client in clients]
    for client in clients:
        town.pair(client)
    report = look(town, Strategy.SWEEP)
    assert (report.outcome, report.alerts, len(town.copies())) == ("ok", 0, people)
    town.state.served.clear()
    return clients, bills


def look(town: Town, strategy: Strategy | None = None, **how: object) -> SyncReport:
    """Look half an hour later."""
    town.wait(minutes=31)
    return town.house.sync.run(
        town.isp_id,
        clock=town.clock,
        trigger="hand",
        due_only=False,
        strategy=strategy,
        **how,  # type: ignore[arg-type]
    )


def look_briefly(town: Town) -> SyncReport:
    """Read on in everything, for forty readings of a clock that moves a second at each."""
    moments = count()
    start = town.now
    return town.house.sync.run(
        town.isp_id,
        clock=lambda: start + timedelta(seconds=next(moments)),
        trigger="schedule",
        due_only=True,
        budget=timedelta(seconds=40),
        strategy=Strategy.FULL,
    )


def test_few_accounts_are_asked_for_one_by_one_and_many_together(town: Town) -> None:
    """The cheapest plan is chosen by counting requests, and the run says which and why."""
    town.settled(town.customer())
    assert (town.sync().mode, town.sync().requests) == ("accounts", 2)

    for place in range(40):
        town.pair(town.customer(f"Persona{place} Gómez"))
    report = town.sync()
    assert report.mode != "accounts"
    assert report.why is not None
    assert "by account 86" in report.why
    with town.house.database.read() as session:
        run = session.get_one(SyncRun, report.run)
    assert (run.mode, run.why) == (report.mode, report.why)


def test_what_changed_is_found_for_what_it_costs(town: Town) -> None:
    """Payments explain what was paid; only the voided invoice is asked for on its own."""
    clients, bills = village(town, 60)
    for bill in bills[:5]:
        town.state.pay(bill)
    town.state.set_state(bills[5], "void")
    town.bill(clients[9])
    town.bill(town.customer("Nadie Paredes"))  # not paired

    report = look(town, Strategy.SWEEP)

    assert (report.outcome, report.changed) == ("ok", 7)
    assert town.state.served[ONE_INVOICE] == 1
    assert report.requests < 20
    told = sorted(kind for kind, *_ in town.ends())
    assert told == ["issued", *["paid"] * 5]
    assert look(town, Strategy.SWEEP).changed == 0


@on_sqlite
def test_a_payment_that_is_void_proves_nothing(town: Town) -> None:
    """The invoice is voided with it: nobody is thanked."""
    _, bills = village(town, 12)
    payment = town.state.pay(bills[0])
    town.state.void_payment(payment)
    town.state.set_state(bills[0], "void")
    look(town, Strategy.SWEEP)
    assert [kind for kind, *_ in town.ends()] == []


@on_sqlite
def test_a_part_payment_before_a_void_is_not_taken_for_the_whole(town: Town) -> None:
    """Half was paid and known; the rest is voided: a payment of just that size proves nothing."""
    _, bills = village(town, 12)
    town.state.pay(bills[0], Decimal(1295))
    look(town, Strategy.SWEEP)
    town.state.set_state(bills[0], "void")
    town.wait(minutes=-20)  # the payment is younger than the margin between two clocks
    look(town, Strategy.SWEEP)
    assert "paid" not in [kind for kind, *_ in town.ends()]


@on_sqlite
def test_where_state_is_no_filter_the_plan_falls_back_and_says_so(town: Town) -> None:
    """Wispro ignores what it does not know; asking for pending ones would bring everything."""
    town.state.switches.ignored_filters = ["state_eq"]
    for place in range(40):
        client = town.customer(f"Persona{place} Gómez")
        town.bill(client)
        town.pair(client)
    report = town.sync()
    assert report.why is not None
    assert "sweep impossible (state_eq is ignored)" in report.why
    assert report.mode == "full"


@on_sqlite
def test_a_filter_that_stops_working_ends_the_look_and_changes_nothing(town: Town) -> None:
    """What came is true and kept; that it is everything is not believed."""
    village(town, 30)
    town.state.switches.ignored_filters = ["state_eq"]
    for bill in [*town.state.invoices][:3]:
        town.state.set_state(bill, "void")
    report = look(town, Strategy.SWEEP)
    assert (report.outcome, report.reason) == ("incomplete", "filter_ignored")


@pytest.mark.rule(number=20)
def test_a_mass_change_is_held_until_the_operator_speaks(town: Town) -> None:
    """A glitch that voids everything: nothing is laid down, nothing is sent, the operator hears."""
    town.house.operators.add(SLUG, "noc@interatos.example", now=town.now)
    clients, bills = village(town, 80)
    due = town.bill(clients[0], due_in=4)
    look(town, Strategy.SWEEP)
    assert due is not None
    for bill in bills[:60]:
        town.state.set_state(bill, "void")

    report = look(town, Strategy.SWEEP)
    assert (report.outcome, report.reason, report.changed) == ("held", "mass_change", 0)
    with town.house.database.read() as session:
        states = dict(
            session.execute(select(Invoice.state, func.count()).group_by(Invoice.state)).all()
        )
    assert states == {"pending": 81}

    town.deliver()
    assert {line.reason for line in town.lines("planned")} == {"breaker"}
    town.house.telling.run(town.clock)
    (letter,) = town.inbox.to("noc@interatos.example")
    assert f"alerta sync {SLUG} --approve {report.run}" in letter.everything

    approved = town.house.sync.approve(SLUG, report.run, clock=town.clock)
    assert approved.outcome == "ok"
    with town.house.database.read() as session:
        assert session.get_one(Isp, town.isp_id).held_run_id is None
        assert session.get_one(SyncRun, report.run).decision == "approved"
        voided = session.scalar(select(func.count()).where(Invoice.state == "void"))
    assert voided == 60


@pytest.mark.rule(number=20)
def test_a_rejected_run_leaves_our_copy_as_it_was(town: Town) -> None:
    """The operator knows better than a glitch; the next look starts from the old copy."""
    _, bills = village(town, 80)
    for bill in bills[:60]:
        town.state.set_state(bill, "draft")
    report = look(town, Strategy.FULL)
    assert report.outcome == "held"
    assert town.house.sync.reject(SLUG, report.run, now=town.now) == 60
    for bill in bills[:60]:
        town.state.set_state(bill, "pending")
    assert look(town, Strategy.FULL).changed == 0
    assert town.ends() == []


@on_sqlite
def test_a_glitch_that_heals_ends_the_hold_by_itself(town: Town) -> None:
    """A later sane look leaves nothing to decide, and whoever decides all the same is told so."""
    _, bills = village(town, 80)
    for bill in bills[:60]:
        town.state.set_state(bill, "draft")
    report = look(town, Strategy.FULL)
    for bill in bills[:60]:
        town.state.set_state(bill, "pending")
    assert look(town, Strategy.FULL).outcome == "ok"
    with pytest.raises(SetupError, match="was superseded; no run waits"):
        town.house.sync.approve(SLUG, report.run, clock=town.clock)
    with town.house.database.read() as session:
        assert session.scalars(select(Proposal)).all() == []


@on_sqlite
def test_just_below_the_share_goes_through(town: Town) -> None:
    """Forty-nine of eighty change state: less than fifty, whatever the share."""
    _, bills = village(town, 80)
    for bill in bills[:49]:
        town.state.set_state(bill, "void")
    assert look(town, Strategy.SWEEP).outcome == "ok"


@pytest.mark.rule(number=20)
@on_sqlite
def test_amounts_of_another_scale_are_held(town: Town) -> None:
    """Thirty new invoices a hundred times as large: a lost decimal point, not a price rise."""
    clients, _ = village(town, 40)
    for client in clients[:30]:
        town.bill(client, amount="259000.00")
    report = look(town, Strategy.SWEEP)
    assert (report.outcome, report.reason) == ("held", "amount_scale")
    assert town.ends() == []


@on_sqlite
def test_a_long_read_is_handed_over_and_goes_on(town: Town) -> None:
    """Each run reads some pages; who is paired stays silent until everything was read once."""
    town.state.switches.max_per_page = 3
    clients = [town.customer(f"Persona{place} Gómez") for place in range(20)]
    for client in clients:
        town.bill(client)
        town.pair(client)
    runs = []
    for _ in range(30):
        runs.append(look_briefly(town))
        town.wait(minutes=1)
        if not runs[-1].more:
            break
    assert len(runs) > 2
    assert runs[-1].outcome == "ok"
    assert sum(report.changed for report in runs) == 20
    with town.house.database.read() as session:
        assert not session.scalars(select(Account).where(Account.baseline_at.is_(None))).all()
        assert not session.scalars(select(InvoiceChange)).all()


@on_sqlite
def test_what_came_while_a_long_read_was_handed_over_is_found_when_it_ends(town: Town) -> None:
    """The parts that are read later do not hold it, and the last one says that all is well."""
    town.state.switches.max_per_page = 3
    ana, *others = (town.customer(f"Persona{place} Gómez") for place in range(20))
    town.settled(ana)
    for client in others:
        town.bill(client)
    look(town, Strategy.FULL)
    town.wait(minutes=31)
    report = look_briefly(town)
    assert (report.outcome, report.more) == ("ok", True)
    town.bill(ana)
    while report.more:
        town.wait(minutes=1)
        report = look_briefly(town)

    assert (report.outcome, report.more) == ("ok", False)
    assert [kind for kind, *_ in town.ends()] == ["issued"]


@on_sqlite
def test_a_run_that_dies_leaves_nothing_that_the_next_one_repeats(town: Town) -> None:
    """Killed between two pages, and again while laying down: each change is recorded once."""
    clients, bills = village(town, 40)
    for client in clients[:12]:
        town.bill(client)
    town.state.pay(bills[3])

    class Killed(BaseException):
        pass

    def kill(step: Step) -> None:
        if step.what == "open invoices" and step.done == 3:
            raise Killed

    with pytest.raises(Killed):
        look(town, Strategy.SWEEP, progress=kill)
    report = look(town, Strategy.SWEEP)
    assert report.changed == 13
    with town.house.database.read() as session:
        kinds = session.scalars(select(InvoiceChange.kind).order_by(InvoiceChange.kind)).all()
    assert [kind for kind in kinds if kind != "partly_paid"] == ["appeared"] * 12 + ["paid"]


def test_a_worker_that_lost_its_lease_writes_nothing_more(town: Town) -> None:
    """It stalled, another took over and finished; when it wakes up its answers are old."""
    clients, _ = village(town, 40)
    for client in clients[:12]:
        town.bill(client)
    others: list[SyncReport] = []

    def stall(step: Step) -> None:
        if step.what == "open invoices" and step.done == 2 and not others:
            with town.house.database.write() as session:
                session.execute(update(Isp).values(sync_lease_until=town.now))
            others.append(look(town, Strategy.SWEEP))

    report = look(town, Strategy.SWEEP, progress=stall)
    assert (others[0].outcome, others[0].changed) == ("ok", 12)
    assert (report.reason, report.changed, report.alerts) == ("lease_lost", 0, 0)


@on_sqlite
def test_an_invoice_vanishes_after_two_looks_and_a_404_each(town: Town) -> None:
    """One look without it proves nothing."""
    _, bills = village(town, 12)
    town.state.remove(bills[4])
    assert look(town, Strategy.SWEEP).changed == 0
    assert look(town, Strategy.SWEEP).changed == 1
    with town.house.database.read() as session:
        gone = session.scalars(select(Invoice).where(Invoice.vanished_at.is_not(None))).one()
    assert gone.wispro_id == bills[4].id


@pytest.mark.rule(number=20)
@on_sqlite
def test_a_short_page_proves_nothing_about_what_it_lacks(town: Town) -> None:
    """The empty page is asked for again; then the look is incomplete and nobody is asked for."""
    village(town, 40)
    town.sandbox.faults.add(Rule(fault="empty_page", path="^/invoicing/invoices$", page=2))
    report = look(town, Strategy.SWEEP)
    assert (report.outcome, report.reason) == ("incomplete", "incomplete_pull")
    assert town.state.served[ONE_INVOICE] == 0


@on_sqlite
def test_a_billing_day_is_no_anomaly(town: Town) -> None:
    """Everybody gets a new invoice in one look: that is what the daemon is for."""
    clients, _ = village(town, 80)
    for client in clients:
        town.bill(client)
    report = look(town, Strategy.SWEEP)
    assert (report.outcome, report.alerts) == ("ok", 80)


@on_sqlite
def test_progress_tells_pages_and_what_changed(town: Town) -> None:
    """A look by hand draws a bar for each list."""
    clients, _ = village(town, 40)
    town.bill(clients[0])
    steps: list[Step] = []
    look(town, Strategy.SWEEP, progress=steps.append)
    pages = [step for step in steps if step.what == "open invoices"]
    assert [(step.done, step.total) for step in pages] == [(place, 5) for place in range(1, 6)]
    assert pages[-1].changed == 1
    assert pages[-1].fetched >= 41


@on_sqlite
def test_the_command_shows_the_plan_and_ends_a_held_run(town: Town) -> None:
    """`alerta sync` says how it looked; a held run is one line with the two commands."""
    _, bills = village(town, 80)
    said = town.cli.here("sync", SLUG)
    assert "requests a cycle" in said.stdout
    for bill in bills[:60]:
        town.state.set_state(bill, "draft")
    held = town.cli.here("sync", SLUG, "--full")
    assert held.code == 1
    assert held.stderr.count("\n") == 1
    run = held.stderr.split("run ", 1)[1].split()[0]
    assert f"alerta sync {SLUG} --approve {run}" in held.stderr
    wrong = town.cli.here("sync", SLUG, "--approve", "9999")
    assert (wrong.code, f"run {run} waits for a decision" in wrong.stderr) == (1, True)
    rejected = town.cli.here("sync", SLUG, "--reject", run)
    assert (rejected.code, "60 changes were dropped" in rejected.stdout) == (0, True)


@on_sqlite
def test_what_holds_a_run_is_the_isps_own(town: Town) -> None:
    """A share of 90 % lets pass what 20 % holds; a value out of bounds changes nothing."""
    _, bills = village(town, 80)
    wrong = town.cli.here("isp", "tune", SLUG, "--hold-share", "0", "--rate", "0")
    assert (wrong.code, wrong.stderr.count("\n")) == (1, 2)
    said = town.cli.well_here("isp", "tune", SLUG, "--hold-share", "90", "--full-every-days", "14")
    assert "hold_share 90" in said.stdout
    for bill in bills[:60]:
        town.state.set_state(bill, "void")
    assert look(town, Strategy.SWEEP).outcome == "ok"
