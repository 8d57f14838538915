"""What the doctor reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Args:
        what: was looked at.
        ok: whether it is as it should be.
        found: what was found, in words; holds no secret.
        mend: the command or step that puts it right.
        why: what follows from it for whoever runs this.
        urgent: whether it keeps alerts from going out; what does not is a warning.
    """

    what: str
    ok: bool
    found: str
    mend: str | None = None
    why: str | None = None
    urgent: bool = True

    @property
    def level(self) -> Level:
        """How bad it is: ok, warning, wrong."""
        if self.ok:
            return "ok"
        return "wrong" if self.urgent else "warning"
