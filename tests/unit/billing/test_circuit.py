"""The circuit breaker of one ISP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.circuit import CLOSED, LONGEST_REST, Circuit, after_run, in_words, is_resting
from billing.values import UpstreamReason

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
TRANSIENT = sorted(
    set(UpstreamReason)
    - {
        UpstreamReason.NOT_AUTHORIZED,
        UpstreamReason.LICENCE_EXPIRED,
        UpstreamReason.RATE_LIMITED,
    }
)


def rest(circuit: Circuit) -> timedelta:
    """Return how long the circuit rests from NOW."""
    assert circuit.rest_until is not None
    return circuit.rest_until - NOW


def test_success_closes_it():
    """One good run forgets any number of failures."""
    assert after_run(7, None, now=NOW) == CLOSED == Circuit(0, None)
    assert after_run(7, None, now=NOW, retry_after=600, jitter=1.0) == CLOSED


@pytest.mark.parametrize("reason", TRANSIENT)
def test_each_failure_doubles_the_rest(reason: UpstreamReason) -> None:
    """2, 4, 8, 16, 32 minutes, and then an hour for ever."""
    circuit = CLOSED
    rests = []
    for _ in range(8):
        circuit = after_run(circuit.failures, reason, now=NOW)
        rests.append(rest(circuit) / timedelta(minutes=1))
    assert rests == [2, 4, 8, 16, 32, 60, 60, 60]
    assert circuit.failures == 8


def test_a_month_of_failures_is_no_overflow():
    """The count may grow as it likes."""
    assert rest(after_run(1_000_000, UpstreamReason.TIMEOUT, now=NOW)) == LONGEST_REST


@pytest.mark.parametrize("reason", [UpstreamReason.NOT_AUTHORIZED, UpstreamReason.LICENCE_EXPIRED])
@pytest.mark.parametrize("failures", [0, 1, 9])
def test_what_a_person_must_mend_opens_at_once(reason: UpstreamReason, failures: int) -> None:
    """A refused token rests a quarter of an hour, the first time as the tenth."""
    circuit = after_run(failures, reason, now=NOW)
    assert (rest(circuit), circuit.failures) == (timedelta(minutes=15), failures + 1)


@pytest.mark.parametrize("failures", [0, 3])
def test_being_asked_to_slow_down_is_no_failure(failures: int) -> None:
    """429 rests as long as Wispro says, two minutes where it says nothing, and is not counted."""
    reason = UpstreamReason.RATE_LIMITED
    told = after_run(failures, reason, now=NOW, retry_after=7)
    untold = after_run(failures, reason, now=NOW)
    assert (rest(told), told.failures) == (timedelta(seconds=7), failures)
    assert (rest(untold), untold.failures) == (timedelta(minutes=2), failures)


@pytest.mark.parametrize(
    ("asked", "rests"),
    [(119, 120), (121, 121), (3600, 3600), (3601, 3600), (0, 120), (None, 120)],
)
def test_a_longer_retry_after_is_honoured_up_to_an_hour(asked: float | None, rests: int) -> None:
    """A failure rests as long as its count says, or as Wispro asked if that is longer."""
    circuit = after_run(0, UpstreamReason.SERVER_ERROR, now=NOW, retry_after=asked)
    assert rest(circuit) == timedelta(seconds=rests)


@pytest.mark.parametrize(
    ("asked", "rests"), [(0, 0), (3600, 3600), (3601, 3600), (float("inf"), 3600)]
)
def test_a_rest_for_slowing_down_is_an_hour_at_most(asked: float, rests: int) -> None:
    """What Wispro asks for is believed up to an hour."""
    circuit = after_run(2, UpstreamReason.RATE_LIMITED, now=NOW, retry_after=asked)
    assert rest(circuit) == timedelta(seconds=rests)


@pytest.mark.parametrize(
    ("jitter", "seconds"), [(0.0, 120), (0.5, 135), (1.0, 150)], ids=["none", "half", "all"]
)
@pytest.mark.parametrize("reason", [UpstreamReason.TIMEOUT, UpstreamReason.RATE_LIMITED])
def test_jitter_makes_a_rest_up_to_a_quarter_longer(
    reason: UpstreamReason, jitter: float, seconds: float
) -> None:
    """ISPs that failed together do not come back together, and none comes back early."""
    assert rest(after_run(0, reason, now=NOW, jitter=jitter)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("jitter", [-0.01, 1.01])
def test_jitter_out_of_bounds_is_a_mistake(jitter: float) -> None:
    """A part is between nothing and all."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        after_run(0, UpstreamReason.TIMEOUT, now=NOW, jitter=jitter)


def test_an_instant_without_a_zone_is_a_mistake():
    """Every instant in the system is aware."""
    with pytest.raises(ValueError, match="zone"):
        after_run(0, None, now=NOW.replace(tzinfo=None))


def test_it_rests_until_the_instant_and_not_at_it():
    """A microsecond before it rests, at the instant it is half-open."""
    until = NOW + timedelta(minutes=2)
    assert is_resting(until, until - timedelta(microseconds=1))
    assert not is_resting(until, until)
    assert not is_resting(None, NOW)


def test_a_probe_that_fails_opens_it_longer():
    """The first run after the rest decides: closed again, or resting for twice as long."""
    opened = after_run(0, UpstreamReason.TIMEOUT, now=NOW)
    assert opened.rest_until is not None
    probed = after_run(opened.failures, UpstreamReason.TIMEOUT, now=opened.rest_until)
    assert probed == Circuit(2, opened.rest_until + timedelta(minutes=4))
    assert after_run(probed.failures, None, now=NOW) == CLOSED


@pytest.mark.parametrize(
    ("failures", "minutes", "trouble", "words"),
    [
        (0, None, None, "closed"),
        (0, -1, None, "closed"),
        (1, 2, None, "resting until 2026-03-10 12:02 -03 after 1 failure"),
        (
            3,
            8,
            "Wispro failed (500).",
            "resting until 2026-03-10 12:08 -03 after 3 failures: Wispro failed (500).",
        ),
        (
            0,
            2,
            "slower",
            "resting until 2026-03-10 12:02 -03, as Wispro asked: slower",
        ),
        (
            3,
            0,
            "Wispro failed (500).",
            "half-open: the next run is a probe after 3 failures: Wispro failed (500).",
        ),
        (1, None, None, "half-open: the next run is a probe after 1 failure"),
    ],
)
def test_the_state_in_words(
    failures: int, minutes: int | None, trouble: str | None, words: str
) -> None:
    """People read what is the matter, in the ISP's own time, and what happens next."""
    here = NOW.astimezone(ZoneInfo("America/Argentina/Cordoba"))
    until = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert in_words(failures, until, trouble, here) == words
