"""Rotate the ring of keys while every process goes on: a key in front, a key away.

A process whose ring is a file looks at that file before it seals anything, and when no key of its
own opens a value: it needs no restart. One whose ring is in its environment is restarted twice: it
has to open what others seal under the new key before anybody does (docs/decisions/0026).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from billing.isps import SetupError
from billing.resealing import NO_KEY, count_sealed, reseal
from config.keys import Vault, new_key, ring_file
from config.ring import Ring, key_name
from worker.house import House


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to.

    Args:
        ring: as it is to be.
        file: that holds it now; None = somebody has to put it where it belongs.
        resealed: how many values are sealed under the new key now.
    """

    ring: Ring
    file: Path | None
    resealed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One key and what hangs on it.

    Args:
        key: its name; "none" = values that no key of the ring opens.
        does: "seals", "opens", "is to seal next", "makes the hashes", or what is wrong.
        values: how many are sealed under it.
        tables: in which tables.
    """

    key: str
    does: str
    values: int
    tables: dict[str, int]


def rotate(house: House, *, prepare: bool, show: bool) -> Rotated:
    """This function will let a new key seal, and seal everything again under it.

    Args:
        house: of this process.
        prepare: the new key only opens for now; the next rotation puts it in front.
        show: change no file. The new key is prepared first, as for a ring in the environment.

    Raises:
        SetupError: if a key is prepared already and another one is to be, or the file cannot be
            written.
    """
    file = None if show else ring_file(house.settings)
    if file is None:
        ring = house.vault.ring
        return Rotated(_prepared(ring) if ring.following is None else _rotated(ring), None)
    try:
        ring = file.change(_prepared if prepare else _rotated)
    except OSError as error:
        raise SetupError(
            f"cannot write {file.path}: {error.strerror}; "
            "alerta keys rotate --show prints the ring that is to be put there"
        ) from None
    return Rotated(ring, file.path, 0 if prepare else reseal(house.database, house.vault))


def _prepared(ring: Ring) -> Ring:
    if ring.following is not None:
        raise SetupError(
            f"key {key_name(ring.following)} is prepared already; alerta keys rotate puts it in "
            "front"
        )
    return ring.prepared(new_key())


def _rotated(ring: Ring) -> Ring:
    return ring.rotated(ring.following or new_key())


def status(house: House) -> list[KeyLine]:
    """This function will say of each key what it does and how many values hang on it."""
    ring = house.vault.ring
    counted = count_sealed(house.database, house.vault)
    does = {key_name(key): "opens" for key in ring.keys}
    does[key_name(ring.keys[0])] = "seals"
    if ring.following is not None:
        does[key_name(ring.following)] = "opens, is to seal next"
    hashing = key_name(ring.hash_key)
    does[hashing] = f"{does[hashing]}, makes the hashes" if hashing in does else "makes the hashes"
    if NO_KEY in counted:
        does[NO_KEY] = "a key is missing from the ring"
    return [
        KeyLine(
            key=name,
            does=what,
            values=counted[name].total() if name in counted else 0,
            tables=dict(sorted(counted[name].items())) if name in counted else {},
        )
        for name, what in does.items()
    ]


def drop(house: House, name: str, *, show: bool) -> Rotated:
    """This function will take a key out of the ring, unless something is sealed under it.

    Raises:
        SetupError: if it is not in the ring, or seals, or something is sealed under it, or the file
            cannot be written; the ring is as before then.
    """
    ring = house.vault.ring
    dropped = [key for key in ring.opening if key_name(key) == name]
    if not dropped:
        names = ", ".join(key_name(key) for key in ring.opening)
        raise SetupError(f"no key {name!r} opens anything; the ring has {names}")
    if dropped[0] == ring.keys[0]:
        raise SetupError(f"key {name} is the one that seals; first: alerta keys rotate")
    alone = Vault(dropped)
    _refuse_needed(house, alone, name)
    file = None if show else ring_file(house.settings)
    if file is None:
        return Rotated(ring.without(name), None)
    try:
        ring = file.change(lambda now: now.without(name))
        # A unit of work that was open may have sealed under it while it was counted.
        try:
            _refuse_needed(house, alone, name)
        except SetupError:
            file.change(lambda now: replace(now, keys=(*now.keys, *dropped)))
            raise
    except KeyError:
        raise SetupError(f"key {name} was taken away meanwhile, or seals now") from None
    except OSError as error:
        raise SetupError(f"cannot write {file.path}: {error.strerror}") from None
    return Rotated(ring, file.path)


def _refuse_needed(house: House, alone: Vault, name: str) -> None:
    needed = count_sealed(house.database, alone).get(name)
    if needed:
        where = ", ".join(f"{count} in {table}" for table, count in sorted(needed.items()))
        raise SetupError(f"key {name} is needed: {where}; first: alerta keys reseal")
