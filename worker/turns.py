"""Turns at a provider that counts by the second: one line for all workers, kept in the broker.

Each account and each recipient has the instant from which its next message may leave (a leaky
bucket without a burst: GCRA). One Lua call looks at all that a message counts for and moves them
together, so that nobody takes half a turn. The clock is the broker's own.

Valkey is a hint here, as everywhere: while it is out of reach, each process keeps its share of the
rate by itself, and a turn that was lost with it costs the gap between two messages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings
from worker.broker import broker_client

log = structlog.get_logger()

#: Every key is this and a keyed hash: no secret, and none of Celery's.
KEY_PREFIX = "alerta:turn:"
#: Seconds to connect, and to answer.
TIMEOUT = 0.5
#: Seconds before a broker that was lost is asked again.
ASK_AGAIN_AFTER = 5.0
#: What is left between two messages beyond the provider's own gap, for jitter on the way.
MARGIN = 1.03

_TURN = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local within = tonumber(ARGV[1])
local turn = at
for i, key in ipairs(KEYS) do
  local free = tonumber(redis.call('GET', key) or '0')
  if free > turn then turn = free end
end
if turn - at <= within then
  for i, key in ipairs(KEYS) do
    local gap = tonumber(ARGV[i + 1])
    local next = string.format('%.0f', turn + gap)
    redis.call('SET', key, next, 'PX', math.ceil((turn - at + gap) / 1000) + 1000)
  end
end
return turn - at
"""


class Turns:
    """Gives turns, those of all workers together; connects at the first call, so after a fork.

    Args:
        settings: say where the broker is.
        children: how many processes go on by themselves while the broker is out of reach.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        children: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._children = children
        self._clock = clock
        self._client: Redis | None = None
        self._lost_until: float | None = None
        self._lock = threading.Lock()
        self._own: dict[str, float] = {}

    def reserve(self, gaps: Sequence[tuple[str, float]], *, within: float) -> float:
        """Take the next turn; return how many seconds from now it is.

        Args:
            gaps: what the message counts for and the seconds between two messages there.
            within: if the turn is later than this, none is taken.
        """
        wide = [(key, gap * MARGIN) for key, gap in gaps]
        if self._lost_until is None or self._clock() >= self._lost_until:
            try:
                turn = self._shared(wide, within)
            except (RedisError, OSError, ValueError) as error:  # ValueError: nobody reads the URL
                if self._lost_until is None:
                    log.info("turns.alone", why=type(error).__name__)
                self._lost_until = self._clock() + ASK_AGAIN_AFTER
            else:
                if self._lost_until is not None:
                    log.info("turns.shared")
                    self._lost_until = None
                return turn
        return self._alone([(key, gap * self._children) for key, gap in wide], within)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def _shared(self, gaps: Sequence[tuple[str, float]], within: float) -> float:
        if self._client is None:
            self._client = broker_client(self._settings, timeout=TIMEOUT)
        keys = [KEY_PREFIX + key for key, _ in gaps]
        numbers = [round(within * 1e6), *(round(gap * 1e6) for _, gap in gaps)]
        turn = self._client.eval(_TURN, len(keys), *keys, *numbers)
        return max(float(str(turn)), 0.0) / 1e6

    def _alone(self, gaps: Sequence[tuple[str, float]], within: float) -> float:
        with self._lock:
            now = self._clock()
            turn = max([now, *(self._own.get(key, now) for key, _ in gaps)])
            if turn - now <= within:
                self._own = {key: at for key, at in self._own.items() if at > now}
                self._own.update((key, turn + gap) for key, gap in gaps)
        return turn - now
