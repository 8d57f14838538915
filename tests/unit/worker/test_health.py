"""What is well, and what is said of what is not."""

from __future__ import annotations

from tests.support.standing import NOW, pulse, worker_pulse
from worker.health import broker_checks, database_check
from worker.pulse import BeatPulse, Pulse
from worker.watcher import Schema


def bad(felt: Pulse) -> dict[str, str]:
    """What is not well, and what was found."""
    return {name: check.found for name, check in broker_checks(felt).items() if not check.ok}


def test_where_everything_lives_nothing_is_bad():
    """The broker, beat, and a worker for each queue."""
    assert bad(pulse()) == {}
    assert set(broker_checks(pulse())) == {
        *("broker", "beat", "worker sync", "worker deliver", "worker support", "worker listen")
    }


def test_without_the_broker_nobody_knows_of_the_others():
    """All are bad then, and only the broker says why."""
    found = bad(Pulse(answers=False, why="does not answer (TimeoutError)"))
    assert found.pop("broker") == "does not answer (TimeoutError)"
    assert len(found) == 5
    assert set(found.values()) == {"nobody knows: the broker does not answer"}


def test_a_queue_that_nobody_works_off_is_bad():
    """It says who did, and when they were last seen."""
    dead = worker_pulse("deliver", alive=False, seen_seconds=95.0)
    alive = [worker_pulse(name) for name in ("sync", "support")]
    assert bad(pulse(workers=[*alive, dead])) == {
        "worker deliver": "deliver@one was last seen 95 s ago",
        "worker listen": "none is running",
    }


def test_a_beat_that_does_not_tick_is_bad():
    """Whether it never did or no longer does."""
    late = BeatPulse(host="one", last_tick=NOW, age_seconds=61.0, alive=False)
    assert bad(pulse(beat=late)) == {"beat": "ticked 61 s ago on one"}
    assert bad(pulse(beat=None)) == {"beat": "has not ticked yet"}


def test_a_database_of_another_revision_is_bad():
    """It says what mends it."""
    assert database_check(Schema(present="0012", wanted="0012")).ok
    for present, found in ((None, "without tables"), ("0010", "at revision 0010")):
        check = database_check(Schema(present=present, wanted="0012"))
        assert (check.ok, check.found) == (False, f"{found}, 0012 is wanted: alerta migrate")
