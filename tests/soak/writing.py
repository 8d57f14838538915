"""The section of docs/reliability.md about the soak, and its JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict

import msgspec

from tests.soak.run import Report
from tests.support.processes import ROOT

_PAGE = ROOT / "docs" / "reliability.md"
_DATA = ROOT / "docs" / "soak.json"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


def write(report: Report, *, kind: str, machine: Mapping[str, str]) -> None:
    """This function will write what one soak found between the markers of the page."""
    text = _PAGE.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{_PAGE} has lost its markers"
    whole = f"{BEGIN}\n\n{_section(report, kind, machine)}\n\n{END}"
    _PAGE.write_text(between.sub(lambda _: whole, text), encoding="utf-8")
    kept = {"machine": machine, "database": kind, **asdict(report)}
    kept["samples"] = kept["samples"][:: max(1, len(kept["samples"]) // 60)]
    _DATA.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")


def _section(report: Report, kind: str, machine: Mapping[str, str]) -> str:
    plan = report.plan
    on = ", ".join(f"{name} {value}" for name, value in machine.items())
    happened = ", ".join(f"{number:,} {what}" for what, number in report.happened.items())
    counted = ", ".join(f"{number:,} {what}" for what, number in report.counts.items())
    rows = [f"| {kind} | {a:.0f} | {b:.0f} |" for kind, (a, b) in report.growth.items()]
    head = "| process, the largest | MiB, second fifth | MiB, last fifth |"
    setting = (
        f"{plan.isps} ISPs with {plan.accounts} accounts each, a look every {plan.sync_every:.0f} "
        f"s, {plan.minutes:.0f} minutes of traffic, {kind}, seed {plan.seed}. Measured on: {on}."
    )
    hints = (
        f"* Hints in the broker at most: {report.hints[0]:,} in the first half, "
        f"{report.hints[1]:,} in the second."
    )
    waits = (
        f"* The latest delivery left {report.late:.0f} s after it was due. The oldest complete "
        f"look was {report.oldest_look:.0f} s old: of an ISP whose answers were broken again and "
        f"again. Everything was at rest {report.rest_after:.0f} s after the traffic."
    )
    faults = [f"* Broken promises: {len(report.faults)}."]
    faults += [f"  * {fault}" for fault in report.faults[:20]]
    table = "\n".join([head, "| --- | --- | --- |", *rows])
    what = f"What happened: {happened}.\n\nWhat we did: {counted}."
    return "\n\n".join([setting, what, table, "\n".join([hints, waits, *faults])])
