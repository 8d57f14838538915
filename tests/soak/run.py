"""One soak: set the ISPs up, let the daemon work under traffic, stop, come to rest, judge."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select, update

from billing.isps import IspSetup
from config.keys import new_key
from config.settings import PREFIX, Settings
from models.alert import Attempt, Delivery
from models.isp import Isp
from models.sync_run import SyncRun
from tests.chaos.sink import Sink
from tests.soak.judging import faults_of
from tests.soak.traffic import Traffic, bill
from tests.soak.watching import Sample, growth, look
from tests.soak.wispros import TOKEN, Wispro, Wispros
from tests.support.house import ImpatientHouse
from tests.support.processes import ROOT, Running, wait_until
from worker.house import House

#: A few percent are what allocators do; a leak is more in an hour.
MOST_GROWTH = 1.10
_SAMPLE_EVERY = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a soak is; `minutes` is the time under traffic."""

    isps: int
    accounts: int
    minutes: float
    per_second: float
    sync_every: float
    seed: int


@dataclass(slots=True)
class Report:
    """What a soak found; `faults` names every broken promise."""

    plan: Plan
    happened: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    growth: dict[str, tuple[float, float]] = field(default_factory=dict)
    hints: tuple[int, int] = (0, 0)
    late: float = 0.0
    oldest_look: float = 0.0
    rest_after: float = 0.0
    faults: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list, repr=False)


def soak(folder: Path, url: str, plan: Plan, say: Callable[[str], None]) -> Report:
    """This function will run one soak.

    Args:
        folder: empty; everything is kept here.
        url: of a database with our tables, and nothing else in it.
        plan: how large.
        say: is told how far it is.
    """
    rng = random.Random(plan.seed)
    report = Report(plan)
    key = new_key()
    home = folder / "home"
    home.mkdir(mode=0o700)
    settings = Settings(
        home=home,
        database_url=SecretStr(url),
        secret_key=SecretStr(key),
        sync_every=timedelta(seconds=plan.sync_every),
    )
    with ExitStack() as open_:
        sink = open_.enter_context(Sink(random.Random(plan.seed), hesitate=0.02))
        wispros = open_.enter_context(Wispros(plan.isps))
        house = ImpatientHouse(settings)
        open_.callback(house.close)
        _settle(house, wispros, sink, plan, say)
        daemon = open_.enter_context(_daemon(home, url, key, plan))
        wait_until(lambda: _all_looked(house, plan), seconds=600, what="every ISP was looked at")
        began = datetime.now(UTC)
        say("every ISP has its baseline; traffic begins")
        with Traffic(wispros.all, rng, per_second=plan.per_second) as traffic:
            _watch(daemon, house, plan, report, say)
        report.happened = dict(traffic.done)
        say("traffic is over; everything comes to rest")
        stopped = time.monotonic()
        _rest(house, sink, plan, say)
        report.rest_after = time.monotonic() - stopped
        assert daemon.process.poll() is None, daemon.text[-6000:]
        daemon.signal(signal.SIGTERM)
        daemon.ends(seconds=60)
        report.faults += faults_of(house, wispros.all, sink.copies(), began=began)
        _figures(house, report)
    return report


def _settle(
    house: House, wispros: Wispros, sink: Sink, plan: Plan, say: Callable[[str], None]
) -> None:
    now = datetime.now(UTC)
    for place, one in enumerate(wispros.all):
        _add(house, one, sink, plan, now=now)
        if place % 50 == 49:
            say(f"{place + 1} of {plan.isps} ISPs are set up")


def _add(house: House, one: Wispro, sink: Sink, plan: Plan, *, now: datetime) -> None:
    setup = IspSetup(
        slug=one.slug, name=f"Internet {one.slug}", base_url=one.base_url, token=TOKEN,
        contact_hours="00:00-24:00", support="ayuda@isp.example", requests_per_second=50.0,
        portal_url="https://isp.example/portal",
    )  # fmt: skip
    house.isps.add(setup, now=now)
    house.isps.set_transport(one.slug, "email", sink.url, now=now)
    house.isps.set_limits(one.slug, "email", "none")
    for place in range(plan.accounts):
        address = f"{one.slug}-{place}@clientes.example"
        client = one.state.add_client(name=f"Cliente {place}", email=address)
        bill(one, client, due_in=5)
        house.pairing.pair(one.slug, client.id, [address], now=now, quiet=True)


def _daemon(home: Path, url: str, key: str, plan: Plan) -> Running:
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "TMPDIR", "TZ"}}
    ours = {
        "HOME": str(home), "DATABASE_URL": url, "SECRET_KEY": key, "TICK": "5",
        "SYNC_EVERY": str(plan.sync_every), "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    return Running(
        [sys.executable, "-m", "worker", "up"],
        environment={
            **kept,
            **{f"{PREFIX}{name}": value for name, value in ours.items()},
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
        },
        log=home / "daemon.log",
    )


