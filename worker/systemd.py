"""Tell systemd how the daemon is (sd_notify(3)): ready, alive, stopping; nothing where none asks.

The protocol is a datagram with lines on the socket in NOTIFY_SOCKET: fifteen lines, so no library.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

#: Of the time that systemd waits for a sign of life, the share after which the next one is given.
_SHARE = 0.4


class Systemd:
    """Speaks to systemd, as this process was started by it.

    Args:
        environment: where systemd says how to be spoken to.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        wanted = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every = int(wanted) / 1e6 * _SHARE if wanted.isdigit() and for_us else None
        self._clock = clock
        self._ready = False
        self._beaten_at: float | None = None
        self._status = ""

    def beat(self, *, ready: bool, healthy: bool, status: str) -> None:
        """Say what is new, and give a sign of life in time; call it often.

        Args:
            ready: whether everything has started.
            healthy: whether it does its work; who is not gives no sign of life, and is restarted.
            status: one line for people.
        """
        lines = []
        if ready and not self._ready:
            self._ready = True
            lines.append("READY=1")
        if status != self._status:
            self._status = status
            lines.append(f"STATUS={status}")
        now = self._clock()
        if (
            self._every is not None
            and healthy
            and (self._beaten_at is None or now - self._beaten_at >= self._every)
        ):
            self._beaten_at = now
            lines.append("WATCHDOG=1")
        self._say(lines)

    def stopping(self) -> None:
        """Say that we end."""
        self._say(["STOPPING=1", "STATUS=stopping: what is under way is finished"])

    def _say(self, lines: list[str]) -> None:
        if not lines or not self._address:
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker,
        ):
            speaker.settimeout(1)
            speaker.sendto("\n".join(lines).encode(), address)
