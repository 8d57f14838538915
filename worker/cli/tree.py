"""Which module knows which command; only that one is loaded when the command is given.

Loading all of them takes most of a second, and whoever types one has a customer on the phone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

#: The modules of each command or group, in the order of `alerta --help`.
MODULES: Mapping[str, tuple[str, ...]] = {
    "find": ("finding",),
    "migrate": ("setting_up",),
    "isp": ("setting_up", "isps", "vigil"),
    "keys": ("keys",),
    "policy": ("policies",),
    "pair": ("pairing",),
    "unpair": ("pairing",),
    "accounts": ("pairing",),
    "channels": ("channels",),
    "pair-link": ("inviting",),
    "listen": ("inviting",),
    "account": ("overriding",),
    "sync": ("looking",),
    "resync": ("looking",),
    "invoices": ("looking",),
    "hold": ("holding",),
    "promise": ("holding",),
    "release": ("holding",),
    "holds": ("holding",),
    "explain": ("explaining",),
    "evidence": ("proving",),
    "export": ("privacy",),
    "forget": ("privacy",),
    "baseline": ("releasing",),
    "deliver": ("sending",),
    "alerts": ("sending",),
    "resend": ("sending",),
    "preview": ("previewing",),
    "simulate": ("simulating",),
    "audit": ("auditing",),
    "backup": ("keeping",),
    "restore": ("keeping",),
    "worker": ("running",),
    "beat": ("running",),
    "web": ("running",),
    "up": ("running",),
    "demo": ("running",),
    "sandbox": ("running",),
    "doctor": ("running",),
    "status": ("watching",),
    "port": ("watching",),
}


class Commands(Mapping[str, Any]):
    """The commands by name, each loaded when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        """Return the command or the group of this name."""
        return _load(MODULES[name])[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(MODULES)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(MODULES)


class Tree(TyperGroup):
    """The group of all commands."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = cast(Any, Commands())


def part() -> typer.Typer:
    """Return what modules register their commands with: every level reads its help alike."""
    return typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)


@cache
def _load(modules: tuple[str, ...]) -> Mapping[str, Any]:
    mine = part()
    for module in modules:
        import_module(f"worker.cli.{module}").register(mine)
    return get_group(mine).commands
