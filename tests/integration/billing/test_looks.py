"""However Wispro is looked at and whatever goes wrong meanwhile, our copy ends up as the truth.

`LOOKS=20000 pytest tests/integration/billing/test_looks.py` tries more, at random.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, MutableMapping
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.support.looks import Mortal, Village
from tests.support.stories import History, histories
from tests.support.witness import SECRETS
from wispro.logs import quiet_http_logs

MORE = int(os.environ.get("LOOKS", "0"))
SHARDS = 8
EACH = (MORE or 2000) // SHARDS
#: After so many, hypothesis goes over to histories that are much like an earlier one: then it
#: begins anew. Each beginning is the simplest history, which need not be lived again.
ROUND = 10


@pytest.fixture(scope="module")
def database(shared_url: str) -> Iterator[Mortal]:
    """One file for all histories; each begins without a row."""
    opened = Mortal(shared_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def logged() -> Iterator[list[str]]:
    """Everything that is logged meanwhile, by our program and by its libraries."""
    lines: list[str] = []

    def keep(_: Any, __: str, event: MutableMapping[str, Any]) -> Any:
        lines.append(f"{event}")
        raise structlog.DropEvent

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, root = Keep(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    quiet_http_logs()
    structlog.configure(processors=[keep])
    yield lines
    structlog.reset_defaults()
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_however_it_is_looked_at_our_copy_ends_up_as_the_truth(
    database: Mortal, logged: list[str], shard: int
) -> None:
    """Each alert is held against what was true; the end against the whole truth."""
    lived: set[str] = set()

    @settings(
        max_examples=ROUND,
        phases=[Phase.generate] if not MORE else list(Phase),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(history=histories(long=bool(MORE)))
    def live(history: History) -> None:
        if repr(history) in lived:
            return
        village = Village(
            database,
            history.cast,
            history.paired,
            per_page=history.per_page,
            probed=history.probed,
        )
        try:
            for name, args in history.bills:
                village.happen(name, args)
            if history.first is not None:
                village.look(history.first)
            for name, args in history.events:
                village.happen(name, args)
            village.settle(history.last, history.budget, thorough=history.thorough)
        finally:
            village.close()
        lived.add(repr(history))

    for turn in range(ceil(EACH / ROUND)):
        (live if MORE else seed(shard * EACH + turn)(live))()
    check_file(Path(str(database.engine.url.database)), logged)


def check_file(path: Path, logged: list[str]) -> None:
    """No byte that stays on the disk, and no line of a log, gives a secret away."""
    there = b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))
    said = "\n".join(logged)
    logged.clear()
    for secret in SECRETS:
        assert secret.encode() not in there
        assert secret not in said
