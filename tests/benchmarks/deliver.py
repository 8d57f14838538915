"""Measure how fast alerts leave, against a plain loop around Apprise: `make bench-deliver`.

python -m tests.benchmarks.deliver [--quick] [--messages 5000] [--processes 2] [--memory 20000]

Each e-mail has the invoice (60 kB) and the QR code of its own pay link. Ours are judged, looked up
at Wispro, written, journaled, sent and recorded; the loop sends one message that is ready.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from config.keys import new_key
from config.settings import PREFIX, Settings
from tests.benchmarks.machine import describe
from tests.benchmarks.post import fill
from tests.benchmarks.world import Databases, databases, environment
from tests.support.processes import ROOT
from tests.support.smtp_sink import sink
from worker.house import House

BEGIN, END = "<!-- bench-deliver: begin -->", "<!-- bench-deliver: end -->"
_NAMES = {"plain": "plain loop around Apprise", "sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PAGE = ROOT / "docs" / "performance.md"
#: product of issue and measurement: what ours must reach, as a multiple of the plain loop.
LEAST = 3.0
#: After this many a child has everything that it will ever keep.
_WARM = 2000


def main() -> None:
    """Measure; the exit code says only whether it could be measured."""
    options = argparse.ArgumentParser(prog="make bench-deliver")
    options.add_argument("--quick", action="store_true", help="300 messages, SQLite")
    options.add_argument("--messages", type=int, default=5000)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--memory", type=int, default=20_000)
    given = options.parse_args()
    messages = 300 if given.quick else given.messages
    with (
        tempfile.TemporaryDirectory(prefix="alerta-bench-") as folder,
        databases(Path(folder), postgresql=not given.quick) as both,
    ):
        found = {"plain": plain(messages, given.processes)}
        _show("plain", found)
        for kind in both.kinds:
            found[kind] = ours(both, Path(folder), kind, messages, given.processes)
            _show(kind, found)
        grown = None if given.quick else ours(both, Path(folder), "sqlite", given.memory, 1)
    if grown is None:
        return
    text = _PAGE.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{_PAGE} has lost its markers"
    whole = f"{BEGIN}\n\n{_tables(found, grown, messages, given.processes)}\n\n{END}"
    _PAGE.write_text(between.sub(lambda _: whole, text), encoding="utf-8")


def plain(messages: int, processes: int) -> dict[str, Any]:
    """This function will send by plain loops, side by side."""
    with sink() as server:
        share = messages // processes
        port = f"{server.port}"
        found = _together(
            [
                ["tests.benchmarks.plain_loop", port, f"{place * share}", f"{(place + 1) * share}"]
                for place in range(processes)
            ],
            {},
        )
        assert server.end().messages == share * processes + processes
    return found


def ours(both: Databases, folder: Path, kind: str, messages: int, processes: int) -> dict[str, Any]:
    """This function will send as many by children of ours, side by side on one database."""
    with ExitStack() as stack:
        url = both.fresh(kind)
        stack.callback(both.drop, url)
        server = stack.enter_context(sink())
        papers = stack.enter_context(_papers())
        key = new_key()
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        settings = Settings(home=home, database_url=SecretStr(url), secret_key=SecretStr(key))
        house = House(settings)
        isp_id = fill(house.database, house.vault, messages, smtp=server.port, papers=papers)
        house.close()
        given = {"HOME": str(home), "DATABASE_URL": url, "SECRET_KEY": key}
        found = _together(
            [["tests.benchmarks.deliverer", f"{isp_id}"]] * processes,
            {f"{PREFIX}{name}": value for name, value in given.items()},
        )
        counted = server.end()
    assert (found["sent"], counted.messages) == (messages, messages), (found, counted)
    return found


def _together(modules: Sequence[list[str]], given: Mapping[str, str]) -> dict[str, Any]:
    """Start processes, let them go at once, and add up what they found."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=environment(given),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for module in modules
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline().strip() == "ready"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    found = []
    for one in running:
        out, _ = one.communicate(timeout=3600)
        assert one.returncode == 0, out
        found.append(msgspec.json.decode(out.splitlines()[-1]))
    seconds = max(one["ended"] for one in found) - min(one["began"] for one in found)
    sent = sum(one["sent"] for one in found)
    return {
        "sent": sent,
        "seconds": seconds,
        "per_second": sent / seconds,
        "cpu_ms": 1000 * sum(one["cpu_seconds"] for one in found) / sent,
        "memory_mib": found[0].get("memory_mib", []),
    }


@contextmanager
def _papers() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.papers"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate("", timeout=30)


def _show(kind: str, found: Mapping[str, Any]) -> None:
    one = found[kind]
    ratio = one["per_second"] / found["plain"]["per_second"]
    print(
        f"{_NAMES[kind]:26} {one['per_second']:7.1f}/s, {one['cpu_ms']:5.1f} ms CPU each, "
        f"{ratio:.2f} times the plain loop",
        flush=True,
    )


def growth(memory: Sequence[float]) -> float:
    """This function will return how much a child grew after it was warm, as a share."""
    warm = memory[_WARM // 1000]
    return max(memory[_WARM // 1000 :]) / warm - 1


def _tables(
    found: Mapping[str, Any], grown: Mapping[str, Any], messages: int, processes: int
) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in describe(postgresql=None).items())
    plain_rate = found["plain"]["per_second"]
    rows = [
        ("", "messages/s", "CPU each", "÷ plain loop", f"reach ≥ {LEAST:g}"),
        *(
            (
                _NAMES[kind], f"{one['per_second']:.0f}", f"{one['cpu_ms']:.1f} ms",
                f"{one['per_second'] / plain_rate:.2f}",
                "" if kind == "plain" else
                "yes" if one["per_second"] / plain_rate >= LEAST else "**no**",
            )
            for kind, one in found.items()
        ),
    ]  # fmt: skip
    head, *rest = [f"| {' | '.join(row)} |" for row in rows]
    table = "\n".join([head, "|---" * 5 + "|", *rest])
    memory = grown["memory_mib"]
    return (
        f"Measured on: {machine}; {messages:,} messages, {processes} processes.\n\n{table}\n\n"
        f"Memory of one child over {grown['sent']:,} deliveries: {memory[_WARM // 1000]:.0f} MiB "
        f"after {_WARM:,}, {max(memory):.0f} MiB at most ({growth(memory):+.0%})."
    )


if __name__ == "__main__":
    main()
