"""What Prometheus reads: gauges and counters made of rows, and of what was tallied.

Nothing is kept in the processes that work, so it does not matter how many there are, how often a
child is replaced, or which host is asked; hosts that are all asked tell the same, and a query takes
`max` over them. Labels are slugs of ISPs, kinds of channel and our own words, never anything of a
customer: about 45 series for each ISP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from billing.overview import CircuitState, IspStanding, Overview
from tasks import counts
from worker.probes import Probe, answer_of
from worker.pulse import Pulse
from worker.tail import DURATIONS, Happened
from worker.tallies import Tally
from worker.watcher import Schema, Watcher, in_a_line, program_version

log = structlog.get_logger()

#: Seconds. Prometheus itself gives up after ten.
ROWS_WITHIN = 8.0
BROKER_WITHIN = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one scrape tells; None = it could not be read in time."""

    dialect: str
    schema: Schema | None = None
    overview: Overview | None = None
    happened: Happened | None = None
    pulse: Pulse
    tallied: Mapping[Tally, float]


class Station(Collector):
    """Looks once for each scrape; scrapes that come together share one look.

    Args:
        watcher: sees the installation.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._rows = Probe(self._read)
        self._felt = Probe(watcher.felt)

    def collect(self) -> Iterator[Metric]:
        """Look, and tell what was seen."""
        return families(self.look())

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: to register must not look."""
        return iter(())

    def look(self) -> Seen:
        """Read rows and the broker side by side; what does not answer in time is left out."""
        rows, felt = self._rows.ask(), self._felt.ask()
        try:
            pulse, tallied = answer_of(felt, within=BROKER_WITHIN)
        except Exception as error:  # noqa: BLE001 - told as alerta_up
            log.warning("metrics.incomplete", part="broker", why=in_a_line(error))
            pulse, tallied = Pulse(answers=False), {}
        try:
            schema, overview, happened = answer_of(rows, within=ROWS_WITHIN)
        except Exception as error:  # noqa: BLE001 - told as alerta_up
            log.warning("metrics.incomplete", part="database", why=in_a_line(error))
            return Seen(dialect=self._watcher.dialect, pulse=pulse, tallied=tallied)
        return Seen(
            dialect=self._watcher.dialect,
            schema=schema,
            overview=overview,
            happened=happened,
            pulse=pulse,
            tallied=tallied,
        )

    def _read(self) -> tuple[Schema, Overview, Happened]:
        watcher = self._watcher
        return watcher.schema(), watcher.overview(), watcher.happened()


def registry(watcher: Watcher) -> CollectorRegistry:
    """This function will return a registry that holds this installation and nothing else."""
    own = CollectorRegistry()
    own.register(Station(watcher))
    return own


def families(seen: Seen) -> Iterator[Metric]:
    """This function will put what was seen into metrics. Pure."""
    yield _info(seen)
    up = GaugeMetricFamily("alerta_up", "Whether a part answered.", labels=["part"])
    up.add_metric(["database"], float(seen.overview is not None))
    up.add_metric(["broker"], float(seen.pulse.answers))
    yield up
    slugs: dict[int, str] = {}
    if seen.overview is not None:
        slugs = {line.id: line.isp for line in seen.overview.isps}
        yield from _isps(seen.overview.isps)
        yield from _waiting(seen.overview.isps)
        yield from _nobodys(seen.overview)
    if seen.happened is not None:
        yield from _happened(seen.happened, slugs)
    yield from _broker(seen.pulse)
    yield from _tallied(seen.tallied, slugs)


def _info(seen: Seen) -> Metric:
    info = InfoMetricFamily("alerta_build", "The program, and the schema of its database.")
    schema = "unknown" if seen.schema is None else seen.schema.present or "none"
    info.add_metric([], {"version": program_version(), "schema": schema, "database": seen.dialect})
    return cast("Metric", info)


