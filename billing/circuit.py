"""The circuit breaker of one ISP: how long scheduled runs rest after a failure.

    closed ──failure──► open (resting until `rest_until`) ──time passes──► half-open
      ▲                                                                      │
      └───────────────────────────── success ────────────────────────────────┘ failure: open, longer

Nothing marks the half-open state: it is `rest_until` having passed while failures are counted. The
first run after that is the probe, and the only one, since the ISP's lease lets one run in at a
time: it closes the circuit or opens it again. Runs by hand do not ask; a person knows why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.values import UpstreamReason, as_utc

#: The rest after the first failure; it doubles with each further one.
FIRST_REST = timedelta(minutes=2)
LONGEST_REST = timedelta(minutes=60)
#: A token that was refused, or a licence that has expired, is mended by a person, not by a minute.
REST_REFUSED = timedelta(minutes=15)
#: The rest after "too many requests" where Wispro does not say how long.
REST_RATE_LIMITED = timedelta(minutes=2)
#: The most that jitter adds to a rest, as a part of it: who failed together returns one by one.
MOST_JITTER = 0.25

REFUSED = frozenset({UpstreamReason.NOT_AUTHORIZED, UpstreamReason.LICENCE_EXPIRED})


@dataclass(frozen=True, slots=True)
class Circuit:
    """How often in a row an ISP's runs failed, and until when they rest; closed if never.

    Args:
        failures: in a row; being asked to slow down is none.
        rest_until: aware; None = go on.
    """

    failures: int = 0
    rest_until: datetime | None = None


CLOSED = Circuit()


def after_run(
    failures: int,
    reason: UpstreamReason | None,
    *,
    now: datetime,
    retry_after: float | None = None,
    jitter: float = 0.0,
) -> Circuit:
    """This function will say where the circuit stands after a run.

    Args:
        failures: in a row, before this run.
        reason: why the run failed; None = it did not.
        now: the end of the run, aware.
        retry_after: seconds that Wispro asked us to wait, where it did; an hour is believed.
        jitter: between 0 and 1; makes the rest up to a quarter longer.

    Raises:
        ValueError: if `now` has no zone, or the jitter is out of its bounds.
    """
    if not 0 <= jitter <= 1:
        raise ValueError("jitter is between 0 and 1")
    as_utc(now)
    if reason is None:
        return CLOSED
    longest = LONGEST_REST.total_seconds()
    asked = None if retry_after is None else timedelta(seconds=min(retry_after, longest))
    if reason is UpstreamReason.RATE_LIMITED:
        rest = REST_RATE_LIMITED if asked is None else asked
    else:
        failures += 1
        rest = REST_REFUSED if reason in REFUSED else _doubled(failures)
        rest = max(rest, asked or rest)
    return Circuit(failures, now + rest * (1 + MOST_JITTER * jitter))


def _doubled(failures: int) -> timedelta:
    """Return 2, 4, 8 … minutes, an hour at most; the exponent is bounded, a month has many runs."""
    return min(FIRST_REST * (1 << min(failures - 1, 10)), LONGEST_REST)


def is_resting(rest_until: datetime | None, now: datetime) -> bool:
    """This function will say whether scheduled runs must wait; at `rest_until` they may go on."""
    return rest_until is not None and now < rest_until


def in_words(failures: int, rest_until: datetime | None, trouble: str | None, now: datetime) -> str:
    """This function will say the state of a circuit for people.

    Args:
        failures: in a row.
        rest_until: aware; None = go on.
        trouble: what went wrong last, one line.
        now: the present, aware; its zone is the one the text is written in.
    """
    why = f": {trouble}" if trouble else ""
    counted = f"{failures} failure{'' if failures == 1 else 's'}" if failures else ""
    if rest_until is not None and is_resting(rest_until, now):
        after = f" after {counted}" if counted else ", as Wispro asked"
        until = rest_until.astimezone(now.tzinfo)
        return f"resting until {until:%Y-%m-%d %H:%M %Z}{after}{why}"
    if failures:
        return f"half-open: the next run is a probe after {counted}{why}"
    return "closed"
