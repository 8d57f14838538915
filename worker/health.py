"""Is the installation well? One answer for machines that restart, page or route."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tasks import queues
from worker.probes import NoAnswerError, Probe, answer_of
from worker.pulse import Pulse
from worker.watcher import Schema, Watcher, in_a_line

#: Seconds for all questions together; they are asked side by side.
ANSWER_WITHIN = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    ok: bool
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether all is well, and each thing that was looked at."""

    ok: bool
    checks: dict[str, Check]


class Examiner:
    """Looks at the installation, and answers in time whatever hangs.

    Args:
        watcher: sees it.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._schema = Probe(watcher.schema)
        self._pulse = Probe(watcher.pulse)

    def examine(self) -> Health:
        """Say how it is, within two seconds."""
        ends = time.monotonic() + ANSWER_WITHIN
        schema, pulse = self._schema.ask(), self._pulse.ask()
        try:
            database = database_check(answer_of(schema, within=ends - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            database = Check(ok=False, found=_words(error))
        try:
            felt = answer_of(pulse, within=max(ends - time.monotonic(), 0.0))
        except Exception as error:  # noqa: BLE001 - as above
            felt = Pulse(answers=False, why=_words(error))
        checks = {"database": database, **broker_checks(felt)}
        return Health(ok=all(check.ok for check in checks.values()), checks=checks)


def database_check(schema: Schema) -> Check:
    """This function will judge what the database said of itself."""
    if schema.fits:
        return Check(ok=True, found=f"answers, at revision {schema.present}")
    present = "without tables" if schema.present is None else f"at revision {schema.present}"
    return Check(ok=False, found=f"{present}, {schema.wanted} is wanted: alerta migrate")


def broker_checks(pulse: Pulse) -> dict[str, Check]:
    """This function will judge the broker, beat, and the worker of each queue."""
    if not pulse.answers:
        nobody = Check(ok=False, found="nobody knows: the broker does not answer")
        names = ["beat", *(f"worker {queue}" for queue in queues.QUEUES)]
        broker = Check(ok=False, found=pulse.why or "does not answer")
        return {"broker": broker, **dict.fromkeys(names, nobody)}
    checks = {"broker": Check(ok=True, found="answers"), "beat": _beat(pulse)}
    return checks | {f"worker {queue}": _worker(pulse, queue) for queue in queues.QUEUES}


def _beat(pulse: Pulse) -> Check:
    if pulse.beat is None:
        return Check(ok=False, found="has not ticked yet")
    found = f"ticked {pulse.beat.age_seconds:.0f} s ago on {pulse.beat.host}"
    return Check(ok=pulse.beat.alive, found=found)


def _worker(pulse: Pulse, queue: str) -> Check:
    if alive := pulse.alive_on(queue):
        return Check(ok=True, found=f"{len(alive)} alive: {', '.join(one.name for one in alive)}")
    silent = [one for one in pulse.workers if queue in one.queues]
    if not silent:
        return Check(ok=False, found="none is running")
    last = min(silent, key=lambda one: one.seen_seconds)
    return Check(ok=False, found=f"{last.name} was last seen {last.seen_seconds:.0f} s ago")


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, NoAnswerError) else in_a_line(error)
