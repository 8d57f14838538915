"""Invite customers to pair themselves over Telegram, and hear what they write."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from billing.isps import SetupError
from worker.bots import mend
from worker.cli.audited import audited
from worker.cli.given import who
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, progress_bar, remark, say

if TYPE_CHECKING:
    from billing.inviting import Invitation


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command("pair-link")(pair_link)
    app.command()(listen)


@audited
def pair_link(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    client: Annotated[str, typer.Argument(help=CLIENT_HELP)],
    *,
    png: Annotated[Path | None, typer.Option(help="Write the QR code as a picture.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the QR code as a drawing.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a page to print and hand over, as HTML.")
    ] = None,
    days: Annotated[int, typer.Option(help="For how long it works, 1 to 90.")] = 7,
    by: Annotated[
        str | None, typer.Option(help="Who asks for it; default: who is logged in.")
    ] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make a link by which a customer pairs their own Telegram, once, and show it as a QR code.

    Whoever opens it first is paired: give it to the customer and to nobody else. With the first
    link the ISP's bot begins to listen.

    Example: `alerta pair-link interatos 793 --sheet ana.html`
    """
    with open_house() as house:
        with progress_bar("looking the QR code up") as progress:
            made = house.inviting.invite(
                slug,
                client,
                author=who(by),
                now=house.clock(),
                life=timedelta(days=days),
                progress=progress,
            )
        _write(made, png=png, svg=svg, sheet=sheet)
    if json:
        as_json({
            "customer": made.customer,
            "public_id": made.public_id,
            "link": made.link,
            "bot": made.bot,
            "expires_at": made.expires_at,
        })  # fmt: skip
    else:
        from notifications.invitation import in_terminal

        until = made.expires_at.astimezone(ZoneInfo(made.timezone))
        say(f"{made.customer} (public id {made.public_id}) pairs with @{made.bot} by this link:")
        # As it is: a line that is broken cannot be scanned, nor a link be opened.
        sys.stdout.write(f"\n{made.link}\n\n{in_terminal(made.link)}\n")
        say(f"it works once, until {until:%Y-%m-%d %H:%M %Z}")
    if made.trouble is not None:
        remark(f"@{made.bot} cannot listen: {mend(slug, made.trouble)}", warning=True)


def _write(made: Invitation, *, png: Path | None, svg: Path | None, sheet: Path | None) -> None:
    from notifications import invitation

    try:
        if png is not None:
            png.write_bytes(invitation.as_png(made.link))
        if svg is not None:
            svg.write_text(invitation.as_svg(made.link), encoding="utf-8")
        if sheet is not None:
            page = invitation.as_sheet(
                invitation.Sheet(
                    link=made.link,
                    bot=made.bot,
                    isp_name=made.isp_name,
                    first_name=made.first_name,
                    support=made.support,
                    expires_at=made.expires_at,
                    timezone=made.timezone,
                    locale=made.locale,
                )
            )
            sheet.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"cannot write {error.filename}: {error.strerror}") from None


@audited
def listen(*, json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Hear what people wrote to the bots and answer it, once; the daemon does so all the time.

    Example: `alerta listen`
    """
    with open_house() as house:
        report = house.listening.glance(house.clock)
    if json:
        as_json({"heard": report.heard, "answered": report.answered, "paired": len(report.paired)})
        return
    say(f"heard {report.heard}, answered {report.answered}, paired {len(report.paired)}")
