"""What a long read has met so far, in little memory: a million rows take about a hundred kilobytes.

Rows of ours are remembered exactly, by their ids. Records of other people leave no row; they are
counted, and told from those of the neighbouring pages, between which lists shift.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from pyroaring import BitMap

#: Pages whose foreign records are remembered. A list would have to shift by more than this many
#: pages between two requests for one of them to be counted twice.
_NEIGHBOURS = 4


class Seen:
    """The records that a read has met.

    Args:
        ours: serialised ids of rows, from an earlier part of the same read.
        foreign: how many others that part met.
    """

    def __init__(self, ours: bytes | None = None, foreign: int = 0) -> None:
        self._ours = BitMap.deserialize(ours) if ours else BitMap()
        self._foreign = foreign
        self._recent: deque[frozenset[str]] = deque(maxlen=_NEIGHBOURS)

    @property
    def distinct(self) -> int:
        """How many distinct records were met."""
        return len(self._ours) + self._foreign

    @property
    def foreign(self) -> int:
        """How many of them have no row of ours."""
        return self._foreign

    def rows(self, row_ids: Iterable[int]) -> None:
        """Remember rows of ours."""
        self._ours.update(row_ids)

    def others(self, keys: Iterable[str]) -> None:
        """Count the records of one page that have no row of ours."""
        page = frozenset(keys)
        self._foreign += sum(1 for key in page if not any(key in old for old in self._recent))
        self._recent.append(page)

    def lacks(self, row_ids: Iterable[int]) -> list[int]:
        """Return those of some rows that were not met, in the order of their ids."""
        return list(BitMap(row_ids) - self._ours)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._ours

    def __iter__(self) -> Iterator[int]:
        return iter(self._ours)

    def dump(self) -> bytes:
        """Return the ids of rows for the next part of this read."""
        return bytes(self._ours.serialize())