def _all_looked(house: House, plan: Plan) -> bool:
    with house.database.read() as session:
        done = session.scalar(select(func.count()).where(Isp.synced_at.is_not(None)))
    return done == plan.isps


def _watch(
    daemon: Running, house: House, plan: Plan, report: Report, say: Callable[[str], None]
) -> None:
    ends = time.monotonic() + plan.minutes * 60
    told = 0.0
    while time.monotonic() < ends:
        assert daemon.process.poll() is None, daemon.text[-6000:]
        sample = look(daemon, house)
        report.samples.append(sample)
        report.oldest_look = max(report.oldest_look, _oldest_look(house, sample.at))
        if time.monotonic() - told > 60:
            told = time.monotonic()
            heaviest = max(sample.mib.items(), key=lambda one: one[1], default=("", 0.0))
            say(
                f"{(ends - told) / 60:.0f} min left: {sample.hints} hints, {sample.due} due, "
                f"{sample.late:.0f} s late, heaviest {heaviest[0]} {heaviest[1]:.0f} MiB, "
                f"oldest look {report.oldest_look:.0f} s"
            )
        time.sleep(_SAMPLE_EVERY)


def _oldest_look(house: House, now: datetime) -> float:
    """Return how many seconds ago the ISP was last looked at that waits longest, if it is well."""
    with house.database.read() as session:
        oldest = session.scalar(select(func.min(Isp.synced_at)).where(Isp.failures == 0))
    return (now - oldest).total_seconds() if oldest else 0.0


def _rest(house: House, sink: Sink, plan: Plan, say: Callable[[str], None]) -> None:
    """Wait until every ISP had a complete look since now, and nothing is due or under way.

    Raises:
        TimeoutError: if that takes longer than half an hour.
    """
    since = datetime.now(UTC)
    with house.database.write() as session:  # nobody waits for rests and for second tries
        resting = update(Isp).where(Isp.trouble_until > since)
        session.execute(resting.values(trouble_until=since))
        put_off = update(Delivery).where(Delivery.state == "planned", Delivery.planned_at <= since)
        session.execute(put_off.values(not_before=since))
    ends = time.monotonic() + 1800 + 3 * plan.sync_every
    told = time.monotonic()
    while (restless := _restless(house, since)) or sink.busy:
        if time.monotonic() > ends:
            raise TimeoutError(f"never came to rest: {restless}")
        if time.monotonic() - told > 60:
            told = time.monotonic()
            say(f"not at rest yet: {restless}")
        time.sleep(1)


def _restless(house: House, since: datetime) -> dict[str, int]:
    now = datetime.now(UTC)
    due = (Delivery.state == "planned") & (Delivery.not_before <= now)
    with house.database.read() as session:
        found = {
            what: session.scalar(select(func.count()).where(condition)) or 0
            for what, condition in {
                "ISPs without a look": Isp.synced_at < since,
                "of them held": (Isp.synced_at < since) & Isp.held_run_id.is_not(None),
                "of them resting": (Isp.synced_at < since) & (Isp.trouble_until > now),
                "ISPs being looked at": Isp.sync_lease_until.is_not(None),
                "deliveries open": (Delivery.state == "sending") | due,
            }.items()
        }
    return {what: number for what, number in found.items() if number}


def _figures(house: House, report: Report) -> None:
    report.growth = growth(report.samples)
    for kind, (before, after) in report.growth.items():
        if after > before * MOST_GROWTH:
            report.faults.append(f"{kind} grew from {before:.0f} to {after:.0f} MiB")
    half = len(report.samples) // 2
    report.hints = (
        max(one.hints for one in report.samples[:half]),
        max(one.hints for one in report.samples[half:]),
    )
    report.late = max(one.late for one in report.samples)
    with house.database.read() as session:
        for what, query in _COUNTS.items():
            report.counts[what] = session.scalar(query) or 0
        for state, number in session.execute(
            select(Delivery.state, func.count()).group_by(Delivery.state)
        ):
            report.counts[f"deliveries {state}"] = number


_COUNTS: dict[str, Any] = {
    "looks": select(func.count()).select_from(SyncRun),
    "requests": select(func.sum(SyncRun.requests)),
    "looks that failed": select(func.count()).where(SyncRun.outcome == "failed"),
    "looks that were incomplete": select(func.count()).where(SyncRun.outcome == "incomplete"),
    "looks that were held": select(func.count()).where(SyncRun.outcome == "held"),
    "attempts": select(func.count()).select_from(Attempt),
}
