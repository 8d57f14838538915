"""Pair and unpair customers, and list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.audited import audited
from worker.cli.given import line_of_stdin, who
from worker.cli.house import open_house
from worker.cli.show import as_json, complain, progress_bar, say, table

if TYPE_CHECKING:
    from billing.pairing import Paired

CLIENT_HELP = "UUID, public id, custom id, national id, e-mail, or the text of the portal's QR."
TO_HELP = "ana@example.org, telegram:12345, ntfy:topic, or any Apprise URL; - = from stdin."
RISK_HELP = "Use an unofficial WhatsApp gateway, whose number WhatsApp may ban."


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(pair)
    app.command()(unpair)
    app.command()(accounts)


@audited
def pair(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    client: Annotated[str, typer.Argument(help=CLIENT_HELP)],
    to: Annotated[list[str], typer.Option(help=TO_HELP)],
    locale: Annotated[str | None, typer.Option(help="The customer's; default the ISP's.")] = None,
    *,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Do not tell new channels that alerts will come.")
    ] = False,
    accept_ban_risk: Annotated[bool, typer.Option("--accept-ban-risk", help=RISK_HELP)] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; default: who is logged in.")] = None,
) -> None:
    """Pair a customer with the channels on which they want their alerts.

    Each new channel is told so, once, unless `--quiet`. A number that fits several customers is
    refused; say which id it is: `public:793`, `custom:0793`, `national:30111222`. The first look is
    a silent baseline.

    Example: `alerta pair interatos 793 --to ana@example.org --to telegram:12345`
    """
    from worker.nudge import look_soon

    to = [line_of_stdin(one, what="--to") for one in to]

    with open_house() as house:
        with progress_bar("looking the QR code up") as progress:
            paired = house.pairing.pair(
                *(slug, client, to),
                now=house.clock(),
                locale=locale,
                progress=progress,
                quiet=quiet,
                risk_accepted_by=who(by) if accept_ban_risk else None,
            )
        look_soon(house.settings, paired.account_id)
    tell_paired(slug, paired, "paired")


def tell_paired(slug: str, paired: Paired, what: str) -> None:
    """Say which channels a customer has now, and what they still need."""
    where = ", ".join(paired.added + paired.known)
    customer = f"{paired.client.name} (public id {paired.client.public_id})"
    say(f"paired {customer} with {where}" if what == "paired" else f"{customer} has {where} now")
    if paired.welcomed:
        say(f"{paired.welcomed} of them will be told so, within the contact hours")
    for scheme in paired.without_transport:
        complain(f"{slug} has no sending account yet: alerta isp transport {slug} {scheme} URL")


@audited
def unpair(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    client: Annotated[str, typer.Argument(help=CLIENT_HELP)],
) -> None:
    """Stop every alert of a customer; what is planned does not go.

    Example: `alerta unpair interatos 793`
    """
    with open_house() as house:
        name = house.pairing.unpair(slug, client, now=house.clock())
        say(f"unpaired {name}; no alert will be sent any more")


def accounts(
    slug: Annotated[str | None, typer.Argument(help="The ISP; default all.")] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List customers, their channels and what they owe.

    Example: `alerta accounts interatos`
    """
    from billing.isps import find_isp
    from models import questions

    with open_house() as house, house.database.read() as session:
        isp_id = find_isp(session, slug).id if slug else None
        lines = questions.accounts(session, isp_id=isp_id)
    if json:
        as_json(lines)
        return
    table(
        "Accounts",
        ("ISP", "Id", "Name", "Paired", "Channels", "Open", "Balance", "Looked at", "Trouble"),
        [
            (
                a.isp,
                a.public_id,
                a.name,
                a.paired,
                a.channels,
                a.open_invoices,
                a.open_balance,
                a.looked_at,
                a.trouble,
            )
            for a in lines
        ],
    )
