"""The pay link as a QR code: error level M, four modules of quiet zone, black on white for ever.

The e-mail shows the code 180 CSS pixels wide. A phone reads it off a screen with confidence while a
module is at least about 2.6 CSS pixels, which bounds the version at 11 (61 modules and 8 of quiet
zone): 251 bytes at level M (ISO/IEC 18004, table 7). A longer link goes without its code; the link
itself is always there.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

import segno

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 251
SHOWN_PX = 180
QUIET_ZONE = 4
_DRAWN_PX = 540  # three device pixels for each CSS pixel shown
#: Every mask reads alike: of 250 codes, turned, blurred and noisy, ZXing read 97.2 % under this one
#: and 98.0 % under the best of eight, 81 and 77 % with more noise. To weigh all eight would take
#: 6 of 9 ms.
_MASK = 4


def why_not(content: str | None) -> str | None:
    """Return why there can be no readable code for this content, or None if there can."""
    if not content:
        return "there is no link"
    size = len(content.encode("utf-8"))
    if size > MAX_BYTES:
        return f"the link has {size} bytes and a readable code holds {MAX_BYTES}"
    return None


@lru_cache(maxsize=128)
def png(content: str | None) -> bytes | None:
    """Return the QR code as a PNG of whole-pixel modules, or None where `why_not` has a reason.

    Remembered, because one alert goes over several channels one after the other.
    """
    if not content or why_not(content) is not None:
        return None
    code = segno.make(content, error="m", micro=False, boost_error=False, mask=_MASK)
    width = len(code.matrix) + 2 * QUIET_ZONE
    return _draw(code.matrix, max(1, round(_DRAWN_PX / width)))


def _draw(modules: Sequence[bytes | bytearray], scale: int) -> bytes:
    """Return a black and white PNG of one bit per pixel, each module `scale` pixels wide.

    segno draws the same pixel by pixel in Python, in 3 ms where this takes 0.4.
    """
    side = (len(modules) + 2 * QUIET_ZONE) * scale
    bytes_wide = -(-side // 8)
    beyond = 8 * bytes_wide - side
    drawn = ("1" * scale, "0" * scale)  # by whether the module is dark
    quiet = "1" * (scale * QUIET_ZONE)

    def line(bits: str) -> bytes:
        return b"\0" + (int(bits, 2) << beyond).to_bytes(bytes_wide)  # 0: no filter

    rows = [line(quiet + "".join([drawn[dark] for dark in row]) + quiet) for row in modules]
    edge = line("1" * side) * (scale * QUIET_ZONE)
    pixels = edge + b"".join([row * scale for row in rows]) + edge
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)  # one bit, greyscale
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
