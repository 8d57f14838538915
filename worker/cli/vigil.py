"""Who is told that the worker itself is well, or is not: heartbeats, the operator's digest."""

from __future__ import annotations

from typing import Annotated

import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.given import line_of_stdin
from worker.cli.house import open_house
from worker.cli.setting_up import isp
from worker.cli.show import as_json, say


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta isp`, which is there already."""
    del app
    isp.command("heartbeat")(isp_heartbeat)
    isp.command("operator-digest")(isp_operator_digest)


@audited(if_given=("url", "off"))
def isp_heartbeat(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    url: Annotated[
        str | None,
        typer.Argument(
            help="https://hc-ping.com/UUID or its like; - = from stdin; none = show it."
        ),
    ] = None,
    *,
    fail: Annotated[
        bool, typer.Option("--fail", help="Call URL/fail too, when looks fail for long.")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="Call nobody any more.")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Call a URL after each complete look of an ISP, so that somebody outside misses it.

    A service such as Healthchecks.io, or your own monitoring, alarms when the call stays away: give
    it twice the time between two looks. The URL is a secret: it is sealed, and shown by its host.

    Example: `alerta isp heartbeat interatos https://hc-ping.com/UUID`
    """
    if off and (url or fail):
        raise SetupError("--off takes the URL away: name none, and no --fail")
    if fail and url is None:
        raise SetupError("--fail goes with a URL: name it again")
    given = line_of_stdin(url, what="URL") if url is not None else None
    with open_house() as house:
        if off:
            gone = house.heartbeats.take_away(slug)
            say(f"{slug}: {'nobody is called any more' if gone else 'nobody was called'}")
            return
        if given is not None:
            to = house.heartbeats.set(slug, given, tells_failures=fail)
            say(f"{slug}: {to} is called after each complete look")
            return
        stands = house.heartbeats.standing(slug)
    if json:
        as_json(stands)
        return
    if stands is None:
        say(f"{slug}: nobody is called; alerta isp heartbeat {slug} URL")
        return
    last = f"{stands.pinged_at.astimezone():%Y-%m-%d %H:%M}" if stands.pinged_at else "never yet"
    also = ", failures too" if stands.tells_failures else ""
    say(f"{slug}: {stands.to} is called after each complete look{also}; last: {last}")
    if stands.trouble:
        say(f"the last try failed: {stands.trouble}")


@audited(if_given=("days", "at"))
def isp_operator_digest(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    days: Annotated[
        str | None, typer.Argument(help="daily, weekdays, weekly (Mondays) or never; none = show.")
    ] = None,
    *,
    at: Annotated[str | None, typer.Option(help="HH:MM on the ISP's wall; 08:00 at first.")] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say on which mornings the operator is told what left, what failed and what waits.

    It goes to the channels of `alerta isp operator`, and only where there is something to tell.

    Example: `alerta isp operator-digest interatos weekdays --at 07:30`
    """
    with open_house() as house:
        kept, time = house.mornings.set(slug, days, at)
    if json:
        as_json({"days": kept.value, "at": time})
        return
    when = "never" if kept.value == "never" else f"{kept.value} at {time}"
    say(f"{slug}: the operator's digest goes {when}")
