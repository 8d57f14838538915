"""The shelf of invoice PDFs: whole papers or none, sealed, bounded in size and age."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from config.keys import Vault, new_key
from worker.shelf import LONGEST, Shelf

PAPER = b"%PDF-1.4 Ana Paz owes 2590" + bytes(5000)


@pytest.fixture
def vault() -> Vault:
    """Return a ring of one key."""
    return Vault([new_key()])


def test_what_is_laid_is_taken_as_it_was(tmp_path: Path, vault: Vault):
    """Another version of the invoice is another paper."""
    shelf = Shelf(tmp_path / "papers", vault)
    assert shelf.take("1|i-1|2590") is None
    shelf.lay("1|i-1|2590", PAPER)
    assert shelf.take("1|i-1|2590") == PAPER
    assert shelf.take("1|i-1|2600") is None


def test_nobody_else_can_read_it(tmp_path: Path, vault: Vault):
    """Neither name nor content tells anything, and only we may open the folder."""
    folder = tmp_path / "papers"
    Shelf(folder, vault).lay("1|i-1|2590", PAPER)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"Ana Paz" not in file.read_bytes()
    assert "i-1" not in file.name
    assert Shelf(folder, Vault([new_key()])).take("1|i-1|2590") is None


def test_a_torn_paper_is_none_and_is_thrown_away(tmp_path: Path, vault: Vault):
    """The disk filled up in the middle, say."""
    folder = tmp_path / "papers"
    shelf = Shelf(folder, vault)
    shelf.lay("a", PAPER)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert shelf.take("a") is None
    assert list(folder.iterdir()) == []


def test_the_oldest_go_when_it_is_full(tmp_path: Path, vault: Vault):
    """It keeps four fifths of its size."""
    folder = tmp_path / "papers"
    shelf = Shelf(folder, vault, most_bytes=50_000)
    for number in range(64):
        shelf.lay(f"{number}", PAPER)
        newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))
    shelf = Shelf(folder, vault, most_bytes=50_000, clock=lambda: 100.0)
    shelf.tidy()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 40_000
    assert shelf.take("0") is None
    assert shelf.take("63") == PAPER


def test_a_week_later_it_is_fetched_again(tmp_path: Path, vault: Vault):
    """A second before it is still there."""
    folder = tmp_path / "papers"
    Shelf(folder, vault).lay("a", PAPER)
    (file,) = folder.iterdir()
    laid = file.stat().st_mtime
    assert Shelf(folder, vault, clock=lambda: laid + LONGEST).take("a") == PAPER
    assert Shelf(folder, vault, clock=lambda: laid + LONGEST + 1).take("a") is None


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, vault: Vault):
    """The paper goes along with its message and is not kept."""
    blocked = tmp_path / "papers"
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    shelf = Shelf(blocked, vault)
    shelf.lay("a", PAPER)
    assert shelf.take("a") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_root_makes_by_hand_is_the_daemons(tmp_path: Path, vault: Vault):
    """Where systemd runs the daemon, a command by hand is root's, and the home is not."""
    os.chown(tmp_path, 61_234, 61_234)
    Shelf(tmp_path / "papers", vault).lay("1|i-1|2590", PAPER)
    made = (tmp_path / "papers").stat()
    assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (61_234, 61_234, 0o700)
