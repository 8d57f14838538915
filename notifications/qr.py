"""The pay link as a QR code: error level M, four modules of quiet zone, black on white for ever.

The e-mail shows the code 180 CSS pixels wide. A phone reads it off a screen with confidence while a
module is at least about 2.6 CSS pixels, which bounds the version at 11 (61 modules and 8 of quiet
zone): 251 bytes at level M (ISO/IEC 18004, table 7). A longer link goes without its code; the link
itself is always there.
"""

from __future__ import annotations

import io

import segno

MAX_BYTES = 251
SHOWN_PX = 180
QUIET_ZONE = 4
_DRAWN_PX = 540  # three device pixels for each CSS pixel shown


def why_not(content: str | None) -> str | None:
    """Return why there can be no readable code for this content, or None if there can."""
    if not content:
        return "there is no link"
    size = len(content.encode("utf-8"))
    if size > MAX_BYTES:
        return f"the link has {size} bytes and a readable code holds {MAX_BYTES}"
    return None


def png(content: str | None) -> bytes | None:
    """Return the QR code as a PNG of whole-pixel modules, or None where `why_not` has a reason."""
    if not content or why_not(content) is not None:
        return None
    code = segno.make(content, error="m", micro=False, boost_error=False)
    width, _ = code.symbol_size(scale=1, border=QUIET_ZONE)
    out = io.BytesIO()
    code.save(
        out,
        kind="png",
        scale=max(1, round(_DRAWN_PX / width)),
        border=QUIET_ZONE,
        dark="#000000",
        light="#ffffff",
    )
    return out.getvalue()
