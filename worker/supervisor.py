"""Run processes and keep them running: restart what dies, stop everything cleanly on a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from worker import readiness
from worker.lifeline import die_with_parent
from worker.systemd import Systemd

log = structlog.get_logger()

#: Seconds. So long a worker may finish its tasks (SIGTERM, it ends as soon as they did); then it
#: gives them back (SIGQUIT), and at the end it is killed. Platforms kill after 30 s.
FINISH_WITHIN = 20.0
STOP_WITHIN = 28.0
_LONGEST_PAUSE = 30.0
#: A process that lived this long was healthy: its next restart is immediate again.
_HEALTHY_AFTER = 60.0
#: Who has not been ready for so long is not coming back by itself: longer than any pause.
_UNWELL_FOR = 120.0
_POLL = 0.2


@dataclass(slots=True)
class Child:
    """One process to keep running.

    Args:
        name: for people.
        command: that starts it.
        says_ready: whether it tells when it is (`worker/readiness.py`); else it is once it runs.
    """

    name: str
    command: Sequence[str]
    says_ready: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0
    ready: bool = False
    unwell_since: float | None = None
    pipe: int | None = None


class Supervisor:
    """Keeps children alive until it is told to stop.

    Args:
        children: what to run; stopped in this order.
        tend: called five times a second, for whatever else must be kept alive.
        systemd: is told how we are.
    """

    def __init__(
        self,
        children: Sequence[Child],
        tend: Callable[[], None] = lambda: None,
        *,
        systemd: Systemd | None = None,
    ) -> None:
        self._children = children
        self._tend = tend
        self._systemd = systemd or Systemd()
        self._stopping = False

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; every child has ended when this returns."""
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            while not self._stopping:
                self.step()
                time.sleep(_POLL)
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def step(self) -> None:
        """Start what should run and does not."""
        self._tend()
        for child in self._children:
            self._keep(child)
            self._look_at(child)
        self._systemd.beat(ready=self.is_ready(), healthy=self.is_healthy(), status=self.status())

    def is_ready(self) -> bool:
        """Whether every child is ready."""
        return all(child.ready for child in self._children)

    def is_healthy(self) -> bool:
        """Whether every child is ready, or is likely to be again soon."""
        now = time.monotonic()
        return all(
            child.unwell_since is None or now - child.unwell_since < _UNWELL_FOR
            for child in self._children
        )

    def status(self) -> str:
        """Return one line about the children, for people."""
        unwell = [child.name for child in self._children if not child.ready]
        fine = [child.name for child in self._children if child.ready]
        return "; ".join(
            f"{word}: {', '.join(names)}"
            for word, names in (("running", fine), ("not ready", unwell))
            if names
        )

    def stop(self) -> None:
        """Ask every child to end, and end those that do not."""
        self._systemd.stopping()
        running = [c.process for c in self._children if c.process and c.process.poll() is None]
        asked = time.monotonic()
        for number, until in ((signal.SIGTERM, FINISH_WITHIN), (signal.SIGQUIT, STOP_WITHIN)):
            for process in running:
                process.send_signal(number)
            running = [p for p in running if not _ended(p, by=asked + until)]
        for process in running:
            log.warning("supervisor.killed", pid=process.pid)
            process.kill()
            process.wait()

    def _on_signal(self, number: int, frame: object) -> None:
        del number, frame
        self._stopping = True

    def _look_at(self, child: Child) -> None:
        """Hear whether a child is ready, and remember since when it is not."""
        if child.pipe is not None:
            with suppress(BlockingIOError):
                said = os.read(child.pipe, 1)
                os.close(child.pipe)
                child.pipe = None
                child.ready = said == b"1"
        elif child.process is not None and not child.says_ready:
            child.ready = True
        if child.ready:
            child.unwell_since = None
        elif child.unwell_since is None:
            child.unwell_since = time.monotonic()

    def _keep(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            if child.process.poll() is None:
                return
            lived = now - child.started
            child.failures = 1 if lived > _HEALTHY_AFTER else child.failures + 1
            pause = min(2.0 ** (child.failures - 1), _LONGEST_PAUSE)
            log.warning(
                "supervisor.restart", child=child.name, code=child.process.returncode, after=pause
            )
            child.process, child.restart_at, child.ready = None, now + pause, False
            if child.pipe is not None:
                os.close(child.pipe)
                child.pipe = None
        if now >= child.restart_at:
            child.started = now
            self._start(child)

    def _start(self, child: Child) -> None:
        environment, theirs = dict(os.environ), None
        if child.says_ready:
            child.pipe, theirs = os.pipe()
            os.set_blocking(child.pipe, False)
            environment[readiness.VARIABLE] = str(theirs)
        # What systemd says to us is not for them.
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            environment.pop(name, None)
        child.process = subprocess.Popen(  # noqa: S603 - our own commands
            child.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us, and we tell the children
            pass_fds=() if theirs is None else (theirs,),
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - no thread exists here
        )
        if theirs is not None:
            os.close(theirs)


def _ended(process: subprocess.Popen[bytes], *, by: float) -> bool:
    try:
        process.wait(timeout=max(0.1, by - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
