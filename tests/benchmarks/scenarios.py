"""What is measured: every number as a ratio to something measured beside it, in turns.

Each scenario adds its figures to one table of results. Repetitions are interleaved, so that a
machine that slows down slows both sides; of several, the median counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.population import Population
from tests.benchmarks.world import TOKEN, Databases, Failed, Home, Wispro, measured

Taken = dict[str, Any]
Say = Callable[[str], None]


@dataclass(slots=True)
class Bench:
    """Where it is measured and what was found.

    Args:
        folder: for whatever the measured processes keep.
        databases: both kinds, or SQLite only.
        dlt: the Python of dlt's environment, or None to leave dlt out.
        repeat: how often each figure is taken.
        say: prints progress.
    """

    folder: Path
    databases: Databases
    dlt: Path | None
    repeat: int
    say: Say
    results: dict[str, Any] = field(default_factory=dict)


def at_full_size(bench: Bench, size: Population) -> None:
    """This function will measure import, sweep, cycle, memory and dlt against a bare download."""
    taken: dict[str, list[Taken]] = {}
    with Wispro(bench.folder, size) as wispro, ExitStack() as homes:
        kept: dict[str, Home] = {}
        for turn in range(bench.repeat):
            _note(bench, taken, "bare", wispro.bare())
            for kind in bench.databases.kinds:
                last = turn == bench.repeat - 1
                with ExitStack() as mine:
                    home = (homes if last else mine).enter_context(
                        bench.databases.home(kind, wispro)
                    )
                    look = home.look("full")
                    _check_stored(look, home, size)
                    _note(bench, taken, f"import.{kind}", look)
                    kept[kind] = home
        if bench.dlt is not None:
            for fields in ("kept", "whole"):
                _note(bench, taken, "bare", wispro.bare())
                _note(bench, taken, f"dlt.{fields}", _by_dlt(bench, wispro, fields))
        for _ in range(bench.repeat):
            _note(bench, taken, "bare", wispro.bare())
            for kind, home in kept.items():
                _note(bench, taken, f"sweep.{kind}", _unchanged(home.look("full")))
        for kind, home in kept.items():
            _note(bench, taken, f"calm.{kind}", _unchanged(home.look("steady")))
        for kind, home in kept.items():
            if kind == "sqlite":
                changed = wispro.happen()
            _note(bench, taken, f"steady.{kind}", _changed(home.look("steady"), changed))
    bench.results["full_size"] = {"size": _written(size), **_medians(taken)}


def more_accounts(bench: Bench, size: Population) -> None:
    """This function will compare a steady cycle with one of ten times the accounts."""
    large = replace(size, accounts=10 * size.accounts)
    taken: dict[str, list[Taken]] = {}
    with ExitStack() as stack:
        isps = {
            name: stack.enter_context(Wispro(bench.folder, one))
            for name, one in (("few", size), ("many", large))
        }
        homes = {}
        for name, wispro in isps.items():
            homes[name] = stack.enter_context(bench.databases.home("sqlite", wispro))
            _note(bench, taken, f"import.{name}", homes[name].look("full"))
        for turn in range(2 * bench.repeat + 1):
            for name, home in homes.items():
                changed = isps[name].happen()
                look = _changed(home.look("steady"), changed)
                if turn:  # the first is a warm-up of both sides
                    _note(bench, taken, f"steady.{name}", look)
    bench.results["more_accounts"] = {
        "few": _written(size),
        "many": _written(large),
        **_medians(taken),
    }


def curve(bench: Bench, sizes: list[int]) -> None:
    """This function will measure every size once, on SQLite; the small ones more often."""
    points = []
    for invoices in sizes:
        size = Population.of(invoices)
        taken: dict[str, list[Taken]] = {}
        times = bench.repeat if invoices <= 10_000 else 1
        with Wispro(bench.folder, size) as wispro:
            for _ in range(times):
                _note(bench, taken, "bare", wispro.bare())
                with bench.databases.home("sqlite", wispro) as home:
                    _note(bench, taken, "import", home.look("full"))
                    _note(bench, taken, "sweep", _unchanged(home.look("full")))
                    changed = wispro.happen()
                    _note(bench, taken, "steady", _changed(home.look("steady"), changed))
        points.append({"size": _written(size), **_medians(taken)})
    bench.results["curve"] = points


def _by_dlt(bench: Bench, wispro: Wispro, fields: str) -> Taken:
    folder = bench.folder / f"dlt-{fields}"
    folder.mkdir()
    script = str(Path(__file__).with_name("by_dlt.py"))
    taken = measured([str(bench.dlt), script, fields, wispro.base_url, TOKEN, str(folder)])
    if taken["stored"] != wispro.size.invoices:
        raise Failed(f"dlt stored {taken['stored']} of {wispro.size.invoices} invoices")
    return taken


def _check_stored(look: Taken, home: Home, size: Population) -> None:
    stored = home.stored()
    if _whole(look) and stored != size.invoices:
        raise Failed(f"we stored {stored} of {size.invoices} invoices")


def _whole(look: Taken) -> bool:
    """Whether it looked at everything: account by account, some customers cannot be asked for."""
    return bool(look["mode"] != "accounts")


def _unchanged(look: Taken) -> Taken:
    return _changed(look, 0)


def _changed(look: Taken, expected: int) -> Taken:
    if _whole(look) and look["changed"] != expected:
        raise Failed(f"the look found {look['changed']} changes where there were {expected}")
    return look


def _note(bench: Bench, taken: dict[str, list[Taken]], name: str, one: Taken) -> None:
    taken.setdefault(name, []).append(one)
    peak = f", {one['peak_mib']:.0f} MiB" if "peak_mib" in one else ""
    requests = f", {one['requests']} requests" if "requests" in one else ""
    bench.say(f"{name}: {one['seconds']:.2f} s{requests}{peak}")


def _medians(taken: dict[str, list[Taken]]) -> dict[str, Any]:
    return {name: _median(several) for name, several in taken.items()}


def _median(several: list[Taken]) -> Taken:
    """Return the last one with the median of its times and the peak of its memory."""
    middle = {name: median(one[name] for one in several) for name in ("seconds", "cpu_seconds")}
    peaks = [one["peak_mib"] for one in several if "peak_mib" in one]
    peak = {"peak_mib": max(peaks)} if peaks else {}
    return {**several[-1], **middle, **peak, "times": [one["seconds"] for one in several]}


def _written(size: Population) -> dict[str, int]:
    return {name: getattr(size, name) for name in ("invoices", "accounts", "open_invoices")}


@contextmanager
def watched() -> Iterator[None]:
    """Say in one line why a measurement failed, instead of a traceback."""
    try:
        yield
    except Failed as why:
        sys.exit(f"error: {why}")
