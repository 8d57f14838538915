"""Back the database up, and put a backup back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.house import open_house
from worker.cli.show import complain, remark, say

if TYPE_CHECKING:
    from billing.restoring import Restored


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(backup)
    app.command()(restore)


@audited
def backup(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Copy the SQLite database to a file, while the daemon goes on; checked before it is done.

    The ring of keys is not in it: keep secret.key, or ALERTA_SECRET_KEY, in another place. Without
    it nobody gets tokens and addresses out of a backup, you included. PostgreSQL has pg_dump.

    Example: `alerta backup /backups/alerta-$(date +%F).db`
    """
    from worker.backup import back_up

    with open_house() as house:
        note = back_up(house, file, now=house.clock())
    say(f"{file}: {file.stat().st_size} bytes, revision {note.revision}")
    remark("the ring of keys is not in it; keep it in another place: docs/backup.md")


def restore(
    file: Annotated[
        Path | None, typer.Argument(help="A backup; none after pg_restore put one back.")
    ] = None,
    *,
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="Nothing was sent since the backup: take up where it was."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the database; nothing that may have been sent is sent again.

    Stop the daemon first. What could have left since the backup is uncertain afterwards, for staff
    to resend; steps that came due count as decided, and the first look is silent. The former
    database is kept beside it. With PostgreSQL, run it without FILE after pg_restore.

    Example: `alerta restore /backups/alerta-2026-11-20.db`
    """
    from worker.backup import hold_in_place, put_back, read_note

    if file is None and as_is:
        raise SetupError("without FILE there is nothing to do as it is")
    with open_house(migrated=file is None) as house:
        if file is None:
            _ask("Hold whatever may have been sent since the backup?", yes=yes)
            _say_held(hold_in_place(house, now=house.clock()))
            return
        note = read_note(file)
        at = f"{note.made_at.astimezone():%Y-%m-%d %H:%M}"
        say(f"{file}: made {at}, revision {note.revision}")
        _ask(f"Put it in the place of the database? All since {at} is lost.", yes=yes)
        former, held = put_back(house, file, now=house.clock(), as_is=as_is)
    say("restored")
    if former is not None:
        say(f"the former database is kept as {former}")
    if held is not None:
        _say_held(held)
        remark(f"who stopped alerts, was paired or was forgotten since {at} is not known:")
        remark("go through it by hand before you start the daemon, docs/backup.md says how")


def _ask(question: str, *, yes: bool) -> None:
    """Have a person confirm it.

    Raises:
        SetupError: if there is nobody to ask, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise SetupError("nothing was changed; add --yes to do it without being asked")
    if not typer.confirm(question, err=True):
        raise SetupError("nothing was changed")


def _say_held(held: Restored) -> None:
    say(f"{held.uncertain} deliveries are uncertain: alerta alerts --state uncertain")
    say(f"{held.accounts} customers begin with a silent look; {held.codes} codes were withdrawn")
    if held.unreadable:
        complain(f"no key of the ring opens the token of {', '.join(held.unreadable)}")
        raise typer.Exit(1)
