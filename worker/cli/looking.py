"""Look at Wispro: a whole ISP, one customer, and our copy of their invoices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.audited import audited
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, cell, complain, errors, remark, say, sync_bar, table

if TYPE_CHECKING:
    from billing.runs import SyncReport
    from models.questions import InvoiceLine
    from worker.house import House

#: Seconds between two tries while another look is under way.
_NAP = 0.5


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(sync)
    app.command()(resync)
    app.command()(invoices)


@audited
def sync(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    *,
    full: Annotated[bool, typer.Option("--full", help="Read every invoice, not the cheapest.")] = (
        False
    ),
    approve: Annotated[
        int | None, typer.Option(metavar="RUN", help="Lay down what this held run found.")
    ] = None,
    reject: Annotated[
        int | None, typer.Option(metavar="RUN", help="Drop what this held run found.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, help="For a look that is under way; 0 = not at all."
        ),
    ] = 180.0,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Look at an ISP now, in the cheapest faithful way: what the daemon does on schedule.

    A run that would change suspiciously much is held: nothing is sent until you say so. If the
    daemon is looking at this ISP just now, this begins when that has ended.

    Exit code 1 if the answer was not whole, or the run is held; our last good copy stays then.

    Example: `alerta sync interatos --json`
    """
    from billing.isps import SetupError, find_isp

    if approve is not None and reject is not None:
        raise SetupError("a run is approved or rejected, not both")
    with open_house() as house:
        with house.database.read() as session:
            isp_id = find_isp(session, slug).id
        if reject is not None:
            dropped = house.sync.reject(slug, reject, now=house.clock())
            say(f"run {reject} was rejected: {dropped} changes were dropped, nothing was sent")
            return
        with sync_bar(f"looking at {slug}") as progress:
            if approve is not None:
                look = partial(
                    house.sync.approve, slug, approve, clock=house.clock, progress=progress
                )
            else:
                look = partial(
                    house.sync.run,
                    isp_id,
                    clock=house.clock,
                    trigger="hand",
                    due_only=False,
                    progress=progress,
                    full=full,
                )
            report = _in_turn(slug, look, wait)
        planned = house.planning.tick(now=house.clock(), isp_id=isp_id)
        report.alerts += planned.alerts
        report.deliveries += planned.deliveries
    if json:
        as_json(report)
    else:
        say(
            f"{report.outcome}: {report.requests} requests, {report.fetched} records read, "
            f"{report.changed} changed, {report.alerts} alerts planned, {report.ms / 1000:.1f} s"
        )
        say(f"{report.mode}: {report.why}")
    _exit_unless_ok(report)


def _in_turn(slug: str, look: Callable[[], SyncReport], patience: float) -> SyncReport:
    """Begin a look as soon as the one that is under way has ended."""
    from billing.sync import IspDisabledError, SyncBusyError

    deadline = time.monotonic() + patience
    waits = False
    while True:
        try:
            return look()
        except SyncBusyError as busy:
            if isinstance(busy, IspDisabledError) or time.monotonic() >= deadline:
                raise
        if not waits:
            remark(f"another look at {slug} is under way; waiting for its end")
            waits = True
        time.sleep(_NAP)


@audited
def resync(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    client: Annotated[str, typer.Argument(help=CLIENT_HELP)],
    *,
    send: Annotated[bool, typer.Option("--send", help="Send now what this look finds.")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Look at one customer again and show before and after. Sends nothing without `--send`.

    Without it, what the look makes us owe leaves with the daemon's next regular look.

    Example: `alerta resync interatos 793`
    """
    from models import questions

    with open_house() as house:
        with house.database.read() as session:
            account = house.whom.find(session, slug, client)
            before = questions.invoices(session, account.id)
            known = {line.id for line in questions.deliveries(session, account_id=account.id)}
        if not account.paired:
            complain(f"{account.name} is not paired; alerta pair {slug} … first")
            raise typer.Exit(1)
        with errors.status(f"{account.name}: asking Wispro") as status:
            report = house.sync.run_account(
                account.id, clock=house.clock, trigger="hand", send=send
            )
            status.update(f"{account.name}: sending what was found")
            sent = _send(house, account.isp_id, account.id) if send else None
        with house.database.read() as session:
            after = questions.invoices(session, account.id)
            lines = questions.deliveries(session, account_id=account.id)
    planned = [line for line in lines if line.id not in known]
    if json:
        as_json(
            {
                "isp": slug,
                "account": account.client_id,
                "outcome": report.outcome,
                "reason": report.reason,
                "requests": report.requests,
                "changed": report.changed,
                "before": before,
                "after": after,
                "alerts": planned,
                "sent": sent,
            }
        )
    else:
        _show_before_after(account.name, before, after)
        for line in planned:
            say(f"{line.kind} {line.step} → {line.channel}: {line.state} {line.reason or ''}")
        if sent is not None:
            say(f"{sent['sent']} sent, {sent['failed']} failed, {sent['uncertain']} uncertain")
        elif planned:
            say("nothing was sent; add --send to send it now")
    _exit_unless_ok(report)


def invoices(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    client: Annotated[str, typer.Argument(help=CLIENT_HELP)],
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List our copy of a customer's invoices.

    Example: `alerta invoices interatos 793`
    """
    from models import questions

    with open_house() as house, house.database.read() as session:
        account = house.whom.find(session, slug, client)
        lines = questions.invoices(session, account.id)
    if json:
        as_json(lines)
        return
    table(
        f"Invoices of {account.name}",
        ("Number", "State", "Amount", "Balance", "Issued", "Due", "Second due", "Next step"),
        [
            (
                i.invoice_number,
                i.state,
                i.amount,
                i.balance,
                i.issued_date,
                i.first_due_date,
                i.second_due_date,
                i.next_step_at,
            )
            for i in lines
        ],
    )


def _send(house: House, isp_id: int, account_id: int) -> dict[str, Any]:
    house.planning.tick(now=house.clock(), isp_id=isp_id)
    report = house.delivering.run_batch(isp_id, clock=house.clock, account_id=account_id)
    return asdict(report)


def _show_before_after(name: str, before: list[InvoiceLine], after: list[InvoiceLine]) -> None:
    fields = ("state", "amount", "balance", "first_due_date", "second_due_date", "invoice_number")
    old = {line.invoice_id: line for line in before}
    rows: list[tuple[Any, ...]] = []
    for line in after:
        was = old.get(line.invoice_id)
        for field in fields:
            now_value = getattr(line, field)
            was_value = getattr(was, field) if was else None
            if was is None and field == "state":
                rows.append((line.invoice_number, "new", None, now_value))
            elif was is not None and was_value != now_value:
                rows.append((line.invoice_number, field, cell(was_value), cell(now_value)))
    if rows:
        table(f"What changed for {name}", ("Invoice", "What", "Before", "After"), rows)
    else:
        say(f"{name}: nothing changed ({len(after)} invoices)")


def _exit_unless_ok(report: SyncReport) -> None:
    if report.outcome == "held":
        complain(
            f"{report.isp}: run {report.run} is held and nothing is sent: {report.detail}; "
            f"alerta sync {report.isp} --approve {report.run}, or --reject {report.run}"
        )
        raise typer.Exit(1)
    if report.outcome != "ok":
        complain(f"{report.isp}: {report.outcome} ({report.reason}): {report.detail}")
        raise typer.Exit(1)
