"""The dashboard and the alert rules ask for what is told, and their runbooks name what exists."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from typer.main import get_command

from tests.support.processes import ROOT
from tests.support.standing import email_queue, isp_standing, overview, pulse
from worker.cli.main import app
from worker.metrics import Seen, families
from worker.tail import Durations, Happened
from worker.watcher import Schema

DASHBOARD = ROOT / "deploy/grafana/alerta.json"
RULES = ROOT / "deploy/prometheus/alerts.yml"


def told() -> dict[str, set[str]]:
    """Return the labels of every metric."""
    happened = Happened(
        deliveries=Counter({(1, "email", "sent", ""): 1}),
        runs=Counter({(1, "ok"): 1}),
        durations={"sweep": Durations()},
    )
    seen = Seen(
        dialect="sqlite",
        schema=Schema(present="0012", wanted="0012"),
        overview=overview(isp_standing(queues=[email_queue()])),
        happened=happened,
        pulse=pulse(),
        tallied={},
    )
    labels: dict[str, set[str]] = {}
    for family in families(seen):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels[family.name + suffix] = set(getattr(family, "_labelnames", ()))
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return what the dashboard shows."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def questions() -> Iterator[str]:
    """Return every query of both files."""
    for rule in rules():
        yield rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"]
    variable = json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"][1]
    yield variable["definition"]


def test_every_metric_that_is_asked_for_is_told():
    """A name that was changed would leave a panel empty, and an alert silent for ever."""
    asked = {name for query in questions() for name in re.findall(r"alerta_[a-z_]+", query)}
    assert asked
    assert asked - set(told()) == set()


def test_every_metric_that_is_told_is_shown():
    """What nobody looks at need not be told."""
    shown = " ".join(questions())
    # When looks are due is in the rules only; of a histogram the buckets are shown.
    parts = ("_created", "_bucket", "_sum", "_count")
    names = [name for name in told() if not name.endswith(parts)]
    unseen = [name for name in names if not re.search(rf"\b{name}(_bucket)?\b", shown)]
    assert unseen == ["alerta_last_complete_look_timestamp_seconds"]


@pytest.mark.parametrize("query", sorted(set(questions())))
def test_labels_that_are_grouped_by_exist(query):
    """Each `by (…)` names labels of the metric that it is about."""
    known = {"instance", "le"} | {label for labels in told().values() for label in labels}
    for names in re.findall(r"(?:by|on) \(([^)]*)\)", query):
        assert {name.strip() for name in names.split(",")} <= known


def test_every_alert_says_what_to_do_with_commands_that_exist():
    """Each has a summary, a runbook, a severity; each `alerta …` in it is a command."""
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]
        words = rule["annotations"]
        assert set(words) == {"summary", "runbook"}, rule["alert"]
        assert len(words["runbook"]) > 40, rule["alert"]
        named = set(re.findall(r"\balerta ([a-z]+)", words["runbook"] + words["summary"]))
        assert named <= commands, (rule["alert"], named - commands)


def test_panels_stand_side_by_side():
    """None covers another, and each asks something."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
        assert panel["targets"]
