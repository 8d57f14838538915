"""What a worker shares with its children is there before they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from config.keys import new_key
from tests.support.processes import ROOT

_LAY_A_DESK = """
import sys
from worker.loading import load_rooms
load_rooms()
before = set(sys.modules)
from config.settings import Settings
from worker.house import House
house = House(Settings())
house.lay_desk()
house.http
print(*sorted(set(sys.modules) - before), sep="\\n")
house.close()
"""


def test_a_child_has_nothing_of_ours_to_load(tmp_path: Path) -> None:
    """Each would load it again, and keep it in memory of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", _LAY_A_DESK],
        cwd=ROOT,
        env={
            "HOME": str(tmp_path),
            "ALERTA_HOME": str(tmp_path),
            "ALERTA_SECRET_KEY": new_key(),
            "ALERTA_DATABASE_URL": f"sqlite:///{tmp_path / 'alerta.db'}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # The tasks themselves are loaded by Celery, in the parent, too.
    ours = ("billing", "config", "models", "notifications", "web", "wispro", "worker")
    assert [name for name in ran.stdout.split() if name.partition(".")[0] in ours] == []
