"""The channels of one customer: list, add, test, close, open, take away, put in order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.given import STDIN, line_of_stdin, who
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP, RISK_HELP, TO_HELP, tell_paired
from worker.cli.show import as_json, complain, remark, say, table

if TYPE_CHECKING:
    from billing.channels import Changed, ChannelLine
    from billing.delivery.trial import Tried

channels = typer.Typer(no_args_is_help=True, help="Where one customer's alerts go.")
_Slug = Annotated[str, typer.Argument(help="The ISP.")]
_Client = Annotated[str, typer.Argument(help=CLIENT_HELP)]
_Number = Annotated[int, typer.Argument(help="Of the channel, as `alerta channels list` shows it.")]
_By = Annotated[str | None, typer.Option(help="Who says so; default: who is logged in.")]
_Json = Annotated[bool, typer.Option("--json")]


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.add_typer(channels, name="channels")


@channels.command("list")
def channels_list(slug: _Slug, client: _Client, *, json: _Json = False) -> None:
    """List a customer's channels in their order, and how each fared in the last 30 days.

    Example: `alerta channels list interatos 793`
    """
    from billing.channels import channel_lines

    with open_house() as house, house.database.read() as session:
        account = house.whom.find(session, slug, client)
        lines = channel_lines(session, account, now=house.clock())
    if json:
        as_json(lines)
        return
    columns = (
        "No.", "Order", "Kind", "To", "Since", "State", "Closed", "By", "Why", "Health",
        "Last arrived", "Ban risk taken by",
    )  # fmt: skip
    table(
        f"Channels of {account.name}",
        columns,
        [
            (
                one.number,
                "" if one.order is None else one.order,
                one.kind,
                one.label,
                one.since,
                one.state,
                one.closed_at or "",
                one.closed_by,
                one.why,
                _health(one),
                one.delivered_at or "",
                one.ban_risk_accepted_by,
            )
            for one in lines
        ],
    )


@channels.command("add")
@audited
def channels_add(
    slug: _Slug,
    client: _Client,
    *,
    to: Annotated[list[str] | None, typer.Option(help=TO_HELP)] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="One destination a line; - = all of stdin."),
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="They go before the others, in this order.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Do not tell new channels that alerts will come.")
    ] = False,
    accept_ban_risk: Annotated[bool, typer.Option("--accept-ban-risk", help=RISK_HELP)] = False,
    by: _By = None,
) -> None:
    """Give a paired customer more channels; one that was closed or taken away works again.

    Example: `alerta channels add interatos 793 --to ntfy:ana-7f3k2 --first`
    """
    destinations = [line_of_stdin(one, what="--to") for one in to or ()]
    if file is not None:
        destinations += _lines_of(file)
    with open_house() as house:
        paired = house.pairing.add(
            *(slug, client, destinations),
            now=house.clock(),
            first=first,
            quiet=quiet,
            risk_accepted_by=who(by) if accept_ban_risk else None,
        )
    tell_paired(slug, paired, "added")


@channels.command("test")
@audited
def channels_test(
    slug: _Slug, client: _Client, number: _Number, *, by: _By = None, json: _Json = False
) -> None:
    """Send one message, marked as a test, to a channel now, and say how it went.

    It takes the way of the alerts, at any hour, and is on record like them. Exit code 1 unless the
    provider took it.

    Example: `alerta channels test interatos 793 2`
    """
    with open_house() as house:
        tried = house.trial.send(slug, client, number, author=who(by), clock=house.clock)
    if json:
        as_json(tried)
    else:
        _tell_tried(tried)
    if tried.state != "sent":
        raise typer.Exit(1)


@channels.command("disable")
@audited
def channels_disable(
    slug: _Slug,
    client: _Client,
    number: _Number,
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    by: _By = None,
) -> None:
    """Close one channel: nothing leaves for it from this moment on, the others go on.

    Example: `alerta channels disable interatos 793 2 --reason "wants e-mail only"`
    """
    with open_house() as house:
        done = house.channels.disable(
            *(slug, client, number), reason=reason, author=who(by), now=house.clock()
        )
    _tell(done, "closed")


@channels.command("enable")
@audited
def channels_enable(slug: _Slug, client: _Client, number: _Number) -> None:
    """Open a channel again, for what is owed from now on.

    Example: `alerta channels enable interatos 793 2`
    """
    with open_house() as house:
        done = house.channels.enable(slug, client, number)
    say(f"opened {done.label} of {done.customer}; it had been closed: {done.was}")


@channels.command("remove")
@audited
def channels_remove(slug: _Slug, client: _Client, number: _Number, *, by: _By = None) -> None:
    """Take a channel away: nothing leaves for it from now on; what was sent stays on record.

    Example: `alerta channels remove interatos 793 2`
    """
    with open_house() as house:
        done = house.channels.remove(slug, client, number, author=who(by), now=house.clock())
    _tell(done, "took away")


@channels.command("order")
@audited
def channels_order(
    slug: _Slug,
    client: _Client,
    numbers: Annotated[list[int], typer.Argument(help="The first, the second …; others follow.")],
) -> None:
    """Say which channel goes first: where one a week is allowed, it is the one that is used.

    Example: `alerta channels order interatos 793 2 1`
    """
    with open_house() as house:
        labels = house.channels.order(slug, client, numbers)
    say("in this order: " + ", ".join(labels))


def _lines_of(file: str) -> list[str]:
    """Return the destinations of a file, so that none of them is in a list of processes."""
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise SetupError(f"--file: cannot read {file}: {why}") from None
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise SetupError("--file: there is no destination in it")
    return found


def _health(one: ChannelLine) -> str:
    """Return "good: 12 of 12", "shaky: 3 of 5, 1 failed, 1 uncertain", "untried"."""
    tries = one.delivered + one.failed + one.uncertain
    if not tries:
        return one.condition.value
    lost = [
        f"{number} {word}"
        for number, word in ((one.failed, "failed"), (one.uncertain, "uncertain"))
        if number
    ]
    return ", ".join([f"{one.condition.value}: {one.delivered} of {tries}", *lost])


def _tell(done: Changed, what: str) -> None:
    say(
        f"{what} {done.label} of {done.customer}; alerts that had not left for it: {done.cancelled}"
    )
    if done.taken_over:
        say(f"{done.taken_over} of them go to another channel")
    if not done.left:
        remark(f"{done.customer} has no open channel left and gets nothing", warning=True)


def _tell_tried(tried: Tried) -> None:
    said = f" ({tried.detail})" if tried.detail else ""
    what = f"test to {tried.channel} of {tried.customer}"
    match tried.state:
        case "sent":
            say(f"{what}: sent{said}")
        case "uncertain":
            complain(f"{what}: it may have arrived{said}")
        case "planned":
            complain(f"{what}: not yet, {tried.reason or 'it waits'}{said}; within 10 minutes "
                     "it goes by itself, or not at all")  # fmt: skip
        case _:
            complain(f"{what}: {tried.state}, {tried.reason}{said}")
    if tried.closed:
        remark("the provider refused it for good: the channel is closed now", warning=True)
    say(f"on record as delivery {tried.delivery}: alerta alerts")
