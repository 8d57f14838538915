"""Start processes and leave none behind: each is ended by its own id, with its descendants."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

#: The work tree: commands run there, so that a clone tests itself and not an installed copy.
ROOT = Path(__file__).resolve().parents[2]


def wait_until(true: Callable[[], object], *, seconds: float, what: str) -> None:
    """Return once a question is answered with yes.

    Raises:
        TimeoutError: if it is not in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s still not: {what}")
        time.sleep(0.05)


class Running:
    """One process that a test started; a context manager that ends it and all it started.

    Args:
        command: what to run.
        environment: all of it.
        log: where stdout and stderr go.
    """

    def __init__(self, command: list[str], *, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self._seen: dict[int, psutil.Process] = {}
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.descendants()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for one in self._seen.values():
            with suppress(psutil.NoSuchProcess):
                one.kill()  # psutil compares start times: never somebody else's process
        psutil.wait_procs(list(self._seen.values()), timeout=10)

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def descendants(self) -> list[psutil.Process]:
        """Return its living descendants, and remember them."""
        try:
            found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            found = []
        self._seen |= {one.pid: one for one in found}
        return found

    def orphans(self) -> list[psutil.Process]:
        """Return those of the processes ever seen below it that still live."""
        self.descendants()
        return [p for p in self._seen.values() if p.is_running() and p.status() != "zombie"]

    def child(self, *words: str) -> psutil.Process:
        """Return the one direct child whose command line holds all of these words."""
        found = []
        for one in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                line = " ".join(one.cmdline())
                if all(word in line for word in words):
                    found.append(one)
        assert len(found) == 1, f"{len(found)} children are {words}"
        return found[0]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def ends(self, *, seconds: float) -> int:
        """Return its exit code once it has ended.

        Raises:
            subprocess.TimeoutExpired: if it does not in time.
        """
        return self.process.wait(timeout=seconds)
