"""Foretell the next days of an ISP, under its own policy or another one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billing.isps import SetupError
from billing.values import AlertKind, Medium
from worker.cli.house import open_house
from worker.cli.show import as_json, console, plain_money, progress_bar, remark, say, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.policy import Policy
    from billing.simulation import Difference, Forecast

#: As `billing.simulating.MOST_DAYS`; importing that costs time that `alerta --help` has not.
_MOST_DAYS = 366
_BYTES = 1_000_000
_SHADES = " ░▒▓█"


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(simulate)


def simulate(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    days: Annotated[
        int, typer.Option("--days", help="Dates from today on.", min=1, max=_MOST_DAYS)
    ] = 30,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Another policy, TOML: what would differ.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page for people to this file.")
    ] = None,
    sms_price: Annotated[
        str | None, typer.Option("--sms-price", help="Of one SMS segment, e.g. 12.50.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what would be sent in the next days, and what would not. Sends and changes nothing.

    The planner and the gate themselves decide, on the present facts and over a clock that moves:
    nobody pays meanwhile and nothing new is issued. With `--policy` a second look shows what that
    policy would change.

    Example: `alerta simulate interatos --days 30 --html semana.html`
    """
    from billing.simulating import simulate as foretell
    from billing.simulation import difference

    price = _price(sms_price)
    other = None if policy is None else _policy(policy)
    policies = [None] if other is None else [None, other]
    with open_house() as house, progress_bar(f"simulating {slug}") as progress:
        found = foretell(
            house.database,
            slug,
            policies,
            now=house.clock(),
            days=days,
            segments=_segments(house.database, slug),
            price=price,
            progress=progress,
        )
    now, then = found[0], found[1] if other is not None else None
    effect = None if then is None else difference(now, then)
    if html is not None:
        _write(html, now, then, effect)
    if json:
        as_json(now if then is None else {"now": now, "then": then, "difference": effect})
    elif html is None:
        _show(then or now, effect)
    if html is not None and not json:
        say(f"wrote {html}")


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(-1)
    if not price.is_finite() or price < 0:
        raise SetupError(f"--sms-price: a price like 12.50 is wanted, got {text!r}")
    return price


def _policy(file: Path) -> Policy:
    """Read a policy.

    Raises:
        SetupError: if the file cannot be read.
    """
    from billing.policy_file import read_policy

    try:
        with file.open("rb") as opened:
            text = opened.read(_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file in UTF-8"
        raise SetupError(f"--policy: cannot read {file}: {why}") from None
    return read_policy(text)


def _segments(database: Any, slug: str) -> Callable[[AlertKind], int]:
    """Return how many segments the sample of a kind takes in the ISP's language; rendered once."""
    from functools import lru_cache

    from billing.isps import find_isp

    with database.read() as session:
        isp = find_isp(session, slug)

    @lru_cache
    def of(kind: AlertKind) -> int:
        from notifications.gsm import segments
        from notifications.render import render
        from notifications.samples import sample_letter

        letter = sample_letter(kind, currency=isp.currency, isp_name=isp.name)
        return segments(render(letter, medium=Medium.SMS, locale=isp.locale).text)

    return of


def _show(found: Forecast, effect: Difference | None) -> None:
    from notifications.forecast import weeks
    from worker.cli import simulating_words as words

    number, of_day = words.number, words.of_day
    most = max((day.messages for day in found.days), default=0)
    say(
        f"{found.isp}: {number(found.messages)} messages in {len(found.days)} days to "
        f"{number(found.reached)} of {number(found.accounts)} accounts"
    )
    head = "".join(f"{name:^12}" for name in words.WEEKDAYS)
    console.print(f"\n{head}", highlight=False)
    for week in weeks(found, effect):
        above, below = "", ""
        for cell in week:
            if cell is None:
                above += " " * 12
                below += " " * 12
                continue
            bar = _SHADES[min(cell.shade, 4)] * 3
            mark = "!" if cell.capped else " "
            above += f"{cell.day.day:>3}{mark}{bar}".ljust(12)
            change = f" {cell.change:+d}" if cell.change else ""
            below += f"  {number(cell.messages) if cell.messages else '·'}{change}".ljust(12)
        console.print(above.rstrip() + "\n" + below.rstrip(), highlight=False, markup=False)
    say(f"\n█ = {number(most)} messages a day, ! = a cap stopped something that day")
    if effect is not None:
        more, fewer = number(effect.total_more), number(effect.total_fewer)
        say(f"against the policy in force: +{more}, -{fewer}")
    table(
        "By channel",
        ("Channel", "Messages", "Busiest day", "On it", "Takes", "Too much on", "Provider"),
        [
            (
                *(one.scheme, one.messages, of_day(one.busiest_date), one.busiest),
                *(words.minutes(one.busiest_minutes), [of_day(day.date) for day in one.tight]),
                words.SOURCES[one.source],
            )
            for one in found.channels
        ],
    )
    if (hour := found.busiest_hour) is not None:
        say(
            f"busiest hour: {of_day(hour.date)} {hour.hour:02}:00, {number(hour.messages)} messages"
        )
    if (texts := found.texts) is not None:
        cost = "" if texts.cost is None else f", {found.currency} {plain_money(texts.cost)}"
        say(f"SMS: {number(texts.messages)} messages, {number(texts.segments)} segments{cost}")
        if texts.budget is not None:
            for month in texts.months:
                say(
                    f"     {month.first:%Y-%m}: {number(month.spent)} spent and "
                    f"{number(month.segments)} to come, of a budget of {number(texts.budget)}"
                    + (" – too much, the rest would not go" if month.over else "")
                )
    for title, lines in (("Never go", found.skipped), ("Put off", found.put_off)):
        table(
            title,
            ("Alert", "Why", "Deliveries"),
            [(words.kind(one.kind), words.why(one.reason), one.deliveries) for one in lines],
        )
    for line in found.assumptions:
        remark(words.ASSUMPTIONS[line])


def _write(path: Path, now: Forecast, then: Forecast | None, effect: Difference | None) -> None:
    from notifications.forecast import page

    try:
        path.write_text(page(now, then=then, effect=effect), encoding="utf-8")
    except OSError as error:
        raise SetupError(f"--html: cannot write {path}: {error.strerror}") from None
