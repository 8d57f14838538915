"""Run: the daemon's processes, the demonstration, the stand-in, the doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from billing.isps import SetupError
from config.settings import host_and_port, load_settings
from tasks import queues
from worker import logs
from worker.cli.house import open_house
from worker.cli.show import complain, console, say, table
from worker.lifeline import die_with_parent


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
    from worker import processes  # noqa: PLC0415
    from worker.port import require_free  # noqa: PLC0415
    from worker.traces import require  # noqa: PLC0415

    names = queue or list(queues.QUEUES)
    if unknown := set(names) - set(queues.QUEUES):
        raise SetupError(
            f"no such queue: {', '.join(sorted(unknown))}; known: {', '.join(queues.QUEUES)}"
        )
    settings = load_settings()
    _check_ready()
    require_free(settings)
    require(settings)
    logs.configure(settings)
    children = [*processes.worker_children(settings, names), *processes.port_children(settings)]
    processes.run(settings, children)


def beat() -> None:
    """Run beat, which only ticks. Two of them are harmless.

    Example: `alerta beat`
    """
    from worker import processes  # noqa: PLC0415

    settings = load_settings()
    _check_ready()
    logs.configure(settings)
    processes.run(settings, [processes.beat_child(settings)])


def web() -> None:
    """Serve the pages that customers reach from a message: stop the alerts with one click.

    They listen at ALERTA_WEB, for a proxy with TLS that answers at ALERTA_PUBLIC_URL.

    Example: `alerta web`
    """
    from web.app import Uses, make_app  # noqa: PLC0415
    from web.server import serve  # noqa: PLC0415

    settings = load_settings()
    with open_house() as house:
        logs.configure(settings)
        host, port = host_and_port(settings.web)
        serve(make_app(Uses(house.stopping, house.clock)), host=host, port=port)


def up(
    *, tied: Annotated[int | None, typer.Option(hidden=True, help="End with this parent.")] = None
) -> None:
    """Run everything: workers, beat and, by default, the embedded Valkey. Ctrl-C stops it cleanly.

    On the embedded database this also migrates it.

    Example: `alerta up`
    """
    from models.schema import migrate  # noqa: PLC0415
    from worker import processes  # noqa: PLC0415
    from worker.port import require_free  # noqa: PLC0415
    from worker.traces import require  # noqa: PLC0415

    if tied is not None:
        die_with_parent(tied)
    settings = load_settings()
    if settings.embedded_database:
        with open_house(migrated=False) as house:
            house.require_known_schema()
            migrate(house.database.engine)
    _check_ready()
    require_free(settings)
    require(settings)
    logs.configure(settings)
    children = [
        *processes.worker_children(settings),
        processes.beat_child(settings),
        *processes.port_children(settings),
    ]
    if settings.public_url is not None:
        children.append(processes.web_child())
    say(f"running {', '.join(child.name for child in children)}; Ctrl-C stops")
    processes.run(settings, children)
    say("stopped")


def demo() -> None:
    """Run the main job for real, against the stand-in of Wispro, and check every message.

    Example: `alerta demo`
    """
    try:
        from worker.demo.show import run  # noqa: PLC0415
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
        from wispro.sandbox.server import run  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(_needs_extra(error)) from None
    say(f"Wispro's stand-in: http://127.0.0.1:{port}/api/v1 (token: {token}); Ctrl-C stops")
    run(port=port, token=token, clients=clients, invoices=invoices)


def doctor(
    slug: Annotated[str | None, typer.Argument(help="The ISP; default all.")] = None,
) -> None:
    """Check settings, keys, database, broker, each ISP's token and sending accounts.

    Of an ISP that is named it also finds out how its Wispro behaves, and remembers it.

    Exit code 1 if anything is wrong. Makes read-only requests and sends no message.

    Example: `alerta doctor interatos`
    """
    from worker.doctor import examine  # noqa: PLC0415

    with open_house(migrated=False) as house:
        findings = examine(house, slug)
    table(
        "Findings",
        ("", "What", "Found", "What to do"),
        [("ok" if f.ok else "✗", f.what, f.found, f.mend) for f in findings],
    )
    if bad := [finding for finding in findings if not finding.ok]:
        complain(f"{len(bad)} of {len(findings)} checks failed")
        raise typer.Exit(1)


def _check_ready() -> None:
    with open_house():
        pass


def _needs_extra(error: ImportError) -> str:
    return f"{error.name} is not installed; run: pip install 'alerta-internet[demo]'"
