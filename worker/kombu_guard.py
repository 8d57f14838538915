"""Keep the worker alive when Valkey restarts (kombu 5.7.0).

Since celery 5.7.0 (its pull request 10242) a lost connection is collected and then closed. If the
first close died in the middle, the channel still restores its unacked messages through a transport
that has no client any more, and an AttributeError ends the worker's main process. Raised as a
connection error instead, kombu itself swallows it; the message comes back by visibility timeout.
`tests/integration/processes/test_broker_restart.py` fails without this guard.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError


def install() -> None:
    """This function will guard kombu's Redis channel, once."""
    channel: Any = kombu_redis.Channel
    if getattr(channel, "_alerta_guarded", False):
        return
    original = channel._connparams  # noqa: SLF001 - there is no public place to stand

    def _connparams(self: Any, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("transport already collected")
        return original(self, asynchronous)

    channel._connparams = _connparams  # noqa: SLF001
    channel._alerta_guarded = True  # noqa: SLF001
