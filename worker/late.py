"""What is built when it is first needed, once, whichever thread needs it first."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")


class late(cached_property[T]):  # noqa: N801 - it is read as the decorator that it is
    """A cached property that two threads never compute side by side.

    Python's own stopped to see to that with 3.12. Afterwards it is an attribute, and costs nothing.
    """

    _lock = threading.RLock()

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        """Return the value, computed if it is not there yet."""
        if instance is None:
            return self
        with self._lock:
            return super().__get__(instance, owner)
