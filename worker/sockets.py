"""Where a Unix socket of ours lies: in `ALERTA_HOME`, or, where that is too long, in /tmp."""

from __future__ import annotations

from pathlib import Path

#: `sun_path` holds 108 bytes with its terminator (unix(7)).
_LONGEST = 107


def reachable(path: Path) -> Path:
    """Return the path if a socket can be there, else a short one that stands for it."""
    if len(bytes(path)) <= _LONGEST:
        return path
    import hashlib  # noqa: PLC0415 - commands that wait for an answer load little
    import tempfile  # noqa: PLC0415

    name = hashlib.sha256(bytes(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"alerta-{name}" / path.name
