"""Invoice PDFs on disk for a while, so that several messages about one invoice fetch it once.

Encrypted with the ring, each in a file named by a keyed hash of the invoice and its version: an
invoice that changed is another paper. The shelf is bounded in size and age, and losing it costs
one request to Wispro each.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog

from billing.ports import SecretError

log = structlog.get_logger()

#: Bytes on disk; a month of an ISP of 3 000 customers at 80 kB.
MOST_BYTES = 256 * 2**20
#: Seconds. The reminders of one invoice follow each other within days.
LONGEST = 7 * 86_400
#: Papers laid down by one process between two looks at the size of the shelf.
_LOOK_EVERY = 64
#: Of a keyed hash, in the name of a file.
_DIGITS = 24
#: A shelf that is too full is emptied to this share of its size.
_KEEP = 0.8


class BytesVault(Protocol):
    """What seals papers."""

    def seal_bytes(self, clear: bytes) -> bytes:
        """Encrypt under the first key of the ring."""
        ...

    def open_bytes(self, sealed: bytes) -> bytes:
        """Decrypt with whichever key fits. Raises `SecretError`."""
        ...

    def digest(self, clear: str, *, purpose: str) -> str:
        """Return a keyed hash."""
        ...


class Shelf:
    """Keeps papers; never raises: what it cannot keep or read is fetched again.

    Args:
        folder: made at the first paper, readable by us alone.
        vault: seals what is kept.
        most_bytes: the size of the whole shelf.
        clock: seconds since 1970, as the file system counts.
    """

    def __init__(
        self,
        folder: Path,
        vault: BytesVault,
        *,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._vault = vault
        self._most = most_bytes
        self._clock = clock
        self._laid = 0

    def take(self, name: str) -> bytes | None:
        """Return a paper, or None where it is not there, too old, or cannot be read."""
        path = self._path(name)
        try:
            if self._clock() - path.stat().st_mtime > LONGEST:
                path.unlink(missing_ok=True)
                return None
            return self._vault.open_bytes(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, SecretError):  # torn, or sealed by a key that was dropped
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None

    def lay(self, name: str, paper: bytes) -> None:
        """Keep a paper, whole or not at all; make room now and then."""
        try:
            self._make_folder()
            handle, temporary = tempfile.mkstemp(prefix=".", dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self._vault.seal_bytes(paper))
                os.replace(temporary, self._path(name))  # noqa: PTH105 - the name is a text
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)  # noqa: PTH108 - likewise
                raise
        except OSError as error:
            log.warning("shelf.full", why=error.strerror)
            self.tidy()
            return
        self._laid += 1
        if self._laid % _LOOK_EVERY == 0:
            self.tidy()

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            return
        if os.geteuid() == 0:  # a command by hand; the daemon is not root
            owner = self._folder.parent.stat()
            os.chown(self._folder, owner.st_uid, owner.st_gid)

    def about(self, subject: str) -> list[bytes]:
        """Return every paper about one invoice ("ISP|INVOICE"), whatever its version."""
        found = []
        for path in self._papers_about(subject):
            with suppress(OSError, SecretError):
                found.append(self._vault.open_bytes(path.read_bytes()))
        return found

    def forget(self, subject: str) -> int:
        """Drop every paper about one invoice; return how many there were."""
        paths = self._papers_about(subject)
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return len(paths)

    def tidy(self) -> None:
        """Drop what is too old, and the oldest papers of a shelf that is too full."""
        kept: list[tuple[float, int, Path]] = []
        with suppress(OSError):
            for entry in os.scandir(self._folder):
                with suppress(OSError):
                    known = entry.stat()
                    if self._clock() - known.st_mtime > LONGEST:
                        os.unlink(entry.path)  # noqa: PTH108 - likewise
                    else:
                        kept.append((known.st_mtime, known.st_size, Path(entry.path)))
        size = sum(one[1] for one in kept)
        if size <= self._most:
            return
        for _, bytes_of_one, path in sorted(kept):
            with suppress(OSError):
                path.unlink(missing_ok=True)
            size -= bytes_of_one
            if size <= self._most * _KEEP:
                break

    def _path(self, name: str) -> Path:
        """The invoice first, so that all of its papers are found, and then the version."""
        return self._folder / (self._of("|".join(name.split("|")[:2])) + self._of(name))

    def _papers_about(self, subject: str) -> list[Path]:
        return sorted(self._folder.glob(f"{self._of(subject)}*"))

    def _of(self, text: str) -> str:
        return self._vault.digest(text, purpose="paper")[:_DIGITS]
