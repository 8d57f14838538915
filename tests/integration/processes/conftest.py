"""A broker for those who need one by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.valkey import EmbeddedValkey


@pytest.fixture
def valkey(home: Path) -> Iterator[EmbeddedValkey]:
    """Run one on a fresh home."""
    server = EmbeddedValkey(home)
    server.start()
    yield server
    server.stop()
