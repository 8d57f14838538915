"""A composed e-mail as it goes over the line: files are encoded as they leave.

An invoice PDF is held once, as its bytes; its base64, a third longer, exists for some kilobytes at
a time.
"""

from __future__ import annotations

import binascii
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = 76  # RFC 2045 section 6.8
_LINE_BYTES = _LINE // 4 * 3
#: Bytes of a file that are encoded at once: whole lines, so that the parts fit together.
_AT_ONCE = _LINE_BYTES * 512
#: What leaves in one go; fewer system calls than one for each header, bounded in memory.
_CHUNK = 32_768


class File:
    """The content of one file, which leaves as base64."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __len__(self) -> int:
        """Return the bytes on the line: four for three, and CRLF after each line."""
        encoded = -(-len(self._content) // 3) * 4
        return encoded + 2 * max(1, -(-encoded // _LINE))

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, max(1, len(self._content)), _AT_ONCE):
            encoded = binascii.b2a_base64(self._content[at : at + _AT_ONCE], newline=False)
            places = range(0, len(encoded), _LINE)
            yield b"\r\n".join([encoded[at : at + _LINE] for at in places]) + b"\r\n"


class Wire:
    """A whole message, with CRLF line ends.

    Args:
        pieces: headers, texts and marks as they are, and files.
    """

    def __init__(self, pieces: Iterable[bytes | File]) -> None:
        self._pieces: list[bytes | File] = []
        for as_it_is, several in groupby(pieces, key=lambda piece: isinstance(piece, bytes)):
            if as_it_is:
                self._pieces.append(b"".join(one for one in several if isinstance(one, bytes)))
            else:
                self._pieces += several

    def __len__(self) -> int:
        """Return its size as the server counts it (RFC 1870), before dots are doubled."""
        return sum(len(piece) for piece in self._pieces)

    def __bytes__(self) -> bytes:
        return b"".join(
            piece if isinstance(piece, bytes) else b"".join(piece) for piece in self._pieces
        )

    def chunks(self) -> Iterator[bytes]:
        """Yield what is to be written after DATA, leading dots doubled (RFC 5321, 4.5.2).

        Every piece but the first begins a line, and neither headers, marks nor base64 begin with a
        dot: only texts have any.
        """
        gathered: list[bytes] = []
        size = 0
        for part in self._parts():
            gathered.append(part)
            size += len(part)
            if size >= _CHUNK:
                yield b"".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield b"".join(gathered)

    def _parts(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece.replace(b"\r\n.", b"\r\n..")
            else:
                yield from piece
