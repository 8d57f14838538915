"""How an installation stands, drawn for people: within 80 columns, colours only as help."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from billing.circuit import in_words
from billing.overview import CircuitState, IspStanding, Trouble
from worker.pulse import Pulse
from worker.watcher import Standing

#: Columns for the numbers, for the spaces between columns, and for what is said of the state.
_NUMBERS, _GAPS, _STATE = 43, 12, 14
#: From so many columns on there is a space more between them.
_WIDE = 96
#: Lines of a screen that are not ISPs: the head, the titles of columns, the sums, what is left out.
_OTHER_LINES = 12
_GRAVE = {Trouble.HELD, Trouble.RESTING, Trouble.OLD_LOOK, Trouble.LATE}
_RANK = {trouble: rank for rank, trouble in enumerate(Trouble)}


def page(
    standing: Standing, *, alone: bool, width: int, height: int | None = None
) -> RenderableType:
    """This function will draw how all ISPs stand, or one.

    Args:
        standing: what was seen.
        alone: it is about one ISP, of which everything is said.
        width: columns of the screen, 80 or more.
        height: lines of the screen; None = as many as it takes.
    """
    head = _head(standing)
    if alone:
        return Group(*head, Text(), *(_card(line, standing.at) for line in standing.isps))
    if not standing.isps:
        return Group(*head, Text(), Text("no ISP yet: alerta isp add"))
    lines = sorted(standing.isps, key=_by_trouble)
    shown = lines if height is None else lines[: max(height - _OTHER_LINES, 1)]
    rest = lines[len(shown) :]
    parts: list[RenderableType] = [*head, _table(shown, standing, width=width)]
    if rest:
        troubled = sum(bool(line.trouble) for line in rest)
        text = (
            f"… and {len(rest)} more, {troubled} of them in trouble"
            if troubled
            else (f"… and {len(rest)} more, none of them in trouble")
        )
        parts.append(Text(text, style="dim"))
    return Group(*parts)


def _by_trouble(line: IspStanding) -> tuple[int, str]:
    return min((_RANK[one] for one in line.trouble), default=len(_RANK)), line.isp


def _head(standing: Standing) -> list[Text]:
    pulse = standing.broker
    at = standing.at.astimezone()
    first = Text.assemble(
        ("Alerta Internet ", "bold"),
        f"{standing.version} · {standing.database}, schema {standing.schema.present} · ",
        f"{at:%Y-%m-%d %H:%M:%S}",
    )
    if not pulse.answers:
        return [first, Text.assemble("broker   ", (f"✗ {pulse.why}", "bold red"))]
    lines = [first, _beat(pulse), _workers(pulse), _queues(pulse)]
    if told := _accounts(standing):
        lines.append(told)
    return lines


def _beat(pulse: Pulse) -> Text:
    beat = pulse.beat
    if beat is None:
        return Text.assemble("beat     ", ("✗ has not ticked", "bold red"))
    words = f"ticked {ago(beat.age_seconds)} ago on {beat.host}"
    if beat.alive:
        return Text(f"beat     {words}")
    return Text.assemble("beat     ", (f"✗ {words}", "bold red"))


def _workers(pulse: Pulse) -> Text:
    text = Text("workers  ")
    for place, queue in enumerate(pulse.queues):
        alive = pulse.alive_on(queue.queue)
        text.append("  " if place else "")
        if alive:
            children = sum(worker.children for worker in alive)
            many = f"{len(alive)}×" if len(alive) > 1 else ""
            text.append(f"{queue.queue} {many}{children}")
        else:
            text.append(f"✗ {queue.queue} none", style="bold red")
    return text


def _queues(pulse: Pulse) -> Text:
    text = Text("queues   ")
    for place, queue in enumerate(pulse.queues):
        text.append("  " if place else "")
        text.append(f"{queue.queue} {queue.waiting}")
        if queue.oldest_seconds is not None and queue.oldest_seconds >= 1:
            text.append(f" ({ago(queue.oldest_seconds)})")
    return text.append(f" · under way {pulse.under_way}")


def _accounts(standing: Standing) -> Text | None:
    said = [
        f"{number} {words}"
        for number, words in (
            (standing.accounts_resting, "resting"),
            (standing.accounts_in_trouble, "failing"),
        )
        if number
    ]
    return Text(f"sending  accounts: {', '.join(said)}", style="yellow") if said else None


def _table(lines: Sequence[IspStanding], standing: Standing, *, width: int) -> Table:
    sums, roomy = standing.totals, int(width >= _WIDE)
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, padding=(0, roomy, 0, 0), pad_edge=False)
    table.add_column("ISP", f"{sums.isps} in all", no_wrap=True)
    room = max(width - _NUMBERS - _GAPS * (1 + roomy) - _STATE, 10)
    for name, total in (
        ("Look", ""),
        ("Next", ""),
        ("Open", short(sums.open_invoices)),
        ("To go", short(sums.planned_today + sums.steps_today)),
        ("Sent", short(sums.sent_today)),
        ("Fail", short(sums.failed_today)),
        ("Unc", short(sums.uncertain_today)),
        ("Due", short(sums.due)),
        ("Late", ago(sums.late_seconds)),
    ):
        table.add_column(name, total, justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    for line in lines:
        until = None if line.next_look is None else (line.next_look - standing.at).total_seconds()
        table.add_row(
            _cut(Text(line.isp), room),
            "–" if line.look_age_seconds is None else ago(line.look_age_seconds),
            "–" if until is None else ("now" if until <= 0 else ago(until)),
            _count(line.open_invoices),
            _count(line.planned_today + line.steps_today),
            _count(line.sent_today),
            _count(line.failed_today, style="yellow"),
            _count(line.uncertain_today, style="yellow"),
            _count(line.due),
            ago(line.late_seconds) if line.due else "–",
            _cut(state_of(line, standing.at), _STATE),
        )
    return table


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text


def _count(number: int, *, style: str = "") -> Text:
    return Text(short(number), style=style if number else "dim")


def state_of(line: IspStanding, now: datetime) -> Text:
    """This function will say in a few words what a person should look at first."""
    if not line.enabled:
        return Text("disabled", style="dim")
    if not line.trouble:
        return Text("ok", style="green")
    first = line.trouble[0]
    style = "bold red" if first in _GRAVE else "yellow"
    more = f" +{len(line.trouble) - 1}" if len(line.trouble) > 1 else ""
    return Text(_in_words(first, line, now) + more, style=style)


def _in_words(trouble: Trouble, line: IspStanding, now: datetime) -> str:
    match trouble:
        case Trouble.HELD if line.held_run is not None:
            return f"held: run {line.held_run.run}"
        case Trouble.RESTING if line.circuit is CircuitState.RESTING and line.circuit_until:
            return f"rests {ago((line.circuit_until - now).total_seconds())}"
        case _:
            return _WORDS[trouble]


_WORDS = {
    Trouble.HELD: "held",
    Trouble.RESTING: "probing",
    Trouble.OLD_LOOK: "old look",
    Trouble.LATE: "sends late",
    Trouble.UNCERTAIN: "uncertain",
    Trouble.FAILED: "some failed",
}


def _card(line: IspStanding, now: datetime) -> Table:
    zone = ZoneInfo(line.timezone)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")

    def add(name: str, *words: str | Text | None) -> None:
        said = [word if isinstance(word, Text) else Text(word) for word in words if word]
        if said:
            grid.add_row(name, Text(" · ").join(said))

    def at(moment: datetime | None) -> str | None:
        return None if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

    add("ISP", Text(line.isp, style="bold"), line.name, state_of(line, now))
    add("last look", at(line.last_look) or "never", _age(line.look_age_seconds))
    add("next look", at(line.next_look) or "nothing to look at", f"by {line.strategy}")
    if run := line.last_run:
        counted = f"{run.requests} requests, {run.changed} changes, {run.seconds:.1f} s"
        add("last run", f"{run.run}: {run.outcome}", run.reason, counted)
    if held := line.held_run:
        add(
            "held",
            f"run {held.run} since {at(held.since)}",
            held.reason,
            held.detail,
            f"alerta sync {line.isp} --approve {held.run}, or --reject {held.run}",
        )
    circuit = in_words(line.failures, line.circuit_until, line.circuit_reason, now.astimezone(zone))
    add("circuit", circuit)
    add("invoices", f"{line.open_invoices} open", f"{line.holds} holds" if line.holds else None)
    add(
        f"{line.today}",
        f"{line.sent_today} sent",
        f"{line.failed_today} failed",
        f"{line.uncertain_today} uncertain",
        f"{line.skipped_today} skipped",
        f"{line.cancelled_today} cancelled",
    )
    add("to go today", f"{line.planned_today} deliveries", f"{line.steps_today} steps")
    for queue in line.queues:
        add(
            queue.route,
            f"{queue.waiting} wait",
            f"{queue.due} due",
            f"{queue.sending} under way" if queue.sending else None,
            f"the oldest for {ago(queue.late_seconds)}" if queue.due else None,
        )
    for why, number in line.reasons_today.items():
        state, _, reason = why.partition("/")
        add("why today", f"{number} {state}: {reason}")
    return grid


def _age(seconds: float | None) -> str | None:
    return None if seconds is None else f"{ago(seconds)} ago"


def ago(seconds: float) -> str:
    """This function will write a span in four characters at most: 45s, 12m, 3h, 2d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def short(number: int) -> str:
    """This function will write a count in five characters at most: 12345, 123k, 12M."""
    if number < 100_000:
        return str(number)
    return f"{number // 1000}k" if number < 10_000_000 else f"{number // 1_000_000}M"
