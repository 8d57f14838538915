"""How an installation stands, made up: for what draws it, tells it, or judges it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from billing.overview import CircuitState, IspStanding, Overview, Queue, totals_of
from worker.pulse import BeatPulse, BrokerQueue, Pulse, WorkerPulse
from worker.watcher import Schema, Standing

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
QUEUES = ("sync", "deliver", "support", "listen")


def isp_standing(**given: Any) -> IspStanding:
    """An ISP at which all is well."""
    values: dict[str, Any] = {
        "id": 1, "isp": "interatos", "name": "Interatos sas", "enabled": True,
        "strategy": "accounts", "timezone": "America/Argentina/Cordoba",
        "today": date(2026, 3, 10), "last_look": NOW, "look_age_seconds": 0.0,
        "next_look": NOW + timedelta(minutes=30), "last_run": None, "open_invoices": 0,
        "planned_today": 0, "steps_today": 0, "sent_today": 0, "failed_today": 0,
        "uncertain_today": 0, "skipped_today": 0, "cancelled_today": 0, "reasons_today": {},
        "waiting": 0, "due": 0, "sending": 0, "late_seconds": 0.0, "queues": [], "holds": 0,
        "held_run": None, "circuit": CircuitState.CLOSED, "circuit_reason": None,
        "circuit_until": None, "failures": 0, "trouble": [],
    }  # fmt: skip
    return IspStanding(**(values | given))


def email_queue(**given: Any) -> Queue:
    """What waits to go by e-mail."""
    values: dict[str, Any] = {
        "route": "email", "waiting": 3, "due": 2, "sending": 1, "late_seconds": 90.0,
    }  # fmt: skip
    return Queue(**(values | given))


def worker_pulse(queue: str, **given: Any) -> WorkerPulse:
    """A worker that lives."""
    values: dict[str, Any] = {
        "name": f"{queue}@one", "host": "one", "pid": 7, "queues": [queue], "children": 2,
        "children_bytes": [100_000_000, 120_000_000], "seen_seconds": 1.0, "alive": True,
    }  # fmt: skip
    return WorkerPulse(**(values | given))


def pulse(**given: Any) -> Pulse:
    """A broker, beat and workers that live."""
    values: dict[str, Any] = {
        "answers": True,
        "queues": [BrokerQueue(queue=name, waiting=0, oldest_seconds=None) for name in QUEUES],
        "workers": [worker_pulse(name) for name in QUEUES],
        "beat": BeatPulse(host="one", last_tick=NOW, age_seconds=1.0, alive=True),
    }
    return Pulse(**(values | given))


def overview(*lines: IspStanding, **given: Any) -> Overview:
    """Some ISPs, and what is nobody's own."""
    values: dict[str, Any] = {
        "at": NOW, "isps": list(lines), "totals": totals_of(lines), "accounts_resting": 0,
        "accounts_in_trouble": 0, "notices_waiting": 0,
    }  # fmt: skip
    return Overview(**(values | given))


def whole(*lines: IspStanding, **given: Any) -> Standing:
    """All of it."""
    values: dict[str, Any] = {
        "at": NOW, "version": "0.1.0", "database": "sqlite",
        "schema": Schema(present="0012", wanted="0012"), "broker": pulse(),
        "totals": totals_of(lines), "accounts_resting": 0, "accounts_in_trouble": 0,
        "notices_waiting": 0, "isps": list(lines),
    }  # fmt: skip
    return Standing(**(values | given))
