"""Run the demonstration: show it live, and judge it at the end."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from config.settings import load_settings
from worker import logs
from worker.demo.stage import Actor, Stage

#: Seconds. Everything together ends in under 90 s (stopping the idle daemon takes two or three).
_ENDS_AFTER = 75.0
#: Seconds without news after the last expected message, in which a second copy would show: three
#: ticks of the daemon and a whole look at Wispro.
_QUIET = 8.0
_POLL = 0.25


def run(console: Console) -> int:
    """This function will run the demonstration; 0 = each alert arrived exactly once."""
    began = time.monotonic()
    settings = load_settings()
    logs.configure(settings.model_copy(update={"log_level": "WARNING"}))
    folder = settings.home / "demo"
    with Stage(folder) as stage:
        with console.status("setting up the stand-in of Wispro, the inbox and thirteen customers"):
            stage.set_up()
        stage.start_daemon()
        with Live(_table(stage, began), console=console, refresh_per_second=4) as live:
            _watch(stage, began, live if console.is_terminal else None, console)
            live.update(_table(stage, began))
        console.print()
        code = stage.stop_daemon()
        return _verdict(stage, console, code, time.monotonic() - began, folder)


def _watch(stage: Stage, began: float, live: Live | None, console: Console) -> None:
    """Act and read mail until all is quiet, or the time is up."""
    last_news = time.monotonic()
    while time.monotonic() - began < _ENDS_AFTER and not stage.daemon_died():
        for actor, act in stage.act():
            last_news = time.monotonic()
            if live is None:
                console.print(Text(f"· {actor.customer.name}: {act.does}"))
        for actor, kind, letter in stage.read_mail():
            last_news = time.monotonic()
            if live is None:
                console.print(Text(f"✉ {actor.customer.name}: {kind}: {letter.subject}"))
        if live is not None:
            live.update(_table(stage, began))
        if _all_there(stage) and time.monotonic() - last_news > _QUIET:
            return
        time.sleep(_POLL)


def _all_there(stage: Stage) -> bool:
    return all(
        len(actor.arrived) >= len(actor.expected) and actor.acted == len(actor.customer.acts)
        for actor in stage.actors
    )


def _verdict(stage: Stage, console: Console, code: int | None, seconds: float, folder: Path) -> int:
    wrong = [actor for actor in stage.actors if not actor.content]
    for actor in wrong:
        for fault in actor.faults:
            console.print(Text(f"{actor.customer.name}: {fault}", style="red"))
    console.print(
        Text(
            f"{stage.letters} messages to {len(stage.actors)} accounts in {seconds:.0f} s, "
            f"{stage.requests} requests to Wispro; messages, PDFs and QR codes: {stage.messages}"
        )
    )
    if code != 0:
        console.print(Text(f"the daemon ended with {code}; see {folder / 'daemon.log'}", "red"))
        return 1
    if wrong:
        console.print(Text(f"{len(wrong)} accounts did not get what they should", style="red"))
        return 1
    console.print(Text("each expected alert arrived exactly once, and no other", style="green"))
    return 0


def _table(stage: Stage, began: float) -> Table:
    table = Table(title=f"alerta demo · {time.monotonic() - began:.0f} s", title_justify="left")
    for name in ("", "Account", "Stands", "Expected", "Arrived"):
        table.add_column(name, overflow="fold")
    for actor in stage.actors:
        table.add_row(
            _mark(actor),
            Text(actor.customer.name),
            Text(actor.customer.stands),
            Text(", ".join(kind.value for kind in actor.customer.expects) or "none"),
            Text(", ".join(actor.arrived) or "–"),
        )
    return table


def _mark(actor: Actor) -> Text:
    if actor.content:
        return Text("✓", style="green")
    surplus = list(actor.arrived)
    for kind in actor.expected:
        if kind in surplus:
            surplus.remove(kind)
    return Text("✗", style="red") if surplus or actor.faults else Text("…", style="dim")
