"""Where the broker is: the operator's Redis, or the Valkey in `ALERTA_HOME`."""

from __future__ import annotations

import hashlib
import tempfile
import urllib.parse
from pathlib import Path

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
