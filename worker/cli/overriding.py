"""What one customer wants otherwise: language, quiet hours, steps that they do not want."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.audited import audited
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, table

if TYPE_CHECKING:
    from billing.overrides import AccountTerms

account = typer.Typer(no_args_is_help=True, help="What one customer wants otherwise.")
_Slug = Annotated[str, typer.Argument(help="The ISP.")]
_Client = Annotated[str, typer.Argument(help=CLIENT_HELP)]


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.add_typer(account, name="account")


@account.command("show")
def account_show(
    slug: _Slug, client: _Client, *, json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Show what holds for a customer, and the steps that may be left out.

    Example: `alerta account show interatos 793`
    """
    with open_house() as house:
        _print(house.overrides.show(slug, client), json=json)


@account.command("set")
@audited
def account_set(
    slug: _Slug,
    client: _Client,
    *,
    locale: Annotated[
        str | None, typer.Option(help="es_AR, pt_BR, en …; default = the ISP's.")
    ] = None,
    hours: Annotated[
        str | None,
        typer.Option(help="Within the ISP's, e.g. mon-fri 14:00-18:00; default = the ISP's."),
    ] = None,
    off: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="Leave out: 'due_soon -5d', overdue.")
    ] = None,
    on: Annotated[list[str] | None, typer.Option(metavar="STEP", help="Send it again.")] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Change what a customer wants otherwise; what is not named stays, open invoices are replanned.

    Example: `alerta account set interatos 793 --locale pt_BR --off "due_soon -5d"`
    """
    with open_house() as house:
        terms = house.overrides.set(
            *(slug, client),
            now=house.clock(),
            locale=locale,
            hours=hours,
            off=off or (),
            on=on or (),
        )
    _print(terms, json=json)


def _print(terms: AccountTerms, *, json: bool) -> None:
    if json:
        as_json(terms)
        return
    table(
        terms.customer,
        ("Language", "Hours", "Left out", "What the ISP sends"),
        [(terms.locale, terms.hours, list(terms.steps_off), list(terms.steps))],
    )
