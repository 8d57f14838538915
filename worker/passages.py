"""Places at a provider that counts by the second: what is under way, and what arrived lately.

Turns (`turns.py`) space messages as they leave. How long each is on its way differs, so more of
them may arrive in one second than left in one. Here a message holds a place from before it leaves
until a second after its answer. A provider that counts a message counts it in between: there are
never more in one of its seconds than there are places, however late some of them are.

A place whose holder died is free again after `_LONGEST`. Without the broker each process has its
share of the places.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import Redis

KEY_PREFIX = "alerta:place:"
#: Seconds after which a place is free whatever became of its holder: no send takes longer.
_LONGEST = 60.0
#: The provider's second, and as much as two clocks of one machine may differ within it.
_SECOND = 1.002
#: Seconds between two looks while all who hold a place are still on their way.
_LOOK_AGAIN = 0.01
#: Seconds after which a message goes all the same: it was journaled, and it has had its turn.
_PATIENCE = 10.0

# KEYS: the places, a sorted set by the instant at which each is free again.
# ARGV: how many there are, how many are wanted, a name for them, seconds at most.
_ENTER = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local places, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local taken = redis.call('ZCARD', KEYS[1])
if taken == 0 or taken + wanted <= places then
  for i = 1, wanted do
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]) * 1000000, ARGV[3] .. ':' .. i)
  end
  redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[4]) * 1000) + 1000)
  return 0
end
local nth = redis.call('ZRANGE', KEYS[1], taken + wanted - places - 1, -1, 'WITHSCORES')
return tonumber(nth[2]) - now
"""
# KEYS: the places. ARGV: how many are held, their name, seconds until they are free.
_LEAVE = """
local t = redis.call('TIME')
local at = t[1] * 1000000 + t[2] + tonumber(ARGV[3]) * 1000000
for i = 1, tonumber(ARGV[1]) do
  redis.call('ZADD', KEYS[1], 'XX', at, ARGV[2] .. ':' .. i)
end
return 0
"""


def places_of(gap: float) -> int:
    """This function will say how many places a gap makes; 0 = spacing is enough.

    Args:
        gap: seconds between two messages that a provider asks for.
    """
    return round(1 / gap) if 0 < gap <= 0.5 else 0


class SharedPlaces:
    """The places of one key, those of all workers together.

    Args:
        client: of the broker; its errors are the caller's.
        key: what is counted.
        places: how many there are.
    """

    def __init__(self, client: Redis, key: str, places: int) -> None:
        self._client = client
        self._key = KEY_PREFIX + key
        self._places = places

    def enter(self, name: str, number: int) -> float:
        """Take places; return 0, or in how many seconds there may be some."""
        found = self._client.eval(
            _ENTER, 1, self._key, self._places, min(number, self._places), name, _LONGEST
        )
        return max(float(str(found)), 0.0) / 1e6

    def leave(self, name: str, number: int) -> None:
        """Let go of them a second from now."""
        held = min(number, self._places)
        self._client.eval(_LEAVE, 1, self._key, held, name, _SECOND)


class OwnPlaces:
    """The places of one key in this process; for as long as the broker is away.

    Args:
        places: how many there are.
        clock: seconds that only go forward.
    """

    def __init__(self, places: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def enter(self, name: str, number: int) -> float:
        """Take places; return 0, or in how many seconds there may be some."""
        wanted = min(number, self._places)
        with self._lock:
            now = self._forget()
            taken = len(self._free_at)
            if taken == 0 or taken + wanted <= self._places:
                self._free_at.update((f"{name}:{i}", now + _LONGEST) for i in range(wanted))
                return 0.0
            return sorted(self._free_at.values())[taken + wanted - self._places - 1] - now

    def leave(self, name: str, number: int) -> None:
        """Let go of them a second from now."""
        with self._lock:
            at = self._forget() + _SECOND
            for i in range(min(number, self._places)):
                self._free_at[f"{name}:{i}"] = at

    def _forget(self) -> float:
        """Drop what is free again; return the present."""
        now = self._clock()
        self._free_at = {one: at for one, at in self._free_at.items() if at > now}
        return now


@contextmanager
def holding(
    enter: Callable[[str, int], float],
    leave: Callable[[str, int], None],
    number: int,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """This function will hold places while its body runs, waiting for them first.

    Args:
        enter: takes places, or says how long to wait.
        leave: lets go of them.
        number: how many.
        clock: seconds that only go forward.
        sleep: waits that many seconds.
    """
    name = uuid.uuid4().hex
    until = clock() + _PATIENCE
    while (wait := enter(name, number)) > 0 and clock() < until:
        # Somebody's place is free at a known instant, or they are on their way.
        sleep(wait if wait <= _SECOND else _LOOK_AGAIN)
    try:
        yield
    finally:
        leave(name, number)
