"""Hold a customer's alerts back, keep a promise to pay, and let go again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import typer

from billing.held import HoldKind
from billing.holds import HoldError, HoldLine
from worker.cli.audited import audited
from worker.cli.given import who
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, say, table

_Slug = Annotated[str, typer.Argument(help="The ISP.")]
_Client = Annotated[str, typer.Argument(help=CLIENT_HELP)]
_Until = Annotated[str, typer.Option(help="The last day on which nothing is asked: YYYY-MM-DD.")]
_Invoice = Annotated[
    str | None, typer.Option(help="Number or id of one invoice; default all of them.")
]
_By = Annotated[str | None, typer.Option("--by", help="Who says so; default you.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(hold)
    app.command()(promise)
    app.command()(release)
    app.command()(holds)


@audited
def hold(
    slug: _Slug,
    client: _Client,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    until: _Until,
    invoice: _Invoice = None,
    by: _By = None,
) -> None:
    """Ask a customer for nothing until a day is over: a dispute, a mistake, a death.

    Receipts and notes about changes still go. It ends by itself; then the latest step that came
    due meanwhile goes, if it is still worth something.

    Example: `alerta hold interatos 793 --invoice A-0001-793 --reason "disputes the amount"
    --until 2026-12-15`
    """
    _put(HoldKind.HOLD, slug, client, reason, until, invoice, by)


@audited
def promise(
    slug: _Slug,
    client: _Client,
    until: _Until,
    reason: Annotated[str, typer.Option(help="In the customer's words.")] = "promised to pay",
    invoice: _Invoice = None,
    by: _By = None,
) -> None:
    """Believe a customer who says when they will pay: no reminder until that day is over.

    If it is not paid by then, the policy goes on.

    Example: `alerta promise interatos 793 --until 2026-12-05`
    """
    _put(HoldKind.PROMISE, slug, client, reason, until, invoice, by)


@audited
def release(slug: _Slug, client: _Client, invoice: _Invoice = None, by: _By = None) -> None:
    """End what holds a customer's alerts back.

    Example: `alerta release interatos 793`
    """
    with open_house() as house:
        ended = house.holds.release(
            slug, client, invoice=invoice, author=who(by), now=house.clock()
        )
    for line in ended:
        say(f"{line.customer}: the {line.kind} on {_about(line)} until {line.until} is over")


def holds(
    slug: _Slug,
    client: Annotated[str | None, typer.Argument(help=CLIENT_HELP)] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List what is held back now, or all that ever was of one customer.

    Example: `alerta holds interatos`
    """
    with open_house() as house:
        lines = house.holds.lines(slug, client, now=house.clock())
    if json:
        as_json(lines)
        return
    table(
        "Holds and promises",
        ("Customer", "Kind", "Invoice", "Until", "Reason", "By", "Since", "Released", "By"),
        [_row(line) for line in lines],
    )


def _put(
    kind: HoldKind,
    slug: str,
    client: str,
    reason: str,
    until: str,
    invoice: str | None,
    by: str | None,
) -> None:
    with open_house() as house:
        line = house.holds.put(
            slug,
            client,
            kind=kind,
            until=_day(until),
            reason=reason,
            author=who(by),
            invoice=invoice,
            now=house.clock(),
        )
    say(f"{line.customer}: nothing is asked for {_about(line)} until {line.until} is over")


def _row(line: HoldLine) -> Sequence[str | date | datetime | None]:
    return (
        line.customer,
        line.kind,
        line.invoice or "all",
        line.until,
        line.reason,
        line.author,
        line.created_at,
        line.released_at,
        line.released_by,
    )


def _about(line: HoldLine) -> str:
    return f"invoice {line.invoice}" if line.invoice else "any invoice"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HoldError(f"--until: {text!r} is no day; write it as 2026-12-15") from None
