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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from redis import Redis
from redis.exceptions import RedisError

from config.settings import Settings
from worker.broker import LateClient
from worker.passages import OwnPlaces, SharedPlaces, holding, places_of

log = structlog.get_logger()

#: Every key is this and a keyed hash: no secret, and none of Celery's.
KEY_PREFIX = "alerta:turn:"
#: Seconds to connect, and to answer.
TIMEOUT = 0.5
#: Seconds before a broker that was lost is asked again.
ASK_AGAIN_AFTER = 5.0
#: What is left between two messages beyond the provider's own gap, for jitter on the way; where
#: there are places (`passages.py`), they see to that.
MARGIN = 1.1

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
        self._children = children
        self._clock = clock
        self._client = LateClient(settings, timeout=TIMEOUT)
        self._lost_until: float | None = None
        self._lock = threading.Lock()
        self._own: dict[str, float] = {}
        self._own_places: dict[str, OwnPlaces] = {}

    def reserve(self, gaps: Sequence[tuple[str, float]], *, within: float) -> float:
        """Take the next turn; return how many seconds from now it is.

        Args:
            gaps: what the message counts for and the seconds between two messages there.
            within: if the turn is later than this, none is taken.
        """
        wide = [(key, gap if places_of(gap) else gap * MARGIN) for key, gap in gaps]
        turn = self._asked(lambda client: self._shared(client, wide, within))
        if turn is not None:
            return turn
        return self._alone([(key, gap * self._children) for key, gap in wide], within)

    @contextmanager
    def passing(self, key: str, gap: float, *, number: int = 1) -> Iterator[None]:
        """Wait for a place among what is under way or arrived within the last second; hold it.

        Args:
            key: what the message counts for.
            gap: the seconds between two messages there; half a second or more needs no places.
            number: how many messages it counts as.
        """
        places = places_of(gap)
        if not places:
            yield
            return
        own = self._own_places.setdefault(
            key, OwnPlaces(max(places // self._children, 1), clock=self._clock)
        )

        def enter(name: str, wanted: int) -> float:
            ask = self._asked(lambda client: SharedPlaces(client, key, places).enter(name, wanted))
            return own.enter(name, wanted) if ask is None else ask

        def leave(name: str, held: int) -> None:
            self._asked(lambda client: SharedPlaces(client, key, places).leave(name, held))
            own.leave(name, held)

        with holding(enter, leave, number, clock=self._clock):
            yield

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _asked(self, ask: Callable[[Redis], float | None]) -> float | None:
        """Return the broker's answer; None = it is out of reach, and is left alone for a while.

        Lanes ask side by side: what one of them learns of the broker, another may read halfway.
        """
        lost_until = self._lost_until
        if lost_until is not None and self._clock() < lost_until:
            return None
        try:
            answer = ask(self._client())
        except (RedisError, OSError, ValueError) as error:  # ValueError: nobody reads the URL
            if self._lost_until is None:
                log.info("turns.alone", why=type(error).__name__)
            self._lost_until = self._clock() + ASK_AGAIN_AFTER
            return None
        if self._lost_until is not None:
            log.info("turns.shared")
            self._lost_until = None
        return answer

    def _shared(self, client: Redis, gaps: Sequence[tuple[str, float]], within: float) -> float:
        keys = [KEY_PREFIX + key for key, _ in gaps]
        numbers = [round(within * 1e6), *(round(gap * 1e6) for _, gap in gaps)]
        turn = client.eval(_TURN, len(keys), *keys, *numbers)
        return max(float(str(turn)), 0.0) / 1e6

    def _alone(self, gaps: Sequence[tuple[str, float]], within: float) -> float:
        with self._lock:
            now = self._clock()
            turn = max([now, *(self._own.get(key, now) for key, _ in gaps)])
            if turn - now <= within:
                self._own = {key: at for key, at in self._own.items() if at > now}
                self._own.update((key, turn + gap) for key, gap in gaps)
        return turn - now