def _isps(lines: Iterable[IspStanding]) -> Iterator[Metric]:
    lines = [line for line in lines if line.enabled]
    for name, words, read in _GAUGES:
        gauge = GaugeMetricFamily(name, words, labels=["isp"])
        for line in lines:
            value = read(line)
            if value is not None:
                gauge.add_metric([line.isp], value)
        yield gauge
    today = GaugeMetricFamily(
        "alerta_deliveries_today",
        "Deliveries that ended since the ISP's midnight.",
        labels=["isp", "outcome"],
    )
    to_go = GaugeMetricFamily(
        "alerta_to_go_today",
        "What is to go before the ISP's midnight: planned deliveries, steps that come due.",
        labels=["isp", "what"],
    )
    for line in lines:
        for outcome in _OUTCOMES:
            today.add_metric([line.isp, outcome], getattr(line, f"{outcome}_today"))
        to_go.add_metric([line.isp, "deliveries"], line.planned_today)
        to_go.add_metric([line.isp, "steps"], line.steps_today)
    yield today
    yield to_go


_OUTCOMES = ("sent", "failed", "uncertain", "skipped", "cancelled")


def _look_at(line: IspStanding) -> float | None:
    return None if line.last_look is None else line.last_look.timestamp()


def _next_look(line: IspStanding) -> float | None:
    return None if line.next_look is None else line.next_look.timestamp()


_CIRCUIT = {CircuitState.CLOSED: 0.0, CircuitState.PROBING: 0.5, CircuitState.RESTING: 1.0}
#: Name, help, what it is of an ISP; None = nothing to tell.
_GAUGES: tuple[tuple[str, str, Callable[[IspStanding], float | None]], ...] = (
    (
        "alerta_last_complete_look_timestamp_seconds",
        "When the last complete look at Wispro began.",
        _look_at,
    ),
    (
        "alerta_look_age_seconds",
        "Seconds since the last complete look began.",
        lambda line: line.look_age_seconds,
    ),
    ("alerta_next_look_timestamp_seconds", "When the next look is due.", _next_look),
    (
        "alerta_last_sync_seconds",
        "How long the last run took.",
        lambda line: None if line.last_run is None else line.last_run.seconds,
    ),
    ("alerta_open_invoices", "Invoices that are open.", lambda line: line.open_invoices),
    ("alerta_holds", "Holds and promises in force.", lambda line: line.holds),
    (
        "alerta_run_held",
        "1 while a run waits for the operator's word and nothing is sent.",
        lambda line: float(line.held_run is not None),
    ),
    (
        "alerta_circuit_open",
        "1 while the circuit breaker lets no scheduled run through, 0.5 while it probes.",
        lambda line: _CIRCUIT[line.circuit],
    ),
    ("alerta_failures_in_a_row", "Runs that failed one after another.", lambda line: line.failures),
)


def _waiting(lines: Iterable[IspStanding]) -> Iterator[Metric]:
    labels = ["isp", "channel"]
    due = GaugeMetricFamily(
        "alerta_deliveries_due", "Deliveries whose time has come.", labels=labels
    )
    waiting = GaugeMetricFamily(
        "alerta_deliveries_waiting", "Deliveries that did not leave yet.", labels=labels
    )
    sending = GaugeMetricFamily(
        "alerta_deliveries_sending", "Deliveries that a worker has claimed.", labels=labels
    )
    lag = GaugeMetricFamily(
        "alerta_queue_lag_seconds", "How long the oldest due delivery has waited.", labels=labels
    )
    for line in lines:
        for queue in line.queues:
            names = [line.isp, queue.route]
            due.add_metric(names, queue.due)
            waiting.add_metric(names, queue.waiting)
            sending.add_metric(names, queue.sending)
            lag.add_metric(names, queue.late_seconds)
    yield from (due, waiting, sending, lag)


def _nobodys(overview: Overview) -> Iterator[Metric]:
    accounts = GaugeMetricFamily(
        "alerta_sending_accounts",
        "Sending accounts that rest because their provider asked or failed, or that fail.",
        labels=["state"],
    )
    accounts.add_metric(["resting"], overview.accounts_resting)
    accounts.add_metric(["failing"], overview.accounts_in_trouble)
    yield accounts
    yield GaugeMetricFamily(
        "alerta_operator_notices_waiting",
        "Notices to operators that did not leave yet.",
        value=overview.notices_waiting,
    )


