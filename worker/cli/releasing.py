"""The first look announces nothing: show what it found, release one digest per account."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.house import open_house
from worker.cli.show import as_json, say, table

if TYPE_CHECKING:
    from billing.baseline import BaselineReport


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(baseline)


@audited(if_given="release")
def baseline(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    limit: Annotated[
        int | None,
        typer.Option(help="Release only so many accounts, the oldest debts first.", min=1),
    ] = None,
    *,
    release: Annotated[
        bool, typer.Option("--release", help="Plan one digest for each account, once for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before releasing.")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show the debts that the silent first looks found. `--release` sends each account a digest.

    A digest lists what is still unpaid when it goes, at most ten invoices and one total, within
    contact hours. An account gets it once; a second release goes on with the others.

    Example: `alerta baseline interatos --release --limit 100`
    """
    with open_house() as house:
        report = house.baseline.report(slug, now=house.clock())
        if not release:
            _show(report, json=json)
            return
        number = min(report.reachable, report.reachable if limit is None else limit)
        if number and not yes:
            _ask(report, number)
        tally = house.baseline.release(slug, now=house.clock(), limit=limit)
    if json:
        as_json(asdict(tally))
    else:
        say(f"{slug}: {tally.alerts} digests planned, {tally.deliveries} deliveries")


def _show(report: BaselineReport, *, json: bool) -> None:
    if json:
        as_json(report)
        return
    if not report.accounts:
        say(f"{report.isp}: no account has old debts that were not released")
        return
    table(
        f"Old debts of {report.isp}, told to nobody",
        ("Accounts overdue", "Invoices", "Total", "Oldest due date", "Would get it", "Cannot"),
        [
            (
                *(report.accounts, report.invoices, _money(report), report.oldest_due_date),
                *(report.reachable, report.unreachable),
            )
        ],
    )
    say(
        f"{report.accounts} accounts already overdue, {_money(report)}; "
        f"alerta baseline {report.isp} --release tells {report.reachable} of them once"
    )


def _ask(report: BaselineReport, number: int) -> None:
    """Have a person confirm the release.

    Raises:
        SetupError: if there is nobody to ask, or the answer is no.
    """
    what = f"{number} accounts of {report.isp} would get a digest of their old debts"
    if not sys.stdin.isatty():
        raise SetupError(f"{what}; add --yes to release them without being asked")
    if not typer.confirm(f"{what}. Release?", err=True):
        raise SetupError("nothing was released")


def _money(report: BaselineReport) -> str:
    from notifications.language import resolve

    return resolve(report.locale, report.currency).money(report.total, report.currency)
