"""Run: the daemon's processes, the demonstration, the stand-in, the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from billing.isps import SetupError
from config.settings import host_and_port, load_settings
from tasks import queues
from worker import logs
from worker.cli.house import open_house
from worker.cli.show import as_json, complain, console, remark, say, table
from worker.lifeline import die_with_parent

_ROLES = {"worker", "beat", "web"}
_SIGNS = {"ok": "ok", "warning": "!", "wrong": "✗"}


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    for command in (worker, beat, web, up, demo, sandbox, doctor):
        app.command()(command)


def worker(
    queue: Annotated[
        list[str] | None, typer.Option(help="Only this queue; may be repeated.")
    ] = None,
) -> None:
    """Run the workers, one per queue: sync, deliver, support, listen.

    Example: `alerta worker`
    """
    _run(["worker"], queue)


def beat() -> None:
    """Run beat, which only ticks. Of several, one ticks and the others stand by.

    Example: `alerta beat`
    """
    _run(["beat"], None)


def web() -> None:
    """Serve the pages that customers reach from a message: stop the alerts with one click.

    They listen at ALERTA_WEB, for a proxy with TLS that answers at ALERTA_PUBLIC_URL.

    Example: `alerta web`
    """
    from web.app import Uses, make_app
    from web.server import serve

    settings = load_settings()
    with open_house() as house:
        logs.configure(settings)
        host, port = host_and_port(settings.web)
        serve(make_app(Uses(house.stopping, house.clock)), host=host, port=port)


def up(
    role: Annotated[
        str, typer.Option(help="What to run here, with commas; web only with ALERTA_PUBLIC_URL.")
    ] = "worker,beat,web",
    queue: Annotated[
        list[str] | None, typer.Option(help="Only this queue; may be repeated.")
    ] = None,
    *,
    tied: Annotated[int | None, typer.Option(hidden=True, help="End with this parent.")] = None,
) -> None:
    """Run everything: workers, beat and, by default, the embedded Valkey. Ctrl-C stops it cleanly.

    On the embedded database this also migrates it.

    Example: `alerta up --role worker,beat`
    """
    from models.schema import migrate
    from worker.starting import require_home

    if tied is not None:
        die_with_parent(tied)
    settings = load_settings()
    if settings.embedded_database:
        require_home(settings)
        with open_house(migrated=False) as house:
            house.require_known_schema()
            migrate(house.database.engine)
    _run(_roles(role), queue, aloud=True)
    say("stopped")


def _roles(given: str) -> list[str]:
    roles = [one.strip() for one in given.split(",") if one.strip()]
    if not roles or (unknown := set(roles) - _ROLES):
        named = ", ".join(sorted(unknown)) if roles else "none"
        raise SetupError(f"no such role: {named}; known: beat, web, worker")
    return roles


def _run(roles: Sequence[str], queue: Sequence[str] | None, *, aloud: bool = False) -> None:
    """Run the children of some roles, once everything they need is there."""
    from worker import processes
    from worker.port import require_free
    from worker.starting import require_home
    from worker.traces import require

    names = [name for name in queues.QUEUES if name in (queue or queues.QUEUES)]
    if unknown := set(queue or ()) - set(queues.QUEUES):
        raise SetupError(
            f"no such queue: {', '.join(sorted(unknown))}; known: {', '.join(queues.QUEUES)}"
        )
    settings = load_settings()
    require_home(settings)
    with open_house():
        pass
    require(settings)
    logs.configure(settings)
    children, parts = [], []
    if "worker" in roles:
        require_free(settings)
        children += processes.worker_children(settings, names)
        children += processes.port_children(settings)
        children += processes.reception_children(settings)
        parts += names
    if "beat" in roles:
        children.append(processes.beat_child(settings))
        parts.append("beat")
    if "web" in roles and settings.public_url is not None:
        children.append(processes.web_child())
    if aloud:
        say(f"running {', '.join(child.name for child in children)}; Ctrl-C stops")
    processes.run(settings, children, parts)


def demo() -> None:
    """Run the main job for real, against the stand-in of Wispro, and check every message.

    Example: `alerta demo`
    """
    try:
        from worker.demo.show import run
    except ImportError as error:
        raise SetupError(_needs_extra(error)) from None
    raise typer.Exit(run(console))


def sandbox(
    port: Annotated[
        int, typer.Option(help="Where to listen on 127.0.0.1, 1024 to 65535.", min=1024, max=65535)
    ] = 8100,
    token: Annotated[str, typer.Option(help="The token it accepts.")] = "sandbox-token",  # noqa: S107
    clients: Annotated[int, typer.Option(help="Clients to invent beside the seed's.")] = 0,
    invoices: Annotated[int, typer.Option(help="Invoices to invent for them.")] = 0,
) -> None:
    """Run the stand-in of Wispro, with the seed document's invoices.

    Its state is changed and its faults are switched on over HTTP under `/sandbox/`.

    Example: `alerta sandbox --port 8100 --clients 1000 --invoices 12000`
    """
    try:
        from wispro.sandbox.server import run
    except ImportError as error:
        raise SetupError(_needs_extra(error)) from None
    say(f"Wispro's stand-in: http://127.0.0.1:{port}/api/v1 (token: {token}); Ctrl-C stops")
    run(port=port, token=token, clients=clients, invoices=invoices)


def doctor(
    slug: Annotated[str | None, typer.Argument(help="The ISP; default all.")] = None,
    *,
    strict: Annotated[bool, typer.Option(help="Exit 1 at a warning, too.")] = False,
    as_data: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Check settings, files, database, broker, clocks, and each ISP's token, accounts and logins.

    Of an ISP that is named it also finds out how its Wispro behaves, and remembers it, and asks the
    DNS about its sender.

    Exit code 0: nothing is wrong, though there may be warnings; 1: something is. Makes read-only
    requests, logs in and sends no message.

    Example: `alerta doctor interatos`
    """
    from worker.doctor import examine

    with open_house(migrated=False) as house:
        findings = examine(house, slug)
    if as_data:
        as_json(
            [
                {
                    "what": one.what,
                    "level": one.level,
                    "found": one.found,
                    "why": one.why,
                    "mend": one.mend,
                }
                for one in findings
            ]
        )
    else:
        table(
            "Findings",
            ("", "What", "Found", "What to do"),
            [
                (
                    _SIGNS[one.level],
                    one.what,
                    one.found if one.ok or not one.why else f"{one.found}\n({one.why})",
                    one.mend,
                )
                for one in findings
            ],
        )
    wrong = sum(one.level == "wrong" for one in findings)
    warnings = sum(one.level == "warning" for one in findings)
    if wrong:
        complain(f"{wrong} of {len(findings)} checks failed")
    elif warnings:
        remark(f"{warnings} of {len(findings)} checks found something to mend", warning=True)
    if wrong or (strict and warnings):
        raise typer.Exit(1)


def _needs_extra(error: ImportError) -> str:
    return f"{error.name} is not installed; run: pip install 'alerta-internet[demo]'"
