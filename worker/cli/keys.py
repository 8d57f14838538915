"""The ring of keys: make one, rotate it, see what hangs on which, drop one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.audited import audited
from worker.cli.house import open_house
from worker.cli.show import as_json, complain, remark, say, table

if TYPE_CHECKING:
    from worker.rotating import Rotated

keys = typer.Typer(no_args_is_help=True, help="The ring of keys that seals tokens and addresses.")
_Show = Annotated[
    bool, typer.Option("--show", help="Change no file: print the ring that is to be set.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.add_typer(keys, name="keys")


@keys.command("new")
def keys_new() -> None:
    """Print a fresh key.

    Example: `alerta keys new > secret.key && chmod 600 secret.key`
    """
    from config.ring import new_key

    say(new_key())


@keys.command("rotate")
@audited
def keys_rotate(
    *,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Only open with the new key; the next rotation lets it seal."
        ),
    ] = False,
    show: _Show = False,
) -> None:
    """Let a new key seal from now on, and seal everything again under it; nothing has to stop.

    Processes on this machine whose ring is a file notice it by themselves. Where the ring is in the
    environment, or each host has a file of its own, it goes in two steps: this prints, or with
    --prepare writes, a ring that opens with the new key; once every process has it, the next call
    puts that key in front.

    Example: `alerta keys rotate`
    """
    from config.ring import key_name
    from worker.rotating import rotate

    with open_house() as house:
        was = house.vault.ring
        done = rotate(house, prepare=prepare, show=show)
    if done.file is None:
        sys.stdout.write(",".join(done.ring.entries()) + "\n")
        if done.ring.following is not None:
            remark("set this as ALERTA_SECRET_KEY of every process, restart each of them in turn,")
            remark("then run alerta keys rotate again: the second step lets the new key seal")
        else:
            remark("set this as ALERTA_SECRET_KEY of every process, restart each of them in turn,")
            remark("then run alerta keys reseal")
        return
    if done.ring.following is not None:
        say(f"key {key_name(done.ring.following)} opens now, as {done.file} says")
        say("copy that file to every host of this installation, then: alerta keys rotate")
        return
    say(f"key {key_name(done.ring.keys[0])} seals now; {done.resealed} values sealed again")
    say(f"once alerta keys status shows none under the former one: {_drop(key_name(was.keys[0]))}")


@keys.command("status")
def keys_status(*, json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Show each key of the ring by its name, what it does, and how many values hang on it.

    Exit code 1 if there are values that no key opens.

    Example: `alerta keys status`
    """
    from billing.resealing import NO_KEY
    from worker.rotating import status

    with open_house() as house:
        lines = status(house)
    if json:
        as_json(lines)
    else:
        table(
            "Keys, newest first",
            ("Key", "Does", "Values", "In"),
            [
                (one.key, one.does, one.values, [f"{n} {where}" for where, n in one.tables.items()])
                for one in lines
            ],
        )
    if unreadable := sum(one.values for one in lines if one.key == NO_KEY):
        complain(f"no key opens {unreadable} values: put the key back that sealed them")
        raise typer.Exit(1)


@keys.command("drop")
@audited
def keys_drop(
    name: Annotated[str, typer.Argument(metavar="KEY", help="As alerta keys status names it.")],
    *,
    show: _Show = False,
) -> None:
    """Take a key out of the ring; refused while anything is sealed under it.

    What it hashed is found as before: the key that makes the hashes stays, and opens nothing. A
    backup from before needs the dropped key: keep a copy of the ring with it.

    Example: `alerta keys drop 1f0c2a9e`
    """
    from worker.rotating import drop

    with open_house() as house:
        done = drop(house, name, show=show)
    _dropped(name, done)


def _dropped(name: str, done: Rotated) -> None:
    if done.file is None:
        sys.stdout.write(",".join(done.ring.entries()) + "\n")
        remark("set this as ALERTA_SECRET_KEY of every process and restart them")
    else:
        say(f"key {name} opens nothing any more")


@keys.command("reseal")
@audited
def keys_reseal() -> None:
    """Seal again, under the newest key, whatever is sealed under an older one.

    The daemon does so each night.

    Example: `alerta keys reseal`
    """
    with open_house() as house:
        say(f"{house.maintenance.reseal()} values sealed again under the newest key")


def _drop(name: str) -> str:
    return f"alerta keys drop {name}"
