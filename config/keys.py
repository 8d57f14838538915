"""What the ring of keys locks, and where the ring comes from; `config.ring` says how it reads.

To rotate: `alerta keys rotate`, and `alerta keys drop` for a key under which nothing is sealed any
more. A process whose ring is a file learns of it by itself.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from billing.ports import SecretError
from config.ring import Ring, key_name, new_key, read_ring, split_entries
from config.ring_file import RingFile
from config.settings import PREFIX, Settings, SettingsError

__all__ = ["KEY_FILE", "Vault", "new_key", "open_vault", "ring_file"]

KEY_FILE = "secret.key"
#: Of a Fernet token: the authentication at its end, and the half of the key that makes it.
_TAG_BYTES, _SIGNING_BYTES = 32, 16


@dataclass(frozen=True, slots=True)
class _Locks:
    """What a ring is used as; replaced whole when the ring changes."""

    ring: Ring
    first: Fernet
    all: MultiFernet
    signing: tuple[tuple[str, bytes], ...]
    purposes: dict[str, bytes]


def _locks_of(ring: Ring) -> _Locks:
    fernets = [Fernet(key) for key in ring.opening]
    signing = tuple(
        (key_name(key), base64.urlsafe_b64decode(key)[:_SIGNING_BYTES]) for key in ring.opening
    )
    return _Locks(ring, fernets[0], MultiFernet(fernets), signing, {})


class Vault:
    """Encryption at rest (Fernet: AES-128-CBC + HMAC-SHA-256) and keyed hashes (HMAC-SHA-256).

    Args:
        ring: the entries of a ring, newest first.
        changed: returns the ring when it is another one than at the last question, else None;
            asked before anything is sealed, and when no key fits.

    Raises:
        SettingsError: if the ring cannot be used; no key is quoted.
    """

    def __init__(
        self, ring: list[str], *, changed: Callable[[], Ring | None] = lambda: None
    ) -> None:
        self._locks = _locks_of(read_ring(ring))
        self._changed = changed

    def __repr__(self) -> str:
        return "Vault(…)"

    @property
    def ring(self) -> Ring:
        """The keys that are in use now."""
        self._refresh()
        return self._locks.ring

    def seal(self, clear: str) -> str:
        """Encrypt under the first key of the ring."""
        return self.seal_bytes(clear.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt with whichever key fits.

        Raises:
            SecretError: if none does.
        """
        return self.open_bytes(sealed.encode()).decode()

    def seal_bytes(self, clear: bytes) -> bytes:
        """Encrypt under the first key of the ring."""
        self._refresh()
        return self._locks.first.encrypt(clear)

    def open_bytes(self, sealed: bytes) -> bytes:
        """Decrypt with whichever key fits, one that came into the ring meanwhile among them.

        Raises:
            SecretError: if none does.
        """
        try:
            return self._locks.all.decrypt(sealed)
        except InvalidToken:
            if self._refresh():
                return self.open_bytes(sealed)
            raise SecretError("no key of the ring opens this value") from None

    def key_of(self, sealed: str) -> str | None:
        """Return the name of the key under which a value is sealed; None = of none in the ring.

        A twentieth of the time that opening it takes: only its authentication is computed.
        """
        try:
            raw = base64.urlsafe_b64decode(sealed)
        except ValueError:
            return None
        signed, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        for name, key in self._locks.signing:
            if hmac.compare_digest(hmac.digest(key, signed, "sha256"), tag):
                return name
        return None

    def is_current(self, sealed: str) -> bool:
        """Whether a value is sealed under the first key."""
        self._refresh()
        return self.key_of(sealed) == self._locks.signing[0][0]

    def digest(self, clear: str, *, purpose: str) -> str:
        """Return a keyed hash (64 hex digits) of `clear`, separate for each purpose."""
        locks = self._locks
        key = locks.purposes.get(purpose)
        if key is None:
            hash_key = base64.urlsafe_b64decode(locks.ring.hash_key)
            key = hmac.digest(hash_key, b"alerta-internet/" + purpose.encode(), "sha256")
            locks.purposes[purpose] = key
        return hmac.digest(key, clear.encode(), "sha256").hex()

    def _refresh(self) -> bool:
        """Take a ring that changed; return whether it did."""
        ring = self._changed()
        if ring is None or ring == self._locks.ring:
            return False
        self._locks = _locks_of(ring)
        return True


def open_vault(settings: Settings) -> Vault:
    """This function will open the ring of keys, making the key file on the embedded default.

    Raises:
        SettingsError: if the key is missing where it is required, or malformed, or its file can be
            read by others.
    """
    file = ring_file(settings)
    if file is not None:
        return Vault(file.read().entries(), changed=file.changed)
    assert settings.secret_key is not None
    return Vault(split_entries(settings.secret_key.get_secret_value()))


def ring_file(settings: Settings) -> RingFile | None:
    """This function will return the file that holds the ring; None = it is in the environment.

    Raises:
        SettingsError: if the key file of the embedded default cannot be kept, or others can read
            it.
    """
    if settings.secret_key is None:
        return RingFile(_key_file(settings.home))
    path = os.environ.get(f"{PREFIX}SECRET_KEY_FILE")
    if not path:
        return None
    file = RingFile(Path(path))
    try:
        known = read_ring(split_entries(settings.secret_key.get_secret_value()))
        return file if file.read() == known else None
    except OSError:
        return None


def _key_file(home: Path) -> Path:
    path = home / KEY_FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, new_key() + "\n")
        if path.stat().st_mode & 0o077:
            raise SettingsError([f"{path}: others can read the key; run: chmod 600 {path}"])
        path.read_bytes()
    except OSError as error:
        raise SettingsError(
            [f"{PREFIX}HOME: cannot keep the key in {home}: {error.strerror}"]
        ) from None
    return path


def _write_once(path: Path, content: str) -> None:
    """Two processes may start at once: the first one's file stays, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
