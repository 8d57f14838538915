"""The ring of keys as text: which key seals, which ones open, and which makes the keyed hashes.

Entries are separated by blanks, lines or commas, the newest first:

    KEY          the first of these seals, each of them opens
    next:KEY     opens only, until every process knows it and it is put in front
    hash:KEY     makes the keyed hashes, opens nothing; without it the last KEY makes them

The hashes find customers again by what they are known by, so their key survives every rotation
(docs/decisions/0026).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, replace

from cryptography.fernet import Fernet

from config.settings import PREFIX, SettingsError

_NEXT, _HASH = "next:", "hash:"
_KEY_BYTES = 32
#: Enough to tell the keys of a ring apart, and nothing about any of them.
_NAME_DIGITS = 8


def new_key() -> str:
    """Return a fresh key: 32 random bytes, URL-safe base64 (the form that Fernet takes)."""
    return Fernet.generate_key().decode()


def key_name(key: str) -> str:
    """Return what a key is called where people read it: the beginning of a hash of it."""
    named = hmac.digest(base64.urlsafe_b64decode(key), b"alerta-internet/key-name", "sha256")
    return named.hex()[:_NAME_DIGITS]


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys that are in use.

    Args:
        keys: newest first; the first seals, each opens.
        hash_key: makes the keyed hashes.
        following: the key that is to seal once every process knows it; opens already.
    """

    keys: tuple[str, ...]
    hash_key: str
    following: str | None = None

    def __repr__(self) -> str:
        return f"Ring({', '.join(key_name(key) for key in self.opening)})"

    @property
    def opening(self) -> tuple[str, ...]:
        """Every key that opens."""
        return self.keys if self.following is None else (*self.keys, self.following)

    def rotated(self, key: str) -> Ring:
        """Return the ring in which a key seals from now on."""
        return Ring((key, *self.keys), self.hash_key)

    def prepared(self, key: str) -> Ring:
        """Return the ring in which a key opens, and is to seal next."""
        return replace(self, following=key)

    def without(self, name: str) -> Ring:
        """Return the ring that no key of this name opens; the hashes stay.

        Raises:
            KeyError: if there is none, or it is the one that seals.
        """
        if self.following is not None and key_name(self.following) == name:
            return replace(self, following=None)
        kept = (self.keys[0], *(key for key in self.keys[1:] if key_name(key) != name))
        if len(kept) == len(self.keys):
            raise KeyError(name)
        return replace(self, keys=kept)

    def entries(self) -> list[str]:
        """Return the entries as `read_ring` reads them."""
        following = [] if self.following is None else [f"{_NEXT}{self.following}"]
        return [*self.keys, *following, f"{_HASH}{self.hash_key}"]


def read_ring(entries: list[str]) -> Ring:
    """This function will read the entries of a ring.

    Args:
        entries: each as above.

    Raises:
        SettingsError: if a key is not 32 bytes of URL-safe base64, or none seals, or two make the
            hashes; no key is quoted.
    """
    keys, following, hashing = [], [], []
    for entry in entries:
        if entry.startswith(_NEXT):
            following.append(entry.removeprefix(_NEXT))
        elif entry.startswith(_HASH):
            hashing.append(entry.removeprefix(_HASH))
        else:
            keys.append(entry)
    if not keys:
        raise SettingsError([f"{PREFIX}SECRET_KEY: no key in it"])
    if len(following) > 1 or len(hashing) > 1:
        raise SettingsError([f"{PREFIX}SECRET_KEY: at most one {_NEXT} and one {_HASH} entry"])
    if not all(_is_key(one) for one in (*keys, *following, *hashing)):
        raise SettingsError([f"{PREFIX}SECRET_KEY: each key must be 32 bytes in URL-safe base64"])
    return Ring(
        tuple(keys),
        hashing[0] if hashing else keys[-1],
        following[0] if following else None,
    )


def split_entries(text: str) -> list[str]:
    """Return the entries of a setting or of a file."""
    return [entry for entry in re.split(r"[,\s]+", text) if entry]


def _is_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text)) == _KEY_BYTES
    except (ValueError, binascii.Error):
        return False
