"""A command is known without being loaded, and only what was given is loaded."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest
import typer.main

import worker.cli
from tests.support.processes import ROOT
from worker.cli.main import app
from worker.cli.tree import MODULES, part

#: What takes longest to load, and what a command of support that only reads has no use for.
HEAVY = (
    "alembic", "apprise", "celery", "httpx", "jinja2", "limits", "opentelemetry", "redis",
    "stamina",
)  # fmt: skip


def registered(module: str) -> set[str]:
    """Return the names that a module registers."""
    mine = part()
    import_module(f"worker.cli.{module}").register(mine)
    return set(typer.main.get_group(mine).commands)


def registering() -> set[str]:
    """Return the modules that register commands."""
    names = {found.name for found in pkgutil.iter_modules(worker.cli.__path__)}
    return {name for name in names if hasattr(import_module(f"worker.cli.{name}"), "register")}


@pytest.mark.parametrize("module", sorted(registering()))
def test_every_module_is_found_by_each_of_its_commands(module: str) -> None:
    """What a module registers is in the tree, and nothing else is said to be its own."""
    said = {name for name, modules in MODULES.items() if module in modules}
    if registered(module):
        assert registered(module) == said
    else:  # it adds to the group of another one
        assert len(said) == 1
        (group,) = said
        assert registered(MODULES[group][0]) >= said


def test_every_module_is_in_the_tree() -> None:
    """No command is forgotten, and every one that is named can be loaded."""
    assert registering() == {module for modules in MODULES.values() for module in modules}
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [command.name for command in commands.values()] == list(MODULES)


def test_an_unknown_command_is_told_what_was_meant() -> None:
    """A slip of the finger gets the right word, before anything is loaded."""
    ran = alerta("fnid", "ana")
    assert ran.returncode == 2
    assert "Did you mean 'find'" in ran.stderr.replace("\n", " ")


def test_the_program_says_which_it_is() -> None:
    """Whoever reports something is asked for it."""
    ran = alerta("--version")
    assert ran.stdout.startswith("alerta ")
    assert ran.stdout.split()[1][0].isdigit()


@pytest.mark.parametrize("module", ["finding", "holding", "sending", "explaining", "auditing"])
def test_a_command_of_support_loads_nothing_heavy(module: str) -> None:
    """Half a second of somebody else's code is what a customer on the phone would wait for."""
    asked = (
        "import sys; import worker.cli.main, worker.house, billing.card, billing.searching,"
        f" billing.auditing, worker.cli.{module};"
        f"print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == []


def alerta(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return subprocess.run(
        [sys.executable, "-m", "worker", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
