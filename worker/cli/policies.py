"""The policy of an ISP: show it, check a file, put one in force."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.given import who
from worker.cli.house import open_house
from worker.cli.show import as_json, complain, say, table

if TYPE_CHECKING:
    from billing.policy import Policy
    from worker.house import House

policy = typer.Typer(no_args_is_help=True, help="What an ISP sends, when and over which channels.")
_Slug = Annotated[str, typer.Argument(help="The ISP.")]
_File = Annotated[Path, typer.Argument(help="The policy, TOML; see docs/policies.md.")]
_BYTES = 1_000_000
#: So many messages in a week are a customer's difference; more are a decision.
ASK_ABOVE = 20


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.add_typer(policy, name="policy")


@policy.command("show")
def policy_show(
    slug: _Slug,
    *,
    history: Annotated[
        bool, typer.Option("--history", help="List every policy that it had.")
    ] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print the policy in force as it was given, or the default one: a file to begin with.

    Example: `alerta policy show interatos > policy.toml`
    """
    from billing.policy_file import PolicyError, read_policy

    with open_house() as house:
        if history:
            lines = house.policies.history(slug)
            if json:
                as_json(lines)
                return
            table(
                f"Policies of {slug}",
                ("Version", "Since", "By", "In force"),
                [(line.version, line.since, line.author, line.in_force) for line in lines],
            )
            return
        shown = house.policies.show(slug)
    if json:
        as_json(shown)
    else:
        sys.stdout.write(shown.text if shown.text.endswith("\n") else f"{shown.text}\n")
    try:
        read_policy(shown.text)
    except PolicyError as error:
        complain("this program cannot read it, so nothing is planned or sent:")
        for line in str(error).splitlines():
            complain(line)


@policy.command("check")
def policy_check(file: _File) -> None:
    """Say whether a file is a policy, and what it does; touches nothing.

    Whatever is wrong is told at once, each problem with its line.

    Example: `alerta policy check policy.toml`
    """
    from billing.policy_file import read_policy

    _print(read_policy(_text(file)), str(file))


@policy.command("set")
@audited
def policy_set(
    slug: _Slug,
    file: _File,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ask_above: Annotated[
        int, typer.Option(min=0, help="Ask where so many messages more or fewer would go.")
    ] = ASK_ABOVE,
    by: Annotated[str | None, typer.Option("--by", help="Who says so; default you.")] = None,
) -> None:
    """Put a policy in force, after showing what differs and what the next 7 days would be.

    A file that is refused changes nothing. Open invoices are decided anew; what was sent is not
    sent again, and a step whose day was over before is not made up for. You are asked where the
    week would have more than --ask-above messages more, or fewer, than now.

    Example: `alerta policy set interatos policy.toml`
    """
    from billing.policy_words import differences

    text = _text(file)
    with open_house() as house:
        old, new = house.policies.compare(slug, text)
        if old is None:
            say(f"{slug}: the policy in force cannot be read by this program")
        else:
            for line in differences(old, new) or ("it does the same as the one in force",):
                say(f"{slug}: {line}")
        moves = _show_effect(house, slug, old, new)
        if moves > ask_above and not yes:
            _ask(slug)
        done = house.policies.set(slug, text, author=who(by), now=house.clock())
    if done.changed:
        say(f"{slug}: in force now; {done.replanned} open invoices are decided anew")
    else:
        say(f"{slug}: this very file is in force already")


def _show_effect(house: House, slug: str, old: Policy | None, new: Policy) -> int:
    """Print what the next week would be; return how many messages more or fewer would go."""
    from billing.effect import effect

    if old is None:
        return sys.maxsize  # nothing is known to compare with: a person has to look
    found = effect(house.database, slug, old, new, now=house.clock())
    moved = [
        f"{day:%d/%m} {after - before:+d}"
        for day, before, after in found.per_day
        if after != before
    ]
    if not moved:
        say(f"{slug}: as many messages as now in each of the next 7 days")
        return 0
    say(f"{slug}: messages in the next 7 days: " + ", ".join(moved))
    return max(found.total_more, found.total_fewer)


def _ask(slug: str) -> None:
    """Have a person confirm the change.

    Raises:
        SetupError: if there is nobody to ask, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise SetupError("nothing was changed; add --yes to put it in force without being asked")
    if not typer.confirm(f"Put it in force at {slug}?", err=True):
        raise SetupError("nothing was changed")


def _text(file: Path) -> str:
    """Return what a file holds.

    Raises:
        SetupError: if it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(_BYTES)
        return raw.decode("utf-8-sig")  # a file from Windows may begin with a mark
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file in UTF-8"
        raise SetupError(f"FILE: cannot read {file}: {why}") from None


def _print(read: Policy, title: str) -> None:
    from billing.policy_words import step_lines, terms

    table(
        f"{title} is a policy",
        ("Alert", "Goes", "Over", "In the words of", "Capped"),
        [(one.kind, one.when, one.channels, one.words, one.capped) for one in step_lines(read)],
    )
    table("Its terms", ("Term", "Value"), list(terms(read).items()))
    if read.preset is not None and (note := read.preset.note):
        say(f"{read.preset.code}: {note}")
