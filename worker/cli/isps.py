"""An ISP in its life: changed, switched off and on again, removed."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from billing.isps import SetupError
from worker.cli.audited import audited
from worker.cli.given import secret_of_file, who
from worker.cli.house import open_house
from worker.cli.setting_up import isp
from worker.cli.show import as_json, complain, progress_bar, say, table

_Slug = Annotated[str, typer.Argument(help="The ISP.")]
_By = Annotated[str | None, typer.Option("--by", help="Who says so; default you.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta isp`, which is there already."""
    del app
    isp.command("set")(isp_set)
    isp.command("disable")(isp_disable)
    isp.command("enable")(isp_enable)
    isp.command("retention")(isp_retention)
    isp.command("remove")(isp_remove)


@audited
def isp_set(
    slug: _Slug,
    *,
    name: Annotated[str | None, typer.Option(help="As customers know it.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Of its Wispro's API.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the Wispro token.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA zone.")] = None,
    locale: Annotated[str | None, typer.Option(help="es_AR, pt_BR, en …")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217.")] = None,
    portal_url: Annotated[str | None, typer.Option(help="The customer portal, or none.")] = None,
    pay_url: Annotated[str | None, typer.Option(help="Pay link, or none.")] = None,
    support: Annotated[str | None, typer.Option(help="Who helps, or none.")] = None,
    contact_hours: Annotated[str | None, typer.Option(help="HH:MM-HH:MM, local.")] = None,
    minimum_amount: Annotated[str | None, typer.Option(help="Ask for nothing below this.")] = None,
    debt_sign: Annotated[str | None, typer.Option(help="negative or positive.")] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Change an ISP; shows what is another way now, and what comes of it.

    How it is looked at is changed by alerta isp tune, its rules by alerta policy set.

    Example: `alerta isp set interatos --support "WhatsApp 3546 55-5000" --timezone
    America/Argentina/Salta`
    """
    from billing.changing import IspChange

    wanted = IspChange(
        name=name,
        base_url=base_url,
        token=None if token_file is None else secret_of_file(token_file, what="--token-file"),
        timezone=timezone,
        locale=locale,
        currency=currency,
        portal_url=portal_url,
        pay_url=pay_url,
        support=support,
        contact_hours=contact_hours,
        minimum_amount=_amount(minimum_amount),
        debt_sign=debt_sign,
    )
    if not wanted.given:
        raise SetupError("say what is to be another way, e.g. --support or --timezone")
    with open_house() as house:
        changed = house.changing.change(slug, wanted, now=house.clock())
    if json:
        as_json(changed)
    elif changed:
        table(
            f"{slug} is another way now",
            ("Setting", "Was", "Is", "Effect"),
            [(one.name, one.before, one.after, one.effect) for one in changed],
        )
    else:
        say(f"{slug}: it is that way already")


def _amount(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise SetupError(f"--minimum-amount: {text!r} is no amount") from None


@audited
def isp_disable(
    slug: _Slug,
    *,
    reason: Annotated[str, typer.Option(help="Why, in a line.")] = "switched off by hand",
    by: _By = None,
) -> None:
    """Switch an ISP off: nobody looks at its Wispro and nothing leaves until it is enabled.

    What is planned stays planned, as alerta explain says. What a provider has been given already is
    on its way.

    Example: `alerta isp disable interatos --reason "moves to another Wispro account"`
    """
    with open_house() as house:
        done = house.switching.disable(slug, author=who(by), reason=reason, now=house.clock())
    since = f"{done.since.astimezone():%Y-%m-%d %H:%M}"
    say(f"{slug} is disabled since {since}; {done.waiting} planned messages wait")
    if done.under_way:
        complain(f"{done.under_way} messages are with their provider right now and may arrive")


@audited
def isp_enable(
    slug: _Slug,
    *,
    anew: Annotated[
        bool | None,
        typer.Option(
            "--anew/--catch-up",
            help="Begin with a silent look, or take up what waits; default anew after 7 days.",
        ),
    ] = None,
) -> None:
    """Switch an ISP on again. Nobody gets several messages for the time in between.

    Of what has come due the latest step goes and the ones before it are missed, as after any pause
    of the daemon. After 7 days everything begins anew: the first look is silent, and what had been
    planned is called off.

    Example: `alerta isp enable interatos`
    """
    with open_house() as house:
        done = house.switching.enable(slug, now=house.clock(), anew=anew)
    if done.was_off is None:
        say(f"{slug} is enabled already")
    elif done.anew:
        say(
            f"{slug} is enabled after {done.was_off.days} days and begins with a silent look; "
            f"{done.called_off} planned messages were called off"
        )
    else:
        say(f"{slug} is enabled; {done.waiting} planned messages are judged as they come due")


@audited(if_given="days")
def isp_retention(
    slug: _Slug,
    what: Annotated[
        str | None, typer.Argument(help="evidence, changes, holds, customers, runs …")
    ] = None,
    days: Annotated[str | None, typer.Argument(help="How long from now on, or default.")] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show how long what is kept, and how much would go in the coming night; or change it.

    What keeps an alert from going twice stays, however old. A preset that asks for evidence (CL)
    has it kept at least that long.

    Example: `alerta isp retention interatos runs 30`
    """
    with open_house() as house:
        if what is not None:
            house.pruning.keep(slug, what, _days(days))
        lines = house.pruning.lines(slug, now=house.clock())
    if json:
        as_json(lines)
        return
    table(
        f"{slug} keeps",
        ("What", "Days", "Default", "That is", "Why", "Would go now"),
        [(one.what, one.days, one.default, one.holds, one.why, one.goes) for one in lines],
    )


def _days(text: str | None) -> int | None:
    if text is None or not (text.isdigit() or text == "default"):
        raise SetupError("say how long: a number of days, or default")
    return None if text == "default" else int(text)


@audited
def isp_remove(
    slug: _Slug,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: _By = None,
) -> None:
    """Remove an ISP with its customers, their invoices, and the evidence of what was sent.

    Shows first what goes. It is switched off at once and removed bit by bit; breaking off leaves
    the rest, and the next call goes on.

    Example: `alerta isp remove interatos`
    """
    with open_house() as house:
        contents = house.removing.contents(slug)
        table(f"{slug} has", ("Rows of", "Number"), sorted(contents.rows.items()))
        if not yes:
            _ask(slug, contents.paired)
        with progress_bar(f"removing {slug}") as bar:
            most = contents.rows.get("account", 0)
            accounts = house.removing.remove(
                slug, author=who(by), now=house.clock(), progress=lambda done: bar(done, most)
            )
    say(f"{slug} is removed, with {accounts} accounts")


def _ask(slug: str, paired: int) -> None:
    """Have a person write the name of what is to go.

    Raises:
        SetupError: if there is nobody to ask, or the answer is another one.
    """
    keep = f"alerta evidence {slug} --from DAY --to DAY --csv FILE"
    if not sys.stdin.isatty():
        raise SetupError(f"nothing was removed; first keep the evidence ({keep}), then add --yes")
    say(f"the evidence of what was sent goes, too; to keep it: {keep}")
    given = typer.prompt(f"{paired} customers get no alerts any more. Write {slug} to remove it")
    if given.strip() != slug:
        raise SetupError("nothing was removed")
