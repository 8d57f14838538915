"""The file of the ring: a change by another process is noticed, and ours is whole or none."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from config.ring import Ring, read_ring, split_entries
from config.settings import MAX_SECRET_FILE_BYTES, SettingsError

log = structlog.get_logger()

#: What tells whether a file is still the one that was read: it is only ever replaced.
_Mark = tuple[int, int, int, int]


class RingFile:
    """A file that holds a ring.

    Args:
        path: of the file, which is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark: _Mark | None = None

    def read(self) -> Ring:
        """Return the ring as it is now.

        Raises:
            SettingsError: if the file holds something else.
            OSError: if it cannot be read.
        """
        mark = self._look()
        try:
            with self.path.open(encoding="ascii") as file:
                ring = read_ring(split_entries(file.read(MAX_SECRET_FILE_BYTES)))
        except UnicodeDecodeError:
            raise SettingsError([f"{self.path}: holds something else than keys"]) from None
        self._mark = mark
        return ring

    def changed(self) -> Ring | None:
        """Return the ring if the file was replaced since it was read, else None.

        A file that is away or cannot be used changes nothing: this process goes on with what it
        knows, and says so once.
        """
        try:
            mark = self._look()
            if mark == self._mark:
                return None
            self._mark = mark
            return self.read()
        except (OSError, SettingsError):
            if self._mark is not None:
                log.warning("keys.file_unusable", file=str(self.path))
            self._mark = None
            return None

    def change(self, to: Callable[[Ring], Ring]) -> Ring:
        """Replace the ring by what comes of it, and return that; one process does so at a time.

        Owner and mode stay: whoever reads the file now goes on reading it.

        Raises:
            OSError: if it cannot be written; it is as before then.
        """
        with self._alone():
            ring = to(self.read())
            self._replace("".join(f"{entry}\n" for entry in ring.entries()))
        return ring

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _replace(self, content: str) -> None:
        former = self.path.stat()
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(content)
                os.fchmod(file.fileno(), former.st_mode & 0o777)
                if (former.st_uid, former.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), former.st_uid, former.st_gid)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _look(self) -> _Mark:
        known = self.path.stat()
        return known.st_ino, known.st_mtime_ns, known.st_size, known.st_ctime_ns
