"""What Prometheus is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from prometheus_client.core import Metric

from billing.overview import CircuitState, HeldRun
from tests.support.standing import NOW, email_queue, isp_standing, overview, pulse
from worker.metrics import Seen, families
from worker.pulse import Pulse
from worker.tail import Durations, Happened
from worker.tallies import Tally
from worker.watcher import Schema


def told(**given) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each number, by its name and the values of its labels."""
    values: dict[str, Any] = {
        "dialect": "sqlite", "schema": Schema(present="0012", wanted="0012"),
        "overview": overview(isp_standing()), "happened": Happened(), "pulse": pulse(),
        "tallied": {},
    }  # fmt: skip
    found: list[Metric] = list(families(Seen(**(values | given))))
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in found
        for sample in family.samples
    }


def test_an_isp_is_told_by_its_slug():
    """Its look, its queue, its breakers, what went today."""
    line = isp_standing(
        look_age_seconds=65.0, sent_today=3, failed_today=1, planned_today=2, steps_today=4,
        open_invoices=9, holds=1, failures=2, circuit=CircuitState.PROBING,
        held_run=HeldRun(run=7, since=NOW, reason=None, detail=None), queues=[email_queue()],
    )  # fmt: skip
    numbers = told(overview=overview(line))
    expected = {
        ("alerta_look_age_seconds", ("interatos",)): 65.0,
        ("alerta_last_complete_look_timestamp_seconds", ("interatos",)): NOW.timestamp(),
        ("alerta_run_held", ("interatos",)): 1.0,
        ("alerta_circuit_open", ("interatos",)): 0.5,
        ("alerta_failures_in_a_row", ("interatos",)): 2,
        ("alerta_open_invoices", ("interatos",)): 9,
        ("alerta_deliveries_today", ("interatos", "sent")): 3,
        ("alerta_deliveries_today", ("interatos", "failed")): 1,
        ("alerta_to_go_today", ("interatos", "deliveries")): 2,
        ("alerta_to_go_today", ("interatos", "steps")): 4,
        ("alerta_deliveries_due", ("interatos", "email")): 2,
        ("alerta_queue_lag_seconds", ("interatos", "email")): 90.0,
    }
    assert expected.items() <= numbers.items()


def test_an_isp_that_is_switched_off_or_was_never_looked_at_raises_no_alarm():
    """Nothing is told of the one; of the other only what is known."""
    off = isp_standing(isp="off", enabled=False)
    new = isp_standing(isp="new", last_look=None, look_age_seconds=None, next_look=None)
    numbers = told(overview=overview(off, new))
    assert not [name for name in numbers if "off" in name[1]]
    assert ("alerta_look_age_seconds", ("new",)) not in numbers
    assert ("alerta_open_invoices", ("new",)) in numbers


def test_counters_carry_slugs_and_forget_who_was_removed():
    """Rows and tallies name ISPs by their id."""
    happened = Happened(
        deliveries=Counter({(1, "email", "failed", "rejected"): 2, (9, "email", "sent", ""): 5}),
        runs=Counter({(1, "ok"): 4}),
        durations={"sweep": Durations([1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1], 2_000.0)},
    )
    tallied = {
        Tally("wispro_requests", ("1", "timeout")): 3.0,
        Tally("wispro_requests", ("9", "ok")): 3.0,
        Tally("wispro_requests", ("x", "ok")): 3.0,
        Tally("lease_expiries", ("uncertain",)): 2.0,
        Tally("of_another_version", ("1",)): 2.0,
    }
    numbers = told(happened=happened, tallied=tallied)
    name = "alerta_deliveries_total"
    assert {k[1]: v for k, v in numbers.items() if k[0] == name} == {
        ("interatos", "email", "failed", "rejected"): 2
    }
    name = "alerta_wispro_requests_total"
    assert {k[1]: v for k, v in numbers.items() if k[0] == name} == {("interatos", "timeout"): 3}
    assert numbers["alerta_lease_expiries_total", ("uncertain",)] == 2
    name = "alerta_sync_duration_seconds_bucket"
    buckets = {k[1][1]: v for k, v in numbers.items() if k[0] == name}
    assert (buckets["1"], buckets["2"], buckets["5"], buckets["+Inf"]) == (1, 1, 3, 4)
    assert numbers["alerta_sync_duration_seconds_count", ("sweep",)] == 4


def test_whoever_does_not_answer_is_told_and_the_others_go_on():
    """A scrape without the database still tells of the broker, and the other way round."""
    numbers = told(overview=None, happened=None, schema=None)
    assert numbers["alerta_up", ("database",)] == 0
    assert numbers["alerta_up", ("broker",)] == 1
    assert numbers["alerta_workers", ("sync",)] == 1
    numbers = told(pulse=Pulse(answers=False))
    assert numbers["alerta_up", ("broker",)] == 0
    assert ("alerta_workers", ("sync",)) not in numbers
    assert ("alerta_open_invoices", ("interatos",)) in numbers


@pytest.mark.parametrize("isps", [100, 200])
def test_series_follow_the_number_of_isps(isps):
    """Fifty for each at most, whatever they send and to how many customers."""
    lines = [
        isp_standing(
            id=n, isp=f"isp-{n}", queues=[email_queue(route=route) for route in ("email", "sms")]
        )
        for n in range(isps)
    ]
    outcomes = (("sent", ""), ("failed", "rejected"), ("skipped", "missed"))
    happened = Happened(
        deliveries=Counter(
            {
                (n, route, *outcome): 1
                for n in range(isps)
                for route in ("email", "sms")
                for outcome in outcomes
            }
        ),
        runs=Counter({(n, outcome): 1 for n in range(isps) for outcome in ("ok", "failed")}),
    )
    assert len(told(overview=overview(*lines), happened=happened)) < 50 * isps
