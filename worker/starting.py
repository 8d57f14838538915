"""What must be right before the daemon starts: each that is not is one line that says what to do.

require_home      ALERTA_HOME can be written, and has room
require_broker    an own broker answers and keeps what it is given
only_daemon       no other daemon works for this SQLite file
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from sqlalchemy.engine import make_url

from config.settings import Settings
from tasks import queues
from worker.broker import broker_client
from worker.errors import NotReadyError

log = structlog.get_logger()

#: Bytes that must be free: rows, the broker's file and logs of some minutes.
_ROOM = 16 * 1024**2
#: Seconds that a broker has to come up beside us, as at the start of a machine.
BROKER_WITHIN = 15.0
_ASK_AGAIN = 0.5
#: Whoever runs one of these for an SQLite file holds a byte of its lock.
_PARTS = ("beat", *queues.QUEUES)
_WHY = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "its quota is used up: make room",
    errno.EROFS: "it is mounted read-only: mount it writable, or set another ALERTA_HOME",
    errno.EACCES: "it belongs to somebody else: run as its owner, or chown it",
    errno.EPERM: "it belongs to somebody else: run as its owner, or chown it",
    errno.ENOTDIR: "it is no folder: set another ALERTA_HOME",
}


def require_home(settings: Settings) -> None:
    """This function will write to `ALERTA_HOME`, and see that there is room.

    Raises:
        NotReadyError: saying why it cannot be used.
    """
    home = settings.home
    probe = home / f".probe-{os.getpid()}"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with probe.open("wb") as file:
                file.write(bytes(65_536))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
        status = os.statvfs(home)
    except OSError as error:
        why = _WHY.get(error.errno or 0, f"{error.strerror}: set another ALERTA_HOME")
        raise NotReadyError(f"ALERTA_HOME ({home}) cannot be written: {why}") from None
    if (free := status.f_bavail * status.f_frsize) < _ROOM:
        raise NotReadyError(
            f"the disk of ALERTA_HOME ({home}) is full: {free / 1024**2:.1f} MB free; make room"
        )


def require_broker(
    settings: Settings,
    *,
    within: float = BROKER_WITHIN,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """This function will wait for a broker of one's own, and see that it throws nothing away.

    Args:
        settings: of this process.
        within: seconds that it may take to answer.
        clock: seconds that only go forward.
        sleep: waits that many seconds.

    Raises:
        NotReadyError: if it does not answer, refuses us, or evicts any key it likes.
    """
    if settings.embedded_broker:
        return
    ends = clock() + within
    while True:
        try:
            policy = _policy(settings)
            break
        except NoPermissionError:
            raise NotReadyError(
                "the broker's user may not do what we need: give it +@all on ~alerta:* (ACL "
                "SETUSER), and -@dangerous +info if you like"
            ) from None
        except AuthenticationError:
            raise NotReadyError(
                "the broker refuses the login: check user and password in ALERTA_REDIS_URL"
            ) from None
        except (RedisError, OSError, ValueError) as error:
            if clock() >= ends:
                raise NotReadyError(
                    f"the broker does not answer ({plain_broker_error(error)}): check "
                    "ALERTA_REDIS_URL and whether the server runs"
                ) from None
            sleep(_ASK_AGAIN)
    if policy.startswith("allkeys"):
        raise NotReadyError(
            f"the broker evicts keys ({policy}), so messages get lost silently: "
            "set maxmemory-policy noeviction"
        )
    if policy != "noeviction":
        log.warning("broker.evicts", policy=policy, mend="set maxmemory-policy noeviction")


def _policy(settings: Settings) -> str:
    client = broker_client(settings, timeout=5)
    try:
        told: dict[str, Any] = client.info("memory")
        return str(told.get("maxmemory_policy", "noeviction"))
    finally:
        client.close()


def plain_broker_error(error: Exception) -> str:
    """Return what is wrong with a broker, without its address, which may hold a password."""
    said = str(error).lower()
    for word, plain in (
        ("certificate", "its certificate is not valid for this name and ssl_ca_certs"),
        ("refused", "connection refused"),
        ("timed out", "no answer in time"),
        ("timeout", "no answer in time"),
        ("name or service", "its host is unknown"),
        ("name resolution", "its host is unknown"),
        ("no master", "the sentinels know no such master"),
        ("ssl", "no secure connection"),
    ):
        if word in said:
            return plain
    return type(error).__name__


@contextmanager
def only_daemon(settings: Settings, parts: Sequence[str]) -> Iterator[None]:
    """Work for an SQLite file as the only daemon that does these parts of the work.

    Several daemons need PostgreSQL: they would only wait for each other's locks, and two hosts on
    one file may destroy it. The lock goes with this process, however it ends.

    Args:
        settings: of this process.
        parts: "beat" and names of queues.

    Raises:
        NotReadyError: if another daemon does one of them.
    """
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    path = Path(url.database).resolve().with_name(Path(url.database).name + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for part in parts:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _PARTS.index(part))
            except OSError:
                raise NotReadyError(
                    f"another daemon works for {url.database} already ({part}): stop that one, "
                    "or use PostgreSQL for several (ALERTA_DATABASE_URL)"
                ) from None
        yield
    finally:
        os.close(descriptor)
