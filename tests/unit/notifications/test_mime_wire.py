"""Files are encoded as they leave, as the standard library would have encoded them whole."""

from __future__ import annotations

import tracemalloc
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from notifications.mime_wire import File, Wire

PAPER = bytes(range(256)) * 8_000


@given(st.integers(0, 90_000))
def test_a_file_of_any_length_comes_back_whole(length: int) -> None:
    """Parts fit together, lines are as long as they may be, and the size is known before."""
    content = PAPER[:length]

    encoded = b"".join(File(content))

    assert b64decode(encoded) == content
    assert len(File(content)) == len(encoded)
    assert all(len(line) == 76 for line in encoded.split(b"\r\n")[:-2])
    assert encoded.endswith(b"\r\n")


@given(st.lists(st.sampled_from([b".a\r\n", b"..\r\n", b"b\r\n", b"\r\n.\r\n"]), max_size=9))
def test_every_dot_that_begins_a_line_is_doubled(lines: list[bytes]) -> None:
    """Also where pieces and files meet; nothing else changes."""
    pieces: list[bytes | File] = [b"Subject: x\r\n\r\n", *lines, File(b"%PDF-"), b"\r\n--=_m\r\n"]
    wire = Wire(pieces)

    sent = b"".join(wire.chunks())

    assert sent == bytes(wire).replace(b"\r\n.", b"\r\n..")
    assert sent.count(b"\r\n") == bytes(wire).count(b"\r\n")


def test_a_paper_is_held_once() -> None:
    """What is held beside the paper while it leaves is a small part of it."""
    wire = Wire([b"head\r\n", File(PAPER), b"\r\n--end--\r\n"])

    tracemalloc.start()
    size = sum(len(chunk) for chunk in wire.chunks())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size == len(wire)
    assert most < len(PAPER) / 6
