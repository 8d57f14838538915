"""Where the broker is: the operator's Redis, or the Valkey in `ALERTA_HOME`."""

from __future__ import annotations

import threading
import urllib.parse
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from config.sentinels import SCHEME, Sentinels, parse_sentinels
from config.settings import Settings
from worker.sockets import reachable

#: Before every key of Celery's.
GLOBAL_PREFIX = "alerta:"


def socket_path(home: Path) -> Path:
    """Return where the embedded Valkey listens: in `home`, or, if that is too long, in /tmp."""
    return reachable(home.resolve() / "valkey" / "valkey.sock")


def broker_url(settings: Settings) -> str:
    """Return the URL that Celery connects to. May hold a password.

    kombu takes `rediss://` without options for "whatever certificate": we say what is meant.
    """
    if settings.redis_url is None:
        return "redis+socket://" + urllib.parse.quote(str(socket_path(settings.home)))
    url = settings.redis_url.get_secret_value()
    if url.startswith("rediss://") and "ssl_cert_reqs=" not in url:
        return url + ("&" if "?" in url else "?") + "ssl_cert_reqs=required"
    if url.startswith(SCHEME):
        return _celery_sentinels(parse_sentinels(url))
    return url


def transport_options(settings: Settings) -> dict[str, Any]:
    """Return what Celery must be told about the broker beside its URL."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    if not url.startswith(SCHEME):
        return {}
    sentinels = parse_sentinels(url)
    return {
        "master_name": sentinels.master,
        "sentinel_kwargs": {**_own_login(sentinels), "socket_timeout": 5},
    }


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
    waits: dict[str, Any] = {
        "socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": once,
    }  # fmt: skip
    if url.startswith(SCHEME):
        return _master(parse_sentinels(url), waits)
    return Redis.from_url(url, **waits)


class LateClient:
    """A client of the broker, made when it is first asked for: after a fork, once for all threads.

    Two that were made side by side would be one too many, and the one that is forgotten closes its
    connections, whoever is using them.

    Args:
        settings: say where the broker is.
        timeout: seconds to connect and to wait for an answer.
    """

    def __init__(self, settings: Settings, *, timeout: float) -> None:
        self._settings = settings
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Redis | None = None

    def __call__(self) -> Redis:
        """Return the client.

        Raises:
            ValueError: if the address of the broker cannot be read.
        """
        with self._lock:
            if self._client is None:
                self._client = broker_client(self._settings, timeout=self._timeout)
            return self._client

    def close(self) -> None:
        """Close its connections, if it was made."""
        if self._client is not None:
            self._client.close()


def _master(sentinels: Sentinels, waits: dict[str, Any]) -> Redis:
    """Return a client that asks, at each connection, who is the master now."""
    ask: Any = Sentinel  # redis-py types neither it nor what it returns
    found: Redis = ask(
        list(sentinels.hosts), sentinel_kwargs={**_own_login(sentinels), **waits}
    ).master_for(
        sentinels.master,
        db=sentinels.database,
        username=sentinels.username,
        password=sentinels.password,
        **waits,
    )
    return found


def _own_login(sentinels: Sentinels) -> dict[str, str]:
    login = {"username": sentinels.own_username, "password": sentinels.own_password}
    return {name: value for name, value in login.items() if value}


def _celery_sentinels(sentinels: Sentinels) -> str:
    quote = partial(urllib.parse.quote, safe="")
    login = ""
    if sentinels.password:
        login = f"{quote(sentinels.username or '')}:{quote(sentinels.password)}@"
    return ";".join(
        f"{SCHEME}{login}{f'[{host}]' if ':' in host else host}:{port}/{sentinels.database}"
        for host, port in sentinels.hosts
    )


def answers(socket: Path) -> bool:
    """Whether a server answers on this Unix socket within a second."""
    client = Redis(unix_socket_path=str(socket), socket_timeout=1, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
