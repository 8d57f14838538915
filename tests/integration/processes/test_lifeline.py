"""A child of ours never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.support.processes import ROOT, wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")

TIED = """
import os, sys, time
from worker.lifeline import die_with_parent
die_with_parent(int(sys.argv[1]))
print("alive", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys, os, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
print(child.pid, flush=True)
time.sleep(60)
"""


def run(code: str, *words: str) -> subprocess.Popen[str]:
    """Start some Python in the work tree."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_ends_when_its_parent_is_killed() -> None:
    """A kill -9 of the parent ends the child, which was not told anything."""
    with run(PARENT, TIED) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "alive\n"
        parent.kill()
        wait_until(lambda: not child.is_running(), seconds=30, what="the child ends")


def test_it_lives_while_its_parent_does() -> None:
    """Under a living parent, whatever its number (1 in a container), nothing happens."""
    with run(TIED, str(os.getpid())) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "alive\n"
        time.sleep(0.1)
        assert child.poll() is None
        child.kill()


def test_it_ends_if_its_parent_went_before() -> None:
    """A parent that is gone already is noticed."""
    with run(TIED, str(os.getpid() + 1)) as child:
        assert child.wait(timeout=30) == -signal.SIGTERM
