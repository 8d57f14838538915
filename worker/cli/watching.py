"""Watch: how the installation stands, on a screen, as JSON, or over HTTP for machines."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from billing.isps import SetupError, find_isp
from config.settings import load_settings
from worker import logs
from worker.cli.show import as_json, console
from worker.errors import NotReadyError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.watcher import Standing

#: Seconds between two looks; a look may take a fifth of the time at most.
EVERY = 2.0
_SHARE = 4


def register(app: typer.Typer) -> None:
    """Add these commands to `alerta`."""
    app.command()(status)
    app.command(hidden=True)(port)


def status(
    slug: Annotated[str | None, typer.Argument(help="The ISP; default all.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it on the whole screen, anew every 2 s.")
    ] = False,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show how the installation stands: looks, what is open, what went today, queues, workers.

    What is in trouble comes first. "To go" are deliveries and steps of today; days are the ISP's.

    Exit code 0 whenever it could be read, whatever it says: `alerta doctor` judges.

    Example: `alerta status interatos --json`
    """
    from worker.cli import status_words
    from worker.watcher import Watcher

    if watch and json:
        raise SetupError("--watch draws a screen and --json prints a document: choose one of them")
    if watch and not console.is_terminal:
        raise SetupError("--watch needs a terminal; without one: alerta status, or --json")
    watcher = Watcher(load_settings())
    try:
        present = watcher.schema()
        if not present.fits:
            state = "has no tables yet" if present.present is None else f"is at {present.present}"
            raise NotReadyError(
                f"the database {state}, this program wants {present.wanted}; run: alerta migrate"
            )
        isp_id = None
        if slug is not None:
            with watcher.database.read() as session:
                isp_id = find_isp(session, slug).id

        def look() -> Standing:
            return watcher.standing(isp_id)

        if json:
            as_json(look())
        elif not watch:
            console.print(status_words.page(look(), alone=slug is not None, width=console.width))
        else:
            _draw(look, alone=slug is not None)
    finally:
        watcher.close()


def _draw(look: Callable[[], Standing], *, alone: bool) -> None:
    """Draw until Ctrl-C; a database that goes away is said, and asked again."""
    from worker.cli import status_words
    from worker.database_errors import plain_database_error

    asked = threading.Event()
    with _stopping(asked), Live(console=console, screen=True, auto_refresh=False) as live:
        while not asked.is_set():
            begun = time.monotonic()
            try:
                drawn: RenderableType = status_words.page(
                    look(), alone=alone, width=console.width, height=console.height
                )
            except SQLAlchemyError as error:
                drawn = Text(f"the database: {plain_database_error(error)}; asking again")
            live.update(drawn, refresh=True)
            asked.wait(max(EVERY, _SHARE * (time.monotonic() - begun)))


@contextmanager
def _stopping(asked: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the screen, and give the terminal back as it was."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def port() -> None:
    """Answer /livez, /healthz and /metrics on ALERTA_HTTP; `up` and `worker` start it themselves.

    Example: `alerta port`
    """
    from worker.port import serve

    settings = load_settings()
    if settings.http is None:
        raise SetupError("ALERTA_HTTP is not set; for example 127.0.0.1:9464")
    logs.configure(settings)
    serve(settings)
