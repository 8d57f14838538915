"""The daemon's side: everything is loaded once, and each command is a copy of this process.

A copy has the caller's words, environment and streams, and our user. It ends when the caller goes
away, as by Ctrl-C. What is newer on disk than in memory is not answered: the caller's own process
loads what is there.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

import structlog

from config.settings import Settings
from worker import logs
from worker.loading import ROOMS, load_rooms
from worker.reception import wire

log = structlog.get_logger()

#: Commands that are under way at once; whoever comes then does it by itself.
_MOST = 16
#: Seconds between two looks whether we are to stop, or may begin.
_LOOK = 0.5
#: Seconds for a caller to say what it wants.
_PATIENCE = 5.0
#: Seconds that commands have to end once we are told to stop; the supervisor waits 20.
_TO_END = 15.0
#: What commands are made of; they themselves are made anew for each terminal.
_THEIRS = (
    "psycopg", "rich.live", "rich.progress", "rich.table", "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite", "typer", "typer.core",
)  # fmt: skip


class Reception:
    """Answers at the socket of one home until it is told to stop.

    Args:
        settings: of the daemon; commands have those of their callers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = wire.socket_of(settings.home)
        self._under_way: set[int] = set()
        self._stopping = False
        self._code = ""
        self._lock: IO[str]

    def serve(self) -> None:
        """Answer until SIGTERM or SIGINT; then let what is under way end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._code = _code_on_disk()
        _load()
        try:
            with self._alone():
                if not self._stopping:
                    self._answer()
        except OSError as error:  # a file system without sockets, say: trying again mends nothing
            log.warning(
                "reception.closed",
                place=str(self._place),
                why=error.strerror,
                mend="see to it and restart the daemon, or set ALERTA_RECEPTION=no",
            )
        while not self._stopping:
            time.sleep(_LOOK)
        self._let_end()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other reception of this home answers."""
        self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._place.with_suffix(".lock").open("w") as lock:
            self._lock = lock
            while not self._stopping:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_LOOK)
                else:
                    break
            yield

    def _answer(self) -> None:
        unborn = self._place.with_suffix(".new")
        unborn.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(unborn))
            unborn.chmod(0o600)
            door.listen(_MOST)
            door.settimeout(_LOOK)
            unborn.rename(self._place)  # whoever finds it can connect
            log.info("reception.open")
            try:
                while not self._stopping:
                    self._bury_the_dead()
                    try:
                        caller, _ = door.accept()
                    except TimeoutError:
                        continue
                    except OSError:  # too many files are open, say: it passes
                        time.sleep(_LOOK)
                        continue
                    with caller:
                        self._take(caller, door)
            finally:
                self._place.unlink(missing_ok=True)

    def _take(self, caller: socket.socket, door: socket.socket) -> None:
        if len(self._under_way) >= _MOST:
            return
        try:
            child = os.fork()
        except OSError as error:  # no room for another process: the caller does it by itself
            log.warning("reception.full", why=error.strerror)
            return
        if child:
            self._under_way.add(child)
            return
        door.close()
        os.close(self._lock.fileno())  # whoever takes over does not wait for a command to end
        try:
            _attend(caller, self._settings, self._code)
        except (OSError, ValueError) as error:  # it went away, or is none of ours
            log.debug("reception.left", why=type(error).__name__)
        except BaseException:  # noqa: BLE001 - nothing of a copy goes on as the reception
            traceback.print_exc()
        finally:
            os._exit(0)

    def _bury_the_dead(self) -> None:
        for child in tuple(self._under_way):
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG) == (0, 0):
                    continue
            self._under_way.discard(child)

    def _let_end(self) -> None:
        until = time.monotonic() + _TO_END
        while self._under_way and time.monotonic() < until:
            self._bury_the_dead()
            time.sleep(0.05)


def _attend(caller: socket.socket, settings: Settings, code: str) -> None:
    """Be the command that a caller asks for; returns if it is not to be done here."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        signal.signal(number, handler)
    if wire.user_of_peer(caller) not in {0, os.getuid()}:
        return
    caller.settimeout(_PATIENCE)
    length = int.from_bytes(wire.receive(caller, wire.HEAD), "big")
    if length > wire.LONGEST:
        return
    words, folder, environment = json.loads(wire.receive(caller, length))
    if not wire.is_answered(words) or _code_on_disk() != code:
        return
    caller.sendall(wire.TAKEN)
    said, streams, _, _ = socket.recv_fds(caller, 1, 3)
    if said != wire.GO or len(streams) != 3:
        return
    caller.settimeout(None)
    _do(caller, words, folder, environment, streams, settings)


def _do(
    caller: socket.socket,
    words: list[str],
    folder: str,
    environment: dict[str, str],
    streams: list[int],
    settings: Settings,
) -> NoReturn:
    begun = time.monotonic()
    ours = os.dup(2)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    try:
        os.chdir(folder)
    except OSError:  # of the caller alone; no path that matters is relative (`asking.py`)
        os.chdir("/")
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, how, encoding="utf-8", errors=errors, buffering=1, closefd=False)  # noqa: SIM115
        for number, how, errors in (
            (0, "r", "strict"),
            (1, "w", "strict"),
            (2, "w", "backslashreplace"),
        )
    )
    sys.argv = ["alerta", *words]
    answered = threading.Event()
    threading.Thread(target=_end_without_caller, args=(caller, answered), daemon=True).start()
    code = _run()
    answered.set()
    with suppress(OSError):
        caller.sendall(bytes([code]))
    os.dup2(ours, 2)
    logs.configure(settings)
    log.info(
        "reception.answered",
        command=" ".join(words[: 2 if wire.ANSWERED[words[0]] else 1]),
        code=code,
        ms=round((time.monotonic() - begun) * 1000),
    )
    os._exit(0)


def _run() -> int:
    """Run the command as an interpreter would; return its exit code."""
    from worker.cli.main import main  # noqa: PLC0415 - made for this command's terminal

    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = 0 if end.code is None else end.code
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - as an interpreter would end
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return code & 0xFF if isinstance(code, int) else 1


def _end_without_caller(caller: socket.socket, answered: threading.Event) -> None:
    """Interrupt the command when its caller is gone."""
    with suppress(OSError):
        caller.recv(1)
    if not answered.is_set():
        os.kill(os.getpid(), signal.SIGINT)


def _load() -> None:
    """Load what commands need, and let copies share it."""
    for name in _THEIRS:
        import_module(name)
    load_rooms()


def _code_on_disk() -> str:
    """Return what changes when any of our files does."""
    newest, count = 0, 0
    for room in (*ROOMS, "tasks", "worker"):
        top = Path(str(import_module(room).__path__[0]))
        for folder, _, names in os.walk(top):
            for name in names:
                if not name.endswith(".pyc"):
                    count += 1
                    newest = max(newest, Path(folder, name).stat().st_mtime_ns)
    return f"{count} {newest}"
