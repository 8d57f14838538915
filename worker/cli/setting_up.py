"""Set up: tables, ISPs, sending accounts."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from billing.isps import IspSetup, SetupError
from worker.bots import mend
from worker.cli.audited import audited
from worker.cli.given import line_of_stdin, secret_of_file
from worker.cli.house import open_house
from worker.cli.show import as_json, complain, say, table

isp = typer.Typer(no_args_is_help=True, help="ISPs and their sending accounts.")


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(migrate)
    app.add_typer(isp, name="isp")


def migrate() -> None:
    """Bring the database to the current schema.

    Example: `alerta migrate`
    """
    from models.schema import migrate as run

    with open_house(migrated=False) as house:
        house.require_known_schema()
        say(f"the database is at revision {run(house.database.engine)}")


@isp.command("add")
@audited
def isp_add(
    slug: Annotated[str, typer.Argument(help="Short name, e.g. interatos.")],
    name: Annotated[str, typer.Option(help="As customers know it.")],
    base_url: Annotated[str, typer.Option(help="https://www.cloud.wispro.co/api/v1")],
    token_file: Annotated[Path, typer.Option(help="File that holds the Wispro token.")],
    timezone: Annotated[str, typer.Option(help="IANA zone.")] = "America/Argentina/Cordoba",
    locale: Annotated[str, typer.Option(help="es_AR, pt_BR, en …")] = "es_AR",
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "ARS",
    portal_url: Annotated[str | None, typer.Option(help="The customer portal.")] = None,
    pay_url: Annotated[
        str | None, typer.Option(help="Pay link: https://…/{invoice_id}, {public_id}, {amount} …")
    ] = None,
    support: Annotated[str | None, typer.Option(help="Who helps: phone, e-mail.")] = None,
    contact_hours: Annotated[str, typer.Option(help="HH:MM-HH:MM, local.")] = "09:00-19:00",
    minimum_amount: Annotated[str, typer.Option(help="Ask for nothing below this.")] = "0",
    debt_sign: Annotated[
        str, typer.Option(help="Sign of Wispro's balance_amount that means debt.")
    ] = "negative",
    rate: Annotated[float, typer.Option(help="Requests per second to Wispro.")] = 2.0,
) -> None:
    """Add an ISP.

    Example: `alerta isp add interatos --name "Interatos sas" --base-url
    https://www.cloud.wispro.co/api/v1 --token-file token.txt`
    """
    token = secret_of_file(token_file, what="--token-file")
    try:
        minimum = Decimal(minimum_amount)
    except InvalidOperation:
        raise SetupError(f"--minimum-amount: {minimum_amount!r} is no amount") from None
    with open_house() as house:
        house.isps.add(
            IspSetup(
                slug=slug,
                name=name,
                base_url=base_url,
                token=token,
                timezone=timezone,
                locale=locale,
                currency=currency,
                portal_url=portal_url,
                pay_url=pay_url,
                support=support,
                contact_hours=contact_hours,
                minimum_amount=minimum,
                debt_sign=debt_sign,
                requests_per_second=rate,
            ),
            now=house.clock(),
        )
        say(f"added {slug}; next: alerta isp transport {slug} email mailto://…")


@isp.command("transport")
@audited
def isp_transport(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    kind: Annotated[str, typer.Argument(help="email, telegram or ntfy.")],
    url: Annotated[
        str, typer.Argument(help="The sending account as an Apprise URL; - = from stdin.")
    ],
) -> None:
    """Set the ISP's own sending account; customers then only have an address.

    With `-` the URL is a line of stdin, and its password in no list of processes.

    Example: `alerta isp transport interatos email
    "mailtos://user:password@smtp.isp.example?from=avisos@isp.example"`
    """
    url = line_of_stdin(url, what="URL")
    with open_house() as house:
        house.isps.set_transport(slug, kind, url, now=house.clock())
        say(f"{slug} sends {kind} from its own account now")


@isp.command("bot")
@audited
def isp_bot(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    *,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take away a webhook that its messages go to.")
    ] = False,
) -> None:
    """Let the ISP's Telegram bot listen to what customers write, and say how it fares.

    A bot that only sends alerts does not listen until this or the first `alerta pair-link`: its
    messages may be read by a program of the ISP's own, and Telegram lets one read.

    Example: `alerta isp bot interatos`
    """
    with open_house() as house:
        state = house.inviting.listen(slug, now=house.clock(), take_over=take_over)
    say(f"{slug}: @{state.bot} listens since {state.since.astimezone():%Y-%m-%d %H:%M}")
    if state.listened_at is None:
        say("the daemon has not asked for its messages yet")
    else:
        say(f"Telegram answered last at {state.listened_at.astimezone():%Y-%m-%d %H:%M}")
    if state.trouble is not None and not take_over:
        complain(f"@{state.bot} cannot listen: {mend(slug, state.trouble)}")
        raise typer.Exit(1)


@isp.command("tune")
@audited(if_given=("rate", "full_every_days", "hold_share", "hold_at_least", "hold_volume"))
def isp_tune(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    *,
    rate: Annotated[float | None, typer.Option(help="Requests per second to Wispro.")] = None,
    full_every_days: Annotated[
        int | None, typer.Option(help="Within so many days everything is read once.")
    ] = None,
    hold_share: Annotated[
        int | None, typer.Option(help="Hold a run that changes more than this % of open invoices,")
    ] = None,
    hold_at_least: Annotated[int | None, typer.Option(help="and at least so many,")] = None,
    hold_volume: Annotated[
        int | None, typer.Option(help="or that would send so many times the usual.")
    ] = None,
    no_look_hours: Annotated[
        int | None, typer.Option(help="Tell the operator after so long without a complete look,")
    ] = None,
    no_send_hours: Annotated[
        int | None, typer.Option(help="or with alerts due of which none leaves.")
    ] = None,
) -> None:
    """Change how an ISP is looked at, what holds a run and what silence is told; shows how it is.

    Example: `alerta isp tune interatos --rate 1 --hold-share 30`
    """
    from billing.isps import Tuning

    with open_house() as house:
        now = house.isps.tune(
            slug,
            Tuning(
                requests_per_second=rate,
                full_every_days=full_every_days,
                hold_share=hold_share,
                hold_at_least=hold_at_least,
                hold_volume=hold_volume,
                no_look_hours=no_look_hours,
                no_send_hours=no_send_hours,
            ),
        )
    say(f"{slug}: " + ", ".join(f"{name} {value:g}" for name, value in now.items()))


@isp.command("limits")
@audited
def isp_limits(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    kind: Annotated[str, typer.Argument(help="email, telegram or ntfy.")],
    limits: Annotated[
        str, typer.Argument(help='"30/second; 2000/day; recipient 1/second", none or default.')
    ],
) -> None:
    """Say how much the provider of a sending account lets through; all workers keep to it.

    What would exceed it waits its turn, the oldest first; a day's allowance is spread over hours.

    Example: `alerta isp limits interatos email "60/minute; 2000/day"`
    """
    with open_house() as house:
        wanted = None if limits.strip().lower() == "default" else limits
        kept = house.isps.set_limits(slug, kind, wanted)
    several = [*kept.account, *kept.recipient]
    said = [f"{one.amount} in {one.seconds} s" for one in kept.account]
    said += [f"{one.amount} in {one.seconds} s to one recipient" for one in kept.recipient]
    say(f"{slug}: {kind} sends at most {', '.join(said)}" if several else f"{slug}: no limit")


@isp.command("budget")
@audited(if_given="segments")
def isp_budget(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    medium: Annotated[str, typer.Argument(help="sms: what is paid for by the piece.")],
    segments: Annotated[
        str | None, typer.Argument(help="At most so many a calendar month, or none.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say how many SMS segments an ISP pays for in a month, or show how that stands.

    What would exceed it waits for the next month, or does not go; the customer's other channels go
    on. The operator is told at 80 % and when it is spent. What certainly did not arrive is free.

    Example: `alerta isp budget interatos sms 5000`
    """
    from billing.delivery.budgets import budget_now
    from billing.isps import check_paid, find_isp

    check_paid(medium)
    with open_house() as house:
        now = house.clock()
        if segments is not None:
            house.isps.set_budget(slug, medium, _segments(segments), now=now)
        with house.database.read() as session:
            stands = budget_now(session, find_isp(session, slug), now=now)
    if json:
        as_json(stands)
        return
    most = "no budget" if stands.segments is None else f"at most {stands.segments} segments a month"
    say(f"{slug}: {medium} has {most}; {stands.month:%Y-%m} took {stands.spent}")


