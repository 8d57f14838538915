"""A link to pair by, as people scan it."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import segno

from notifications.invitation import Sheet, as_png, as_sheet, as_svg, in_terminal
from tests.unit.notifications.test_golden import LOCALES, check
from tests.unit.notifications.test_render import tags

LINK = "https://t.me/interatos_bot?start=AbCdEfGhIjKlMnOpQrStUvWx"
SHEET = Sheet(
    link=LINK,
    bot="interatos_bot",
    isp_name="Interatos sas",
    first_name="Ana",
    support="WhatsApp 3546 55-5000",
    expires_at=datetime(2026, 3, 17, 15, 0, tzinfo=UTC),
    timezone="America/Argentina/Cordoba",
    locale="es_AR",
)
#: Row by row, with two modules of quiet zone and with four.
EXPECTED = segno.make(LINK, error="m", micro=False, boost_error=False)


def modules(border: int) -> list[list[int]]:
    """Return the code that stands for the link, 1 = dark."""
    return [list(row) for row in EXPECTED.matrix_iter(border=border)]


def test_the_terminal_shows_the_code_in_half_blocks() -> None:
    """Each character is two modules, light ones drawn: as a dark terminal shows it."""
    lines = in_terminal(LINK).splitlines()
    found: list[list[int]] = []
    for line in (line for line in lines if line):
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        upper = [int(char in " ▄") for char in plain]
        lower = [int(char in " ▀") for char in plain]
        found += [upper, lower]
    wanted = modules(2)
    assert [row[: len(wanted[0])] for row in found[: len(wanted)]] == wanted


def test_the_picture_is_the_code() -> None:
    """A PNG of whole-pixel modules, black on white, four modules of quiet zone."""
    raw = as_png(LINK)
    width, height, depth, colour = struct.unpack(">IIBB", raw[16:26])
    wanted = modules(4)
    scale = width // len(wanted)
    assert (width, height, depth) == (scale * len(wanted), scale * len(wanted), 1)
    assert colour in {0, 3}
    data = b"".join(
        raw[place + 8 : place + 8 + struct.unpack(">I", raw[place : place + 4])[0]]
        for place in (match.start() - 4 for match in re.finditer(b"IDAT", raw))
    )
    rows = zlib.decompress(data)
    stride = 1 + (width + 7) // 8
    for number, row in enumerate(wanted):
        line = rows[number * scale * stride + 1 : (number * scale + 1) * stride]
        bits = [line[x * scale // 8] >> (7 - x * scale % 8) & 1 for x in range(len(row))]
        dark = bits if bits[0] == 0 else [1 - bit for bit in bits]
        assert dark in (row, [1 - bit for bit in row])


def test_the_drawing_loads_nothing() -> None:
    """An SVG that stands by itself."""
    drawing = as_svg(LINK)
    assert drawing.startswith("<?xml")
    assert {tag for tag, _ in tags(drawing)} <= {"svg", "g", "path"}
    assert "http" not in drawing.replace('xmlns="http://www.w3.org/2000/svg"', "")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_sheet_reads_as_agreed(locale: str) -> None:
    """Who, what for, three steps, until when, how to stop; in the customer's language."""
    page = as_sheet(replace(SHEET, locale=locale))

    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", "", page, flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    check(f"telegram/sheet.{locale}.txt", "\n".join(lines) + "\n")
    assert LINK in page


def test_the_sheet_loads_nothing_and_shows_no_more_than_it_must() -> None:
    """No script, no address but the link, no markup of a name; the code is drawn in it."""
    page = as_sheet(replace(SHEET, first_name="<script>x</script>", support=None))

    found = {tag for tag, _ in tags(page)}
    assert "svg" in found
    assert not found & {"script", "img", "link", "iframe", "a"}
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\s\"<]+", page)) <= {LINK, "http://www.w3.org/2000/svg"}
