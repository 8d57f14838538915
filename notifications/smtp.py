"""SMTP connections that are kept between messages, by sending account.

    Account     where to connect, and as whom
    TimeLimit   what is left of the time of one send
    Line        one connection, used by one thread at a time
    Lines       all connections of one process: lends lines, takes them back, closes them

A login with TLS takes half a dozen round trips and a message four, so at any volume most of the
time would go into saying hello; providers also count connections. A line is kept while it is fresh
and closed after a number of messages, as the providers do themselves. What a broken line means for
the message on it is judged in `dialogue.py`.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
import threading
import time
import weakref
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lines to one account at a time. Gmail and Microsoft allow more; a small ISP's server rarely does.
MOST_LINES = 4
#: Messages on one line. Postfix offers no limit, Exchange Online and Gmail close near a hundred.
MOST_MESSAGES = 100
#: Seconds that an idle line is kept; servers must wait five minutes (RFC 5321, 4.5.3.2.7), and the
#: shortest that are met in practice (SES, Postfix under stress) wait ten seconds to one minute.
IDLE_SECONDS = 30.0
_QUIT_SECONDS = 2.0

#: What smtplib raises where a line breaks or makes no sense.
BROKEN = (OSError, smtplib.SMTPException)


class Security(StrEnum):
    """How a line is encrypted."""

    PLAIN = "plain"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where to connect, and as whom: lines are shared by what is equal in all of it."""

    host: str
    port: int
    security: Security
    verify: bool
    own_name: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class NoLineError(Exception):
    """Every line to this account is in use, and none came back in time."""


class TimeLimit:
    """The time of one send, out of which every step of it is paid.

    Args:
        connect: seconds to reach the server.
        read: seconds to wait for each of its answers.
        total: seconds for everything.
    """

    def __init__(self, *, connect: float, read: float, total: float) -> None:
        self._connect, self._read = connect, read
        self._ends_at = time.monotonic() + total

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: if there are none.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def to_connect(self) -> float:
        """Return the seconds that connecting may take from now."""
        return min(self._connect, self.left())

    def to_read(self) -> float:
        """Return the seconds that one answer may take from now."""
        return min(self._read, self.left())


