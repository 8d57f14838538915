"""Traces: an operator's collector sees where the time goes, and nobody pays who has none."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from billing.spans import span
from tests.support.marks import on_sqlite
from tests.support.processes import ROOT
from tests.support.town import Town
from worker.traces import Traces


class Collector:
    """Takes OTLP over HTTP, and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.resources |= {
                        one.value.string_value
                        for one in group.resource.attributes
                        if one.key == "service.name"
                    }
                    for scope in group.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [one for one in self.spans if one.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on the loopback."""
    running = Collector()
    yield running
    running.close()


@on_sqlite
@pytest.mark.parametrize("lanes", [0, 4])
def test_a_collector_sees_the_parts_within_the_whole(
    town: Town, collector: Collector, lanes: int
) -> None:
    """A look holds its requests, a batch its looks and its sends, in whatever thread they are."""
    ana = town.customer()
    town.settled(ana)
    town.house.lanes = lanes
    traces = Traces(town.settings.model_copy(update={"otel_endpoint": collector.url}))
    town.bill(ana)
    town.go_round()
    traces.close()
    with span("after the end"):
        pass

    assert collector.resources == {"alerta"}
    (look,), (batch,), (send,) = (
        collector.named(name) for name in ("sync.run", "deliver.batch", "deliver.send")
    )
    assert send.parent_span_id == batch.span_id
    parents = {one.parent_span_id for one in collector.named("wispro.request")}
    assert parents == {look.span_id, batch.span_id}
    assert not collector.named("after the end")
    assert look.start_time_unix_nano < look.end_time_unix_nano
    said = {one.value.string_value for each in collector.spans for one in each.attributes}
    assert {"hand", "email"} <= said
    assert not [text for text in said if "@" in text or "Ana" in text]


@on_sqlite
def test_a_collector_that_is_away_holds_nothing_up(town: Town) -> None:
    """Alerts go out as ever."""
    ana = town.customer()
    town.settled(ana)
    traces = Traces(town.settings.model_copy(update={"otel_endpoint": "http://127.0.0.1:9"}))
    town.bill(ana)
    town.go_round()
    assert town.kinds() == ["issued"]
    traces.close()


def test_who_wants_no_traces_loads_nothing_of_them() -> None:
    """Neither a worker's child nor a command; redis-py reads other parts of it where it is."""
    modules = "worker.house, worker.celery_app, worker.cli.main, worker.port, wispro.client"
    program = (
        f"import sys, {modules}\n"
        "from pathlib import Path\n"
        "from config.settings import Settings\n"
        "worker.traces.Traces(Settings(home=Path('var')))\n"
        "ours = ('opentelemetry.exporter', 'opentelemetry.sdk.trace')\n"
        "assert not [name for name in sys.modules if name.startswith(ours)]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
