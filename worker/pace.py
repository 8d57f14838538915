"""Be polite to Wispro: all requests of one ISP, whoever makes them, leave at its rate.

Two measures together: each process spaces its own requests evenly, so that nobody sends a burst,
and each request takes a token from a bucket that all workers and commands share (`buckets.py`), so
that the sum keeps the rate. After a rest two leave together, and the third waits for both: a look
at one account is two requests, and whoever asks by hand has the customer on the phone.

Where the shared bucket cannot be reached, a process goes on by itself with its share of the rate:
politeness never stops the work.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import structlog

log = structlog.get_logger()

#: Denominators up to this are kept exactly (2.5 = 5 in 2 s); long windows would allow long bursts.
_LONGEST_EXACT = 10
#: Seconds between two looks into an empty bucket: seldom enough for Valkey, often enough for us.
_STEPS = (0.01, 0.25)
#: Seconds, at least, after which a full bucket is not believed: the clock of a host may be off.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many whole seconds."""

    amount: int
    seconds: int

    @classmethod
    def of(cls, per_second: float) -> Rate:
        """Return the nearest rate with a short window: 2.0 → 2 in 1 s, 0.5 → 1 in 2 s."""
        longest = max(_LONGEST_EXACT, math.ceil(1 / per_second))
        exact = Fraction(per_second).limit_denominator(longest)
        return cls(exact.numerator, exact.denominator)


class Pacer:
    """Spaces calls evenly; each call waits its turn.

    Args:
        per_second: how many may pass in a second.
        pairs: whether the second call after a rest may pass with the first.
        clock: seconds that only go forward.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        per_second: float,
        *,
        pairs: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1.0 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = -math.inf
        self._pairs = pairs
        self._spare = False

    def __call__(self) -> None:
        """Wait until the next request may leave."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            if turn == now:
                self._spare = self._pairs and now - self._next >= self._gap
            self._next = turn + self._gap
            if turn > now and self._spare:
                turn, self._spare = now, False
        if turn > now:
            self._sleep(turn - now)


class SharedPacer:
    """Spaces the calls of one ISP, whichever process makes them.

    Args:
        isp_id: whose bucket it is.
        per_second: how many may pass in a second, in all processes together.
        take: takes a token of that ISP: True = taken, False = none left, None = out of reach.
        children: how many processes may go on by themselves while the bucket is out of reach.
        clock: seconds that only go forward.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        isp_id: int,
        per_second: float,
        take: Callable[[int, Rate], bool | None],
        *,
        children: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._isp_id = isp_id
        self._rate = Rate.of(per_second)
        self._take = take
        self._clock = clock
        self._sleep = sleep
        # where one is allowed in a window, the second would find the bucket empty
        self._even = Pacer(per_second, pairs=self._rate.amount > 1, clock=clock, sleep=sleep)
        self._alone = Pacer(per_second / children, clock=clock, sleep=sleep)
        self._step = min(max(0.25 / per_second, _STEPS[0]), _STEPS[1])
        # everybody before us in the queue, several times over
        self._patience = max(_PATIENCE, 4 * children / per_second)

    def __call__(self) -> None:
        """Wait until the next request may leave; never fail, never wait without an end."""
        self._even()
        deadline = self._clock() + self._patience
        while (taken := self._take(self._isp_id, self._rate)) is False:
            if self._clock() >= deadline:
                log.warning("pace.starved", isp_id=self._isp_id)
                break
            self._sleep(self._step)
        if not taken:
            self._alone()
