"""A daemon is watched: its port and `alerta status` tell what happened, and what died."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.cli import Cli
from tests.support.marks import on_sqlite
from tests.support.processes import Running, wait_until
from tests.support.town import SLUG, Town

pytestmark = on_sqlite

STARTS_WITHIN = 120


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Port:
    """The port of a daemon, as a machine sees it."""

    def __init__(self, number: int) -> None:
        self.address = f"127.0.0.1:{number}"

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the body; status 0 = nobody listens."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_well(self) -> bool:
        """Whether /healthz says so."""
        return self.get("/healthz")[0] == 200

    def ill(self) -> dict[str, str]:
        """What /healthz finds wrong."""
        _, body = self.get("/healthz")
        checks = json.loads(body)["checks"] if body else {}
        return {name: check["found"] for name, check in checks.items() if not check["ok"]}

    def metric(self, name: str, **labels: str) -> float | None:
        """Return one number, if it is told."""
        _, body = self.get("/metrics")
        for family in text_string_to_metric_families(body):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return None


@pytest.fixture
def port() -> Port:
    """A port for the daemon."""
    return Port(free_port())


@pytest.fixture
def watched(make_town: Callable[..., Town], cli: Cli, port: Port) -> Town:
    """A town whose daemon looks every second, with one paired customer and a port."""
    cli.settings |= {"SYNC_EVERY": "1", "TICK": "1", "CONCURRENCY": "1", "HTTP": port.address}
    cli.settings["LOG_FORMAT"] = "json"
    town = make_town(now=datetime.now(UTC))
    town.add_isp()
    town.settled(town.customer())
    return town


@pytest.fixture
def daemon(watched: Town, cli: Cli, port: Port) -> Iterator[Running]:
    """Run `alerta up` until its port says that all is well."""
    with cli.start("up") as running:
        wait_until(
            lambda: port.is_well() or running.process.poll() is not None,
            seconds=STARTS_WITHIN,
            what=f"the daemon is well: {port.ill()}",
        )
        assert running.process.poll() is None, running.text
        yield running


def stopped(port: Port, process: psutil.Process, what: str) -> str:
    """Stop a process without killing it; return what /healthz finds once it has noticed."""
    process.suspend()
    wait_until(lambda: what in port.ill(), seconds=20, what=f"{what} is missed: {port.ill()}")
    begun = time.monotonic()
    status, _ = port.get("/healthz")
    assert (status, time.monotonic() - begun < 2) == (503, True)
    found = port.ill()[what]
    process.resume()
    wait_until(port.is_well, seconds=30, what=f"all is well again: {port.ill()}")
    return found


def test_numbers_tell_what_happened_and_health_tells_what_died(
    watched: Town, daemon: Running, port: Port, cli: Cli
) -> None:
    """One alert goes out, and each view says so; a broker and a beat that hang are named."""
    watched.bill(watched.state.clients[0])
    wait_until(lambda: watched.lines("sent"), seconds=60, what="the alert is sent")

    sent = {"isp": SLUG, "channel": "email", "outcome": "sent"}
    wait_until(
        lambda: port.metric("alerta_deliveries_total", **sent) == 1, seconds=20, what="it counts"
    )
    assert port.metric("alerta_deliveries_today", isp=SLUG, outcome="sent") == 1
    assert port.metric("alerta_open_invoices", isp=SLUG) == 1
    assert (port.metric("alerta_sync_runs_total", isp=SLUG, outcome="ok") or 0) > 0
    assert (port.metric("alerta_sync_duration_seconds_count", mode="accounts") or 0) > 0
    assert (port.metric("alerta_changes_total", isp=SLUG) or 0) > 0
    wait_until(
        lambda: (port.metric("alerta_wispro_requests_total", isp=SLUG, outcome="ok") or 0) > 0,
        seconds=20,
        what="requests to Wispro are tallied",
    )
    for queue in ("sync", "deliver", "support", "listen"):
        assert port.metric("alerta_workers", queue=queue) == 1
        memory = port.metric("alerta_worker_child_resident_bytes", worker=queue)
        assert memory is not None
        assert memory > 10_000_000
    age = port.metric("alerta_look_age_seconds", isp=SLUG)
    assert age is not None
    assert age < 30

    standing = cli.well_here("status", SLUG, "--json").json
    assert standing["broker"]["answers"]
    assert standing["broker"]["beat"]["alive"]
    assert {tuple(one["queues"]) for one in standing["broker"]["workers"] if one["alive"]} == {
        *(("sync",), ("deliver",), ("support",), ("listen",))
    }
    (line,) = standing["isps"]
    assert (line["isp"], line["sent_today"], line["open_invoices"]) == (SLUG, 1, 1)
    assert line["trouble"] == []

    found = stopped(port, daemon.child("valkey"), "broker")
    assert "does not answer" in found
    found = stopped(port, daemon.child("celery", " beat"), "beat")
    assert found.startswith("ticked ")

    assert port.get("/livez") == (200, "ok\n")
    assert port.get("/secrets")[0] == 404
    daemon.child("worker port").kill()
    wait_until(port.is_well, seconds=30, what="the port is back")
    daemon.signal(signal.SIGTERM)
    assert daemon.ends(seconds=25) == 0, daemon.text
    assert "Traceback" not in daemon.text
    each_line_names_what_it_belongs_to(watched, daemon)


def each_line_names_what_it_belongs_to(watched: Town, daemon: Running) -> None:
    """Insist that each unit of work is one line of JSON, with its ISP, its run and its task."""
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in daemon.text.splitlines() if line.startswith("{")
    ]

    def first(event: str) -> dict[str, Any]:
        return next(line for line in lines if line.get("event") == event)

    for event, task in (
        ("sync.finished", "sync.isp"),
        ("deliver.finished", "deliver.batch"),
        ("deliver.settled", "deliver.batch"),
    ):
        line = first(event)
        assert (line["isp_id"], line["task"]) == (watched.isp_id, task)
        assert len(line["task_id"]) == 36
    look = first("sync.finished")
    assert (look["isp"], look["outcome"]) == (SLUG, "ok")
    assert look["run"] > 0
    assert first("deliver.settled")["route"] == "email"
