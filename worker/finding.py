"""What the doctor reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check; `mend` is the command or step that puts it right."""

    what: str
    ok: bool
    found: str
    mend: str | None = None
