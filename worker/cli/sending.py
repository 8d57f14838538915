"""Send what is due, list deliveries."""

from __future__ import annotations

from typing import Annotated

import typer

from billing.values import DeliveryState
from worker.cli.audited import audited
from worker.cli.given import who
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, errors, say, table


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(deliver)
    app.command()(alerts)
    app.command()(resend)


@audited
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
            house.watching.run(now=house.clock())
            house.telling.run(house.clock)
    if json:
        as_json(report)
    else:
        say(
            f"{report.sent} sent, {report.failed} failed, {report.uncertain} uncertain, "
            f"{report.skipped} skipped, {report.cancelled} cancelled, {report.deferred} put off"
        )


@audited
def resend(
    delivery: Annotated[int, typer.Argument(help="Its id, as `alerta alerts` shows it.")],
    by: Annotated[str | None, typer.Option("--by", help="Who says so; default you.")] = None,
) -> None:
    """Send a delivery again whose outcome is uncertain or failed.

    The gate is asked as ever when it leaves: what was paid meanwhile does not go.

    Example: `alerta resend 1204`
    """
    with open_house() as house:
        done = house.resending.resend(delivery, author=who(by), now=house.clock())
    say(f"{done.kind} to {done.customer} ({done.channel}) goes with the next tick")


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
    from billing.isps import find_isp
    from models import questions

    with open_house() as house, house.database.read() as session:
        isp_id = find_isp(session, slug).id if slug else None
        account_id = house.whom.find(session, slug, client).id if slug and client else None
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
