"""Measure `alerta find` among a million customers and write it down: `make bench-find`.

python -m tests.benchmarks.find [--quick]
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from billing.card import card_of
from billing.searching import Searching
from config.keys import Vault, new_key, open_vault
from config.settings import PREFIX, Settings
from models.account import Account
from models.database import Database
from notifications.destinations import parse_short
from tests.benchmarks.crowd import Crowd, email_of, fill, national_id_of
from tests.benchmarks.machine import describe
from tests.benchmarks.results import keep
from tests.benchmarks.world import Databases, databases, environment
from tests.support.processes import ROOT
from wispro.login import login_token
from worker.house import utc_now

BEGIN, END = "<!-- bench-find: begin -->", "<!-- bench-find: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_SIZE, _QUICK = Crowd(1_000_000), Crowd(20_000)
_PAGE = ROOT / "docs" / "performance.md"
_DATA = ROOT / "docs" / "find.json"
_QUICK_DATA = ROOT / "var" / "bench" / "find-quick.json"
#: Milliseconds: the goal for whatever is asked.
GOAL = 200


def asked(size: Crowd) -> dict[str, str]:
    """Return what is asked, by what it is."""
    some = size.accounts // 2 + 1
    return {
        "a rare surname": "ibarburu",
        "two words, one rare": "etchegaray maria",
        "the commonest name": "maria",
        "the two commonest words": "gonzalez maria",
        "two common beginnings": "mar go",
        "one letter": "m",
        "four beginnings": "m g j r",
        "a name that nobody has": "zutano perengano",
        "two common words that few have both": "ana zulema correa",
        "public id": f"public:{some}",
        "custom id": f"K{some:07}",
        "national id": national_id_of(some).replace(".", ""),
        "e-mail": email_of(some),
        "invoice number": f"A-{1 + some % 3:04}-{some}",
        "its last digits": str(some),
        "a label that many channels have": "c…@correo.example",
        "something unknown": "nadie@nada.example",
    }


def main() -> None:
    """Measure; the exit code says only whether it could be measured."""
    options = argparse.ArgumentParser(prog="make bench-find")
    options.add_argument("--quick", action="store_true", help="20 000 customers, SQLite")
    options.add_argument("--accounts", type=int, default=_SIZE.accounts)
    given = options.parse_args()
    size = _QUICK if given.quick else Crowd(given.accounts)
    with (
        tempfile.TemporaryDirectory(prefix="alerta-bench-") as folder,
        databases(Path(folder), postgresql=not given.quick) as both,
    ):
        points = [one for kind in both.kinds for one in _measure(both, Path(folder), kind, size)]
    found = {"machine": describe(postgresql=None), "accounts": size.accounts, "points": points}
    if given.quick or size != _SIZE:
        keep(found, _QUICK_DATA)
        return
    keep(found, _DATA)
    text = _PAGE.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{_PAGE} has lost its markers"
    whole = f"{BEGIN}\n\n{_tables(found)}\n\n{END}"
    _PAGE.write_text(between.sub(lambda _: whole, text), encoding="utf-8")


def _measure(both: Databases, folder: Path, kind: str, size: Crowd) -> list[dict[str, Any]]:
    home = folder / f"home-{kind}"
    home.mkdir(mode=0o700)
    if kind == "sqlite":
        shutil.copyfile(folder / "template.db", home / "alerta.db")
        url = f"sqlite:///{home / 'alerta.db'}"
    else:
        url = both.fresh(kind)
    key = new_key()
    settings = Settings(home=home, database_url=SecretStr(url), secret_key=SecretStr(key))
    vault = open_vault(settings)
    database = Database(url)
    begun = time.monotonic()
    fill(database, vault, size)
    print(f"{_NAMES[kind]}: {size.accounts:,} customers in {time.monotonic() - begun:.0f} s")
    database.close()
    given = {"HOME": str(home), "DATABASE_URL": url, "SECRET_KEY": key}
    points = ask(kind, url, vault, size, given)
    both.drop(url)
    return points


def ask(
    kind: str, url: str, vault: Vault, size: Crowd, given: dict[str, str]
) -> list[dict[str, Any]]:
    """Ask a filled database everything, and return what it took."""
    database = Database(url)
    searching = Searching(vault, login_token, parse_short)
    points: list[dict[str, Any]] = []
    for what, text in asked(size).items():
        taken, shown = [], []
        for _ in range(5):
            with database.read() as session:
                begun = time.perf_counter()
                found = searching.find(session, text)
                taken.append(1000 * (time.perf_counter() - begun))
                if len(found.hits) == 1 and not (found.strangers or found.at_least):
                    account = session.get_one(Account, found.hits[0].account.id)
                    begun = time.perf_counter()
                    card_of(session, account, vault, now=utc_now())
                    shown.append(1000 * (time.perf_counter() - begun))
        command = _command(text, {f"{PREFIX}{name}": value for name, value in given.items()})
        points.append({
            "kind": kind,
            "asked": what,
            "hits": len(found.hits) + found.others,
            "first_ms": taken[0],
            "ms": statistics.median(taken),
            "card_ms": statistics.median(shown) if shown else None,
            "command_seconds": command,
        })  # fmt: skip
        print(
            f"{_NAMES[kind]:<11}{what:<38}{points[-1]['hits']:>6} hits "
            f"{taken[0]:7.1f} ms first, {points[-1]['ms']:7.1f} ms, command {command:.2f} s",
            flush=True,
        )
    database.close()
    return points


def _command(text: str, given: dict[str, str]) -> float:
    """Return how long the whole command takes, the best of three."""
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "worker", "find", text],
            cwd=ROOT, env=environment(given), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _tables(found: dict[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    head: Sequence[str] = (
        "asked", "hits", "SQLite", "first time", "PostgreSQL", "first time", "whole command",
    )  # fmt: skip
    by_kind: dict[str, dict[str, dict[str, Any]]] = {}
    for one in found["points"]:
        by_kind.setdefault(one["asked"], {})[one["kind"]] = one
    rows = []
    for what, kinds in by_kind.items():
        lite, pg = kinds["sqlite"], kinds["postgresql"]
        hits = f"{lite['hits']:,}{' or more' if lite['hits'] >= 500 else ''}"
        rows.append((
            what, hits, f"{lite['ms']:.0f} ms", f"{lite['first_ms']:.0f} ms", f"{pg['ms']:.0f} ms",
            f"{pg['first_ms']:.0f} ms",
            f"{lite['command_seconds']:.2f} s, {pg['command_seconds']:.2f} s",
        ))  # fmt: skip
    cards = [one["card_ms"] for one in found["points"] if one["card_ms"] is not None]
    slowest = max(max(one["ms"], one["first_ms"]) for one in found["points"])
    lines = [head, ["---"] * len(head), *rows]
    return (
        f"Measured on: {machine}; {found['accounts']:,} customers.\n\n"
        + "\n".join(f"| {' | '.join(line)} |" for line in lines)
        + f"\n\nThe slowest took {slowest:.0f} ms (goal: {GOAL} ms); a card takes "
        f"{statistics.median(cards):.0f} ms more."
    )


if __name__ == "__main__":
    main()
