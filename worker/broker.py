"""Where the broker is: the operator's Redis, or the Valkey in `ALERTA_HOME`."""

from __future__ import annotations

import hashlib
import tempfile
import urllib.parse
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.settings import Settings

#: `sun_path` holds 108 bytes with its terminator (unix(7)).
_LONGEST_SOCKET_PATH = 107


def socket_path(home: Path) -> Path:
    """Return where the embedded Valkey listens: in `home`, or, if that is too long, in /tmp."""
    path = home.resolve() / "valkey" / "valkey.sock"
    if len(bytes(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(bytes(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"alerta-{name}" / "valkey.sock"


def broker_url(settings: Settings) -> str:
    """Return the URL that Celery connects to. May hold a password."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    return "redis+socket://" + urllib.parse.quote(str(socket_path(settings.home)))


def broker_client(settings: Settings, *, timeout: float) -> Redis:
    """Return a client of the broker for a short question; close it.

    Args:
        settings: of this process.
        timeout: seconds to connect and to wait for an answer.
    """
    once = Retry(NoBackoff(), 0)  # its own ten tries would take seconds
    if settings.redis_url is None:
        path = str(socket_path(settings.home))
        return Redis(unix_socket_path=path, socket_timeout=timeout, retry=once)
    url = settings.redis_url.get_secret_value().replace("redis+socket://", "unix://", 1)
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once)


def answers(socket: Path) -> bool:
    """Whether a server answers on this Unix socket within a second."""
    client = Redis(unix_socket_path=str(socket), socket_timeout=1, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
