"""Send what is due, list deliveries, preview messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billing.isps import SetupError
from billing.values import AlertKind, DeliveryState, Medium
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, console, errors, say, table


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(deliver)
    app.command()(alerts)
    app.command()(preview)


def deliver(*, json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Send what is due now, in this process: alerts, and what operators are told.

    Example: `alerta deliver --json`
    """
    with open_house() as house:
        house.delivering.sweep(now=house.clock())
        house.planning.tick(now=house.clock())
        with errors.status("sending") as status:
            report = house.delivering.run_all(
                clock=house.clock, progress=lambda done: status.update(f"sending: {done}")
            )
            house.telling.run(house.clock)
    if json:
        as_json(report)
    else:
        say(
            f"{report.sent} sent, {report.failed} failed, {report.uncertain} uncertain, "
            f"{report.skipped} skipped, {report.cancelled} cancelled, {report.deferred} put off"
        )


def alerts(
    slug: Annotated[str | None, typer.Argument(help="The ISP; default all.")] = None,
    client: Annotated[str | None, typer.Argument(help=CLIENT_HELP)] = None,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List deliveries, one row each: what went where and when, or why it did not.

    Example: `alerta alerts interatos 793 --state sent`
    """
    from billing.isps import find_isp  # noqa: PLC0415
    from billing.pairing import find_account  # noqa: PLC0415
    from models import questions  # noqa: PLC0415
    from wispro.login import login_token  # noqa: PLC0415

    with open_house() as house, house.database.read() as session:
        isp_id = find_isp(session, slug).id if slug else None
        account_id = (
            find_account(session, slug, client, house.vault, login_token).id
            if slug and client
            else None
        )
        lines = questions.deliveries(
            session, isp_id=isp_id, account_id=account_id, state=state.value if state else None
        )
    if json:
        as_json(lines)
        return
    table(
        "Deliveries",
        (
            "Id",
            "Customer",
            "Invoice",
            "Kind",
            "Step",
            "Channel",
            "State",
            "Reason",
            "Planned",
            "Sent",
            "Tries",
        ),
        [
            (
                d.id,
                d.name,
                d.invoice_number,
                d.kind,
                d.step,
                d.channel,
                d.state,
                d.reason,
                d.planned_at,
                d.sent_at,
                d.attempts,
            )
            for d in lines
        ],
    )


def preview(
    kind: Annotated[AlertKind, typer.Argument(help="What the alert says.")],
    locale: Annotated[str, typer.Option(help="es_AR, pt_BR, en …")] = "es_AR",
    medium: Annotated[Medium, typer.Option(help="The form it takes.")] = Medium.EMAIL,
    out: Annotated[
        Path | None, typer.Option(help="Write it: .html for the e-mail's page, else the text.")
    ] = None,
) -> None:
    """Show a message as a customer would get it, with the invoice of the seed document.

    The same function renders what is sent.

    Example: `alerta preview due_soon --locale es_AR --out aviso.html`
    """
    from notifications.door import AppriseDoor  # noqa: PLC0415
    from notifications.samples import page_of, sample_letter  # noqa: PLC0415

    letter = sample_letter(kind)
    message = AppriseDoor().render(letter, medium=medium, locale=locale)
    if out is None:
        console.print(f"[bold]{message.subject}[/bold]\n" if message.subject else "", end="")
        console.print(message.text, markup=False, highlight=False)
        return
    if out.suffix == ".html" and message.html is None:
        raise SetupError(f"a {medium} message has no HTML; write it to a .txt file")
    content = page_of(message, letter) if out.suffix == ".html" else message.text
    try:
        out.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"--out: cannot write {out}: {error.strerror}") from None
    say(f"wrote {out}")