def _segments(text: str) -> int | None:
    if text.strip().lower() == "none":
        return None
    if not (text.isascii() and text.isdigit()):
        raise SetupError(f"a budget is a number of segments a month, or none; got {text!r}")
    return int(text)


@isp.command("operator")
@audited
def isp_operator(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    destination: Annotated[
        str,
        typer.Argument(
            help="noc@isp.example, telegram:12345, ntfy:topic, or any Apprise URL; - = from stdin."
        ),
    ],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Tell nobody there any more.")] = False,
) -> None:
    """Say where the operator is told when the worker needs a person; an ISP may have several.

    Told are: sends that are held, Wispro or a sending account in trouble, and the end of each;
    channels that closed by themselves, secrets that no key opens, an SMS budget that is nearly
    spent; no complete look, or nothing that leaves, for hours. At any hour. One at least should be
    a whole Apprise URL of its own: what is broken tells nobody. See also isp operator-digest.

    Example: `alerta isp operator interatos noc@isp.example`
    """
    destination = line_of_stdin(destination, what="DESTINATION")
    with open_house() as house:
        if remove:
            label = house.operators.remove(slug, destination)
            say(f"{slug}: {label} is told nothing any more")
            return
        label, missing = house.operators.add(slug, destination, now=house.clock())
        say(f"{slug}: the operator is told at {label}")
    if missing:
        complain(f"{slug} has no sending account yet: alerta isp transport {slug} {missing} URL")


@isp.command("list")
def isp_list(*, json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the ISPs.

    Example: `alerta isp list --json`
    """
    from billing.circuit import in_words
    from models import questions

    with open_house() as house, house.database.read() as session:
        lines = questions.isps(session)
        now = house.clock().astimezone()
    if json:
        as_json(lines)
        return
    table(
        "ISPs",
        (
            *("ISP", "Name", "Paired", "Hours", "Sends by", "Operator"),
            *("Last complete sync", "Circuit", "Disabled since"),
        ),
        [
            (
                *(i.slug, i.name, i.paired, i.contact_hours, i.transports, i.operators),
                *(i.synced_at, in_words(i.failures, i.trouble_until, i.trouble, now)),
                i.disabled_at,
            )
            for i in lines
        ],
    )
