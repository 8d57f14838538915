"""The table of docs/reliability.md and its JSON; the text there stays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
_KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_TITLES = {
    "kills": "kill -9 at random moments",
    "flushes": "Valkey emptied and restarted",
    "clocks": "two daemons, clocks 90 s apart",
    "bot": "one Telegram bot at 30 a second",
    "down": "the mail server away, a bot at work",
    "hosts": "two hosts, one cut off for 45 s",
}
_COLUMNS = (
    "trial", "database", "deliveries", "messages", "`sent`", "`uncertain`", "sent once more",
    "arrived twice", "broken promises",
)  # fmt: skip


def merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every trial once, the newest of each, in the order of the table."""
    latest = {(one["trial"], one["kind"]): one for one in [*old, *new]}
    return [latest[name, kind] for name in _TITLES for kind in _KINDS if (name, kind) in latest]


def tables(found: dict[str, Any]) -> str:
    """Return what stands between the markers."""
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    rows = [
        (
            _TITLES[one["trial"]], _KINDS[one["kind"]], f"{one['deliveries']:,}",
            f"{one['messages']:,}", f"{one['sent']:,}", f"{one['uncertain']:,}",
            f"{one['again']:,}", f"{one['twice']:,}", str(len(one["faults"])),
        )
        for one in found["trials"]
    ]  # fmt: skip
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *rows]
    parts = [
        f"Measured on: {machine}.",
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        "\n".join(f"* {_what_happened(one)}" for one in found["trials"]),
    ]
    if faults := [f"* {_name(one)}: {why}" for one in found["trials"] for why in one["faults"]]:
        parts += ["**Broken promises:**", "\n".join(faults)]
    return "\n\n".join(parts)


def _name(one: dict[str, Any]) -> str:
    return f"{_TITLES[one['trial']]}, {_KINDS[one['kind']]}"


def _what_happened(one: dict[str, Any]) -> str:
    blows = ", ".join(f"{number} × {what}" for what, number in one["blows"].items())
    note = one.get(
        "note", f"{one['uncertain_arrived']} of {one['uncertain']} `uncertain` had arrived"
    )
    return f"{_name(one)} (seed {one['seed']}, {one['seconds']} s): {blows}; {note}."


def read(data: Path) -> list[dict[str, Any]]:
    """Return the trials that were kept, if any."""
    if not data.exists():
        return []
    trials: list[dict[str, Any]] = msgspec.json.decode(data.read_bytes())["trials"]
    return trials


def write(found: dict[str, Any], *, page: Path, data: Path) -> None:
    """Write the JSON, and the table between the markers of the page."""
    text = page.read_text(encoding="utf-8")
    between = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    assert between.search(text), f"{page} has lost its markers"
    whole = f"{BEGIN}\n\n{tables(found)}\n\n{END}"
    page.write_text(between.sub(lambda _: whole, text), encoding="utf-8")
    data.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
