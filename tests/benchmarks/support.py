"""Measure how long support waits while the daemon reads all of another ISP: `make bench-support`.

python -m tests.benchmarks.support [--quick]
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import describe
from tests.benchmarks.phone import SMALL, Phone, ringing
from tests.benchmarks.population import Population
from tests.benchmarks.results import keep
from tests.benchmarks.world import Databases, databases
from tests.support.processes import ROOT

BEGIN, END = "<!-- bench-support: begin -->", "<!-- bench-support: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_SIZE, _QUICK = Population.of(400_000), Population.of(50_000)
_PAGE = ROOT / "docs" / "performance.md"
_DATA = ROOT / "docs" / "support.json"
_QUICK_DATA = ROOT / "var" / "bench" / "support-quick.json"
#: Seconds: the goal for whatever support asks for.
GOAL = 2.0
_ROUNDS = 3


def main() -> None:
    """Measure; the exit code says only whether it could be measured."""
    options = argparse.ArgumentParser(prog="make bench-support")
    options.add_argument("--quick", action="store_true", help="a smaller ISP, SQLite, two rounds")
    given = options.parse_args()
    size, rounds = (_QUICK, 2) if given.quick else (_SIZE, _ROUNDS)
    points: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="alerta-bench-") as folder,
        databases(Path(folder), postgresql=not given.quick) as both,
    ):
        for kind in both.kinds:
            points += _measure(both, Path(folder), kind, size, rounds)
    found = {"machine": describe(postgresql=None), "invoices": size.invoices, "points": points}
    if given.quick:
        keep(found, _QUICK_DATA)
        return
    keep(found, _DATA)
    text = _PAGE.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{_PAGE} has lost its markers"
    whole = f"{BEGIN}\n\n{_table(found)}\n\n{END}"
    _PAGE.write_text(between.sub(lambda _: whole, text), encoding="utf-8")


def commands(phone: Phone, failed: str) -> list[tuple[str, ...]]:
    """Return what support does for a customer on the phone."""
    who = (SMALL, phone.client)
    until = str(datetime.now(UTC).date() + timedelta(days=9))
    return [
        ("find", phone.client, "--isp", SMALL),
        ("alerts", *who),
        ("explain", *who),
        ("resync", *who),
        ("channels", "test", *who, "1"),
        ("hold", *who, "--reason", "disputed", "--until", until),
        ("release", *who),
        ("resend", failed),
        ("audit", *who),
    ]


def _measure(
    both: Databases, folder: Path, kind: str, size: Population, rounds: int
) -> list[dict[str, Any]]:
    busy: dict[str, list[float]] = defaultdict(list)
    with ringing(folder, both, kind, size, rate=1000.0) as phone:
        for _ in range(rounds):
            phone.say("channels", "test", SMALL, phone.client, "1")
            failed = phone.fail_last_delivery()
            for words in commands(phone, failed):
                answered = phone.say(*words)
                name = " ".join(words[: 2 if words[0] == "channels" else 1])
                assert answered.code == 0, answered.text
                if answered.meanwhile:
                    busy[name].append(answered.seconds)
                print(
                    f"{_NAMES[kind]:<11}{name:<14}{answered.seconds:6.2f} s"
                    f"{'' if answered.meanwhile else '  (nothing was read meanwhile)'}",
                    flush=True,
                )
        print(f"{phone.read:,} invoices were read meanwhile")
    return [
        {
            "kind": kind,
            "command": name,
            "times": len(taken),
            "seconds": statistics.median(taken),
            "slowest": max(taken),
        }
        for name, taken in busy.items()
    ]


def _table(found: dict[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    head: Sequence[str] = ("command", "SQLite", "slowest", "PostgreSQL", "slowest")
    by_kind: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for one in found["points"]:
        by_kind[one["command"]][one["kind"]] = one
    rows = [
        (f"`{name}`", *(cell for kind in _NAMES for cell in _cells(kinds.get(kind))))
        for name, kinds in by_kind.items()
    ]
    slow = sum(one["slowest"] > GOAL for one in found["points"])
    lines = [head, ["---"] * len(head), *rows]
    return (
        f"Measured on: {machine}; {found['invoices']:,} invoices.\n\n"
        + "\n".join(f"| {' | '.join(line)} |" for line in lines)
        + f"\n\nThe goal is {GOAL:g} s; {slow} of {len(found['points'])} took longer once."
    )


def _cells(one: dict[str, Any] | None) -> tuple[str, str]:
    return ("–", "–") if one is None else (f"{one['seconds']:.2f} s", f"{one['slowest']:.2f} s")


if __name__ == "__main__":
    main()
