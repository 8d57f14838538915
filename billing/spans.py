"""Where the time of a unit of work goes, for whoever wants to see it; nothing unless somebody does.

A seam, as a logger is: the work opens spans, a process may say who draws them (`worker/traces.py`).
Attributes are ids and our own words, never anything of a customer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#: Names and attributes of a span to what is open while it lasts.
Draw = Callable[[str, dict[str, str | int]], AbstractContextManager[object]]

_drawing: list[Draw] = []


def span(name: str, **attributes: str | int) -> AbstractContextManager[object]:
    """This function will note how long what is done within it takes; an exception ends it too."""
    if not _drawing:
        return _NOTHING
    return _drawing[0](name, attributes)


def draw_by(draw: Draw | None) -> None:
    """This function will say who draws the spans of this process; None = nobody."""
    _drawing[:] = [] if draw is None else [draw]


_NOTHING: AbstractContextManager[object] = nullcontext()