def _happened(happened: Happened, slugs: Mapping[int, str]) -> Iterator[Metric]:
    deliveries = CounterMetricFamily(
        "alerta_deliveries",
        "Deliveries that ended.",
        labels=["isp", "channel", "outcome", "reason"],
    )
    for (isp_id, *labels), number in sorted(happened.deliveries.items()):
        if isp_id in slugs:
            deliveries.add_metric([slugs[isp_id], *labels], number)
    yield deliveries
    runs = CounterMetricFamily(
        "alerta_sync_runs", "Looks at Wispro that ended.", labels=["isp", "outcome"]
    )
    for (isp_id, outcome), number in sorted(happened.runs.items()):
        if isp_id in slugs:
            runs.add_metric([slugs[isp_id], outcome], number)
    yield runs
    for name, words, counted in (
        ("alerta_sync_requests", "Requests of looks at Wispro.", happened.requests),
        ("alerta_changes", "Changes that looks found.", happened.changes),
        ("alerta_alerts_planned", "Alerts that looks planned.", happened.alerts),
    ):
        family = CounterMetricFamily(name, words, labels=["isp"])
        for isp_id, number in sorted(counted.items()):
            if isp_id in slugs:
                family.add_metric([slugs[isp_id]], number)
        yield family
    durations = HistogramMetricFamily(
        "alerta_sync_duration_seconds", "How long looks at Wispro took.", labels=["mode"]
    )
    for mode, histogram in sorted(happened.durations.items()):
        sums = [sum(histogram.counts[: n + 1]) for n in range(len(histogram.counts))]
        bounds = [*(f"{bound:g}" for bound in DURATIONS), "+Inf"]
        durations.add_metric([mode], list(zip(bounds, sums, strict=True)), histogram.total)
    yield durations


def _broker(pulse: Pulse) -> Iterator[Metric]:
    if not pulse.answers:
        return
    messages = GaugeMetricFamily(
        "alerta_broker_messages", "Messages that wait in the broker.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "alerta_broker_oldest_message_seconds",
        "How long the oldest message of a queue has waited.",
        labels=["queue"],
    )
    workers = GaugeMetricFamily("alerta_workers", "Workers that live.", labels=["queue"])
    for queue in pulse.queues:
        messages.add_metric([queue.queue], queue.waiting)
        oldest.add_metric([queue.queue], queue.oldest_seconds or 0.0)
        workers.add_metric([queue.queue], len(pulse.alive_on(queue.queue)))
    yield from (messages, oldest, workers)
    yield GaugeMetricFamily(
        "alerta_broker_unacknowledged",
        "Messages that a worker has taken and not acknowledged.",
        value=pulse.under_way,
    )
    children = GaugeMetricFamily(
        "alerta_worker_children", "Children of a worker.", labels=["worker", "host"]
    )
    memory = GaugeMetricFamily(
        "alerta_worker_child_resident_bytes",
        "Memory that the largest child of a worker holds.",
        labels=["worker", "host"],
    )
    for worker in pulse.workers:
        if not worker.alive:
            continue
        names = [worker.name.partition("@")[0], worker.host]
        children.add_metric(names, worker.children)
        if worker.children_bytes:
            memory.add_metric(names, max(worker.children_bytes))
    yield from (children, memory)
    if pulse.beat is not None:
        yield GaugeMetricFamily(
            "alerta_beat_last_tick_timestamp_seconds",
            "When beat last put a message.",
            value=pulse.beat.last_tick.timestamp(),
        )


#: Name of the tally, name of the metric, help, labels; the first label may be an ISP's id.
_TALLIED = (
    (
        counts.WISPRO_REQUESTS,
        "alerta_wispro_requests",
        "Requests to Wispro, by how they ended.",
        ("isp", "outcome"),
    ),
    (
        counts.PUT_OFF,
        "alerta_deliveries_put_off",
        "Deliveries that were claimed and planned again: by a provider's limit, a window, a look.",
        ("isp", "channel"),
    ),
    (
        counts.LEASE_EXPIRIES,
        "alerta_lease_expiries",
        "Claims whose worker died: given back, or uncertain.",
        ("end",),
    ),
)


def _tallied(tallied: Mapping[Tally, float], slugs: Mapping[int, str]) -> Iterator[Metric]:
    for name, metric, words, labels in _TALLIED:
        family = CounterMetricFamily(metric, words, labels=labels)
        for tally, number in sorted(tallied.items()):
            if tally.name != name or len(tally.labels) != len(labels):
                continue
            values = list(tally.labels)
            if labels[0] == "isp":
                slug = slugs.get(int(values[0])) if values[0].isdigit() else None
                if slug is None:
                    continue  # it was removed since
                values[0] = slug
            family.add_metric(values, number)
        yield family
