"""The ring of keys, and what it locks.

The first key seals, every key opens, the last one makes the keyed hashes. To rotate: put a new key
in front, run `alerta keys reseal`, and drop the old one once nothing is sealed under it.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from billing.ports import SecretError
from config.settings import PREFIX, Settings, SettingsError

KEY_FILE = "secret.key"


def new_key() -> str:
    """Return a fresh key: 32 random bytes, URL-safe base64 (the form that Fernet takes)."""
    return Fernet.generate_key().decode()


class Vault:
    """Encryption at rest (Fernet: AES-128-CBC + HMAC-SHA-256) and keyed hashes (HMAC-SHA-256).

    Args:
        ring: one or more keys as made by `new_key`, newest first.

    Raises:
        SettingsError: if a key is not 32 bytes of URL-safe base64; no key is quoted.
    """

    def __init__(self, ring: list[str]) -> None:
        if not ring:
            raise SettingsError([f"{PREFIX}SECRET_KEY: no key in it"])
        try:
            fernets = [Fernet(key) for key in ring]
        except ValueError:
            raise SettingsError(
                [f"{PREFIX}SECRET_KEY: each key must be 32 bytes in URL-safe base64"]
            ) from None
        self._first = fernets[0]
        self._ring = MultiFernet(fernets)
        self._hash_key = base64.urlsafe_b64decode(ring[-1])
        self._purpose_keys: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "Vault(…)"

    def seal(self, clear: str) -> str:
        """Encrypt under the first key of the ring."""
        return self._first.encrypt(clear.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt with whichever key fits.

        Raises:
            SecretError: if none does.
        """
        try:
            return self._ring.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SecretError("no key of the ring opens this value") from None

    def seal_bytes(self, clear: bytes) -> bytes:
        """Encrypt under the first key of the ring."""
        return self._first.encrypt(clear)

    def open_bytes(self, sealed: bytes) -> bytes:
        """Decrypt with whichever key fits.

        Raises:
            SecretError: if none does.
        """
        try:
            return self._ring.decrypt(sealed)
        except InvalidToken:
            raise SecretError("no key of the ring opens this value") from None

    def is_current(self, sealed: str) -> bool:
        """Whether a value is sealed under the first key."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def digest(self, clear: str, *, purpose: str) -> str:
        """Return a keyed hash (64 hex digits) of `clear`, separate for each purpose."""
        key = self._purpose_keys.get(purpose)
        if key is None:
            key = hmac.digest(self._hash_key, b"alerta-internet/" + purpose.encode(), "sha256")
            self._purpose_keys[purpose] = key
        return hmac.digest(key, clear.encode(), "sha256").hex()


def open_vault(settings: Settings) -> Vault:
    """This function will open the ring of keys, making the key file on the embedded default.

    Raises:
        SettingsError: if the key is missing where it is required, or malformed, or its file can be
            read by others.
    """
    if settings.secret_key is not None:
        return Vault(re.split(r"[,\s]+", settings.secret_key.get_secret_value().strip()))
    return Vault(_key_file(settings.home).split())


def _key_file(home: Path) -> str:
    path = home / KEY_FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, new_key() + "\n")
        if path.stat().st_mode & 0o077:
            raise SettingsError([f"{path}: others can read the key; run: chmod 600 {path}"])
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: holds something else than keys"]) from None
    except OSError as error:
        raise SettingsError(
            [f"{PREFIX}HOME: cannot keep the key in {home}: {error.strerror}"]
        ) from None


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
