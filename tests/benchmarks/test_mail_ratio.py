"""An e-mail of ours costs a fraction of what a loop around Apprise pays; a ratio, never times."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

#: docs/email.md: it was 24 times as cheap; noise gets another chance.
LEAST, TURNS, MESSAGES = 5.0, 4, 20

pytestmark = pytest.mark.xdist_group("ratios")

#: In a process of its own: the CPU time of this one is also that of whatever other tests left
#: running in threads, and of a collector that goes through everything they loaded.
_MEASURE = f"""
import json
from tests.benchmarks.mail import CASES, measure, prepare
work = prepare()
for _ in range({TURNS}):
    taken = [measure(CASES[one], work, {MESSAGES}) for one in (0, 2)]
    print(json.dumps(taken), flush=True)
"""


def test_a_message_costs_a_fraction_of_plain_apprise() -> None:
    """Of the CPU; and all of them share one connection, where Apprise opens one for each."""
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    turns = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(turns) == TURNS
    for plain, ours in turns:
        assert (plain["connections"], ours["connections"]) == (MESSAGES + 1, 1)
    assert max(plain["cpu_ms"] / ours["cpu_ms"] for plain, ours in turns) >= LEAST