class Line:
    """One connection, logged in.

    Attributes:
        carried: messages that it was lent for before; if any, it may have been closed meanwhile.
        usable: False once nothing more may be said on it.
    """

    def __init__(self, account: Account, server: smtplib.SMTP) -> None:
        self.account = account
        self.server = server
        self.carried = 0
        self.usable = True
        self.idle_since = time.monotonic()

    def pace(self, seconds: float) -> None:
        """Let no single wait on the line be longer.

        Raises:
            SMTPServerDisconnected: if it is closed.
        """
        if self.server.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        self.server.sock.settimeout(seconds)

    def is_quiet(self) -> bool:
        """Whether the server neither closed the idle line nor said something unasked on it.

        Something unasked (421 before closing, or an answer too many) would be taken for the answer
        to the next command.
        """
        sock, buffered = self.server.sock, self.server.file
        if sock is None:
            return False
        sock.settimeout(0)
        try:
            if not isinstance(sock, ssl.SSLSocket):
                with suppress(BlockingIOError):
                    sock.recv(1, socket.MSG_PEEK)
                    return False
            return buffered is None or not buffered.peek(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False

    def kill(self) -> None:
        """Wake whoever waits on the line in another thread; they find it broken."""
        self.usable = False
        sock = self.server.sock
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which changes what the other thread is reading from.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close without a word."""
        self.usable = False
        with suppress(*BROKEN):
            self.server.close()

    def close(self) -> None:
        """Say QUIT and close (RFC 5321, 4.1.1.10), at most two seconds."""
        if self.usable:
            with suppress(*BROKEN):
                self.pace(_QUIT_SECONDS)
                self.server.quit()
        self.drop()


class Lines:
    """The connections of this process; safe to use from several threads.

    A line belongs to one thread while it is lent. A forked child begins without any.

    Args:
        most: lines to one account at a time; who comes later waits for one.
        messages: after so many a line is closed.
        idle: seconds after which a line that nobody uses is closed.
    """

    def __init__(
        self,
        *,
        most: int = MOST_LINES,
        messages: int = MOST_MESSAGES,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._most, self._messages, self._idle_seconds = most, messages, idle
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._closed = False
        self._forget()
        _all_lines.add(self)

    def _forget(self) -> None:
        """Begin anew: in a forked child the old locks may be held by nobody that lives."""
        self._lock = threading.Lock()
        self._came_back = threading.Condition(self._lock)
        self._to_tidy = threading.Condition(self._lock)
        self._idle: dict[Account, list[Line]] = {}
        self._lent: Counter[Account] = Counter()
        self._janitor: threading.Thread | None = None

    @contextmanager
    def lend(
        self, account: Account, time_limit: TimeLimit, *, fresh: bool = False, keep: bool = True
    ) -> Iterator[Line]:
        """Lend a line to this thread, an idle one or a new one.

        Args:
            account: whose.
            time_limit: of the send; waiting for a line and connecting are paid from it.
            fresh: whether to open a new one; the idle ones of this account are closed then.
            keep: whether the line is worth keeping afterwards.

        Raises:
            NoLineError: if all are in use until half of the time is over; the rest would be short.
            OSError, SMTPException: if no line can be opened; nothing was sent.
        """
        line = self._take(account, time_limit, fresh=fresh)
        try:
            if line is None:
                line = self._open(account, time_limit)
            yield line
        except BaseException:
            if line is not None:
                line.usable = False
            raise
        finally:
            self._give_back(account, line, keep=keep)

    def close(self) -> None:
        """Close the idle lines; those that are lent are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, {}
            self._to_tidy.notify_all()
        for line in (line for lines in idle.values() for line in lines):
            line.close()

    def _take(self, account: Account, time_limit: TimeLimit, *, fresh: bool) -> Line | None:
        """Return an idle line, or None for leave to open one; either counts as lent."""
        given_up = time.monotonic() + time_limit.left() / 2
        leave: list[Line] = []
        try:
            with self._lock:
                while True:
                    idle = self._idle.get(account, [])
                    while idle:
                        line = idle.pop()  # the last one used is the likeliest to live
                        line.usable = not fresh and line.is_quiet()
                        if not line.usable or self._is_over(line):
                            leave.append(line)
                            continue
                        self._lent[account] += 1
                        return line
                    if self._lent[account] < self._most:
                        self._lent[account] += 1
                        return None
                    if not self._came_back.wait(given_up - time.monotonic()):
                        raise NoLineError
        finally:
            for line in leave:
                line.close()

    def _give_back(self, account: Account, line: Line | None, *, keep: bool) -> None:
        if line is not None:
            line.carried += 1
        with self._lock:
            kept = (
                keep
                and not self._closed
                and line is not None
                and line.usable
                and line.carried < self._messages
            )
            self._lent[account] -= 1
            if not self._lent[account]:
                del self._lent[account]
            if kept and line is not None:
                line.idle_since = time.monotonic()
                self._idle.setdefault(account, []).append(line)
                if self._janitor is None:
                    self._janitor = threading.Thread(
                        target=self._tidy, name="smtp-janitor", daemon=True
                    )
                    self._janitor.start()
            self._came_back.notify()
        if line is not None and not kept:
            line.close()

    def _is_over(self, line: Line) -> bool:
        return time.monotonic() - line.idle_since >= self._idle_seconds

    def _tidy(self) -> None:
        """Close lines as they get old, until none is left."""
        while True:
            with self._lock:
                over = [
                    line for lines in self._idle.values() for line in lines if self._is_over(line)
                ]
                self._idle = {
                    account: kept
                    for account, lines in self._idle.items()
                    if (kept := [line for line in lines if line not in over])
                }
                if not over:
                    if not self._idle:
                        self._janitor = None
                        return
                    oldest = min(line.idle_since for ls in self._idle.values() for line in ls)
                    self._to_tidy.wait(max(0.001, oldest + self._idle_seconds - time.monotonic()))
            for line in over:
                line.close()

    def _open(self, account: Account, time_limit: TimeLimit) -> Line:
        timeout = time_limit.to_connect()
        server: smtplib.SMTP
        if account.security is Security.TLS:
            server = smtplib.SMTP_SSL(
                account.host,
                account.port,
                account.own_name,
                timeout=timeout,
                context=self._context(account),
            )
        else:
            server = smtplib.SMTP(account.host, account.port, account.own_name, timeout=timeout)
        line = Line(account, server)
        try:
            assert server.sock is not None
            # The closing dot must not wait for the acknowledgement of what went before it.
            server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.pace(time_limit.to_read())
            server.ehlo_or_helo_if_needed()
            if account.security is Security.STARTTLS:
                server.starttls(context=self._context(account))
                line.pace(time_limit.to_read())
                server.ehlo_or_helo_if_needed()
            if account.user and account.password:
                line.pace(time_limit.to_read())
                server.login(account.user, account.password)
        except BaseException:
            line.drop()
            raise
        return line

    def _context(self, account: Account) -> ssl.SSLContext:
        """Return the TLS settings; reading the system's certificates takes 20 to 60 ms, once."""
        context = self._contexts.get(account.verify)
        if context is None:
            context = ssl.create_default_context()
            if not account.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._contexts[account.verify] = context
        return context

    def after_fork(self) -> None:
        """Let go of what belongs to the parent, without a word on its lines."""
        inherited = self._idle
        self._forget()
        for line in (line for lines in inherited.values() for line in lines):
            line.drop()


_all_lines: weakref.WeakSet[Lines] = weakref.WeakSet()


def _after_fork() -> None:
    for lines in list(_all_lines):
        lines.after_fork()


os.register_at_fork(after_in_child=_after_fork)
