"""What people did by hand: who, when, what, and how it ended."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from billing.isps import SetupError
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, remark, table

if TYPE_CHECKING:
    from billing.auditing import AuditLine
    from worker.house import House

#: A few screens; a file takes as many as are asked for.
LATEST = 200


def register(app: typer.Typer) -> None:
    """Add this command to `alerta`."""
    app.command()(audit)


def audit(
    slug: Annotated[str | None, typer.Argument(help="The ISP; default all.")] = None,
    client: Annotated[str | None, typer.Argument(help=CLIENT_HELP)] = None,
    *,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day.")] = (
        None
    ),
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last day, included.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Only what this person did.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = LATEST,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List what people changed by hand: who, when, what, about whom, and how it ended.

    Staff by their commands, customers by what they wrote to the ISP's bot. No secret is kept, of
    destinations the label. An action without an end broke off. Days are the ISP's, else this
    machine's.

    Example: `alerta audit interatos 793 --from 2026-11-01`
    """
    with open_house() as house:
        zone = _zone(house, slug)
        found = house.auditing.lines(
            slug=slug,
            client=client,
            since=_midnight(first, "--from", zone),
            until=_midnight(last, "--to", zone, days=1),
            who=by,
            limit=limit,
        )
    if json:
        as_json(found.lines)
    else:
        table(
            "Done by hand",
            ("When", "Who", "ISP", "Customer", "Command", "With", "Ended"),
            [
                (
                    line.at,
                    line.who,
                    line.isp,
                    _customer(line),
                    line.command,
                    _with(line),
                    _end(line),
                )
                for line in found.lines
            ],
        )
    if found.earlier:
        remark(f"the latest {len(found.lines)}; --limit, --from and --to show others")


def _customer(line: AuditLine) -> str | None:
    if line.customer is None or line.public_id is None:
        return line.customer
    return f"{line.customer} ({line.public_id})"


def _with(line: AuditLine) -> str:
    return ", ".join(f"{name} {value}" for name, value in line.arguments.items())


def _end(line: AuditLine) -> str:
    word = line.outcome.value.replace("_", " ")
    return f"{word}: {line.detail}" if line.detail else word


def _zone(house: House, slug: str | None) -> ZoneInfo | None:
    """Return the zone in which days begin; None = this machine's."""
    from billing.isps import find_isp

    if slug is None:
        return None
    with house.database.read() as session:
        return ZoneInfo(find_isp(session, slug).timezone)


def _midnight(
    text: str | None, option: str, zone: ZoneInfo | None, *, days: int = 0
) -> datetime | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise SetupError(f"{option}: {text!r} is no day; write it as 2026-12-15") from None
    begun = datetime.combine(day + timedelta(days=days), time())
    return begun.replace(tzinfo=zone) if zone is not None else begun.astimezone()
