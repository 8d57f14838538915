"""Say why a customer got an alert, did not, or will: what support answers with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.padding import Padding
from rich.text import Text

from billing.explained import (
    AccountStory,
    Entry,
    Explanation,
    HoldStory,
    InvoiceStory,
    Says,
    Standing,
)
from billing.isps import SetupError
from worker.cli.explaining_words import LABELS, Language, Words
from worker.cli.house import open_house
from worker.cli.pairing import CLIENT_HELP
from worker.cli.show import as_json, console, plain_money

if TYPE_CHECKING:
    from models.account import Account

#: A support desk's terminal; what goes to a file is folded there too.
_COLUMNS = 80
_STYLES = {
    Standing.SENT: "green",
    Standing.WILL_GO: "cyan",
    Standing.WAITS: "yellow",
    Standing.SENDING: "cyan",
    Standing.UNCERTAIN: "yellow",
    Standing.FAILED: "red",
}
_MARKS = {
    Standing.SENT: "✓",
    Standing.WILL_GO: "→",
    Standing.WAITS: "…",
    Standing.SENDING: "→",
    Standing.UNCERTAIN: "?",
    Standing.FAILED: "✗",
    Standing.WILL_NOT: "✗",
    Standing.MISSED: "✗",
}
_COMING = frozenset({Standing.WILL_GO, Standing.WAITS, Standing.SENDING})
_WENT = frozenset({Standing.SENT, Standing.UNCERTAIN, Standing.FAILED})


def register(app: typer.Typer) -> None:
    """Add this command to `alerta`."""
    app.command()(explain)


def explain(
    slug: Annotated[str, typer.Argument(help="The ISP.")],
    client: Annotated[str, typer.Argument(help=CLIENT_HELP)],
    *,
    invoice: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Number or id of one invoice; default the open ones."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="As of then: 2026-11-14T09:00, on the ISP's wall."),
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language of the answer.")] = Language.ES,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say why a customer got each alert, why not, and what will go when if nothing changes.

    Nothing is sent, written or asked of Wispro. What is still to come is played forward with the
    code that will decide it; credit that Wispro alone knows of may still stop it at the last look.

    Example: `alerta explain interatos 793 --invoice A-0001-793`
    """
    from billing.explain import explain as why

    with open_house() as house, house.database.read() as session:
        account = house.whom.find(session, slug, client)
        moment = _instant(at, account) if at is not None else None
        found = why(session, account, now=house.clock(), at=moment, invoice=invoice)
    words = words_for(found, lang)
    if json:
        as_json(_told(found, words))
    else:
        for line in page(found, words):
            console.print(line, width=min(console.width, _COLUMNS))


def words_for(found: Explanation, language: Language) -> Words:
    """Return the sentences of one language for one answer."""
    zone = ZoneInfo(found.account.hours.timezone)
    media = {one.label: one.medium for one in found.account.channels}
    return Words(language, zone, found.now.astimezone(zone).date(), media)


def page(found: Explanation, words: Words) -> Iterable[Text | Padding]:
    """Yield the lines of an answer for people."""
    labels = LABELS[words.language]
    account = found.account
    which = f" · {account.public_id}" if account.public_id is not None else ""
    yield Text(f"{account.name}{which} · {account.isp}", style="bold")
    if found.at != found.now:
        tense = "as_of_future" if found.at > found.now else "as_of_past"
        yield Text(labels[tense].format(at=words.moment(found.at)), style="bold yellow")
    yield from facts_lines(account, words, labels)
    if not found.invoices:
        yield Text(labels["no_invoices"])
    for story in found.invoices:
        yield Text()
        yield from _invoice(story, found, words, labels)
    for name, about_channel in (("others", False), ("about_channels", True)):
        entries = [one for one in found.others if one.kind.about_channel is about_channel]
        if entries:
            yield Text()
            yield Text(labels[name], style="bold")
        for entry in entries:
            yield from _entry(entry, words, labels, full=not about_channel)


def facts_lines(
    account: AccountStory,
    words: Words,
    labels: Mapping[str, str],
    *,
    but: Collection[str] = (),
) -> Iterable[Padding]:
    """Yield what binds everything that a customer gets, a line each, except for some labels."""
    width = max(len(labels[name]) for name in ("paired", "looked", "channels", "steps_off"))
    left_out = {labels[name] for name in but}
    for name, text in _facts(account, words, labels):
        if name not in left_out:
            yield Padding(Text.assemble((f"{name:<{width}}  ", "dim"), text), (0, 0, 0, 2))


def _facts(
    account: AccountStory, words: Words, labels: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    """Yield what binds everything that this customer gets, as (label, text)."""
    if account.paired_at is None:
        yield labels["paired"], labels["never"]
    elif account.unpaired_at is not None:
        yield labels["paired"], labels["unpaired"].format(at=words.moment(account.unpaired_at))
    else:
        yield labels["paired"], labels["since"].format(at=words.moment(account.paired_at))
    if not account.isp_enabled:
        yield labels["trouble"], labels["isp_off"]
    for channel in account.channels:
        text = f"{channel.label} ({channel.medium})"
        if channel.disabled_at is not None:
            why = channel.disabled_reason or "–"
            closed = "disabled" if channel.removed_at is None else "removed"
            closed_at = channel.removed_at or channel.disabled_at
            text += " " + labels[closed].format(at=words.moment(closed_at), why=why)
        text += words.health(channel.health)
        yield labels["channels"], text
    if not account.channels:
        yield labels["channels"], labels["no_channels"]
    yield labels["locale"], account.locale
    hours = account.hours
    parts = [labels["hours_of"].format(in_force=hours.in_force, timezone=hours.timezone)]
    if hours.preset:
        parts.append(labels["preset"].format(preset=hours.preset))
    if hours.own:
        parts.append(labels["own"].format(own=hours.own))
    yield labels["hours"], "; ".join(parts)
    caps = ", ".join(words.cap(line) for line in account.caps)
    yield labels["caps"], caps or labels["no_caps"]
    for hold in account.holds:
        yield labels["holds"], _hold(hold, words, labels)
    if account.steps_off:
        yield labels["steps_off"], ", ".join(account.steps_off)
    looked = words.moment(account.looked_at) if account.looked_at else labels["never"]
    yield labels["looked"], looked
    if account.trouble:
        yield labels["trouble"], account.trouble
    if account.held_run is not None:
        run = labels["held_run"].format(run=account.held_run, isp=account.isp)
        since = words.moment(account.held_since) if account.held_since else "–"
        yield labels["held"], f"{run}, {labels['since'].format(at=since)}"
    if account.suspended:
        contracts = ", ".join(account.suspended)
        yield labels["suspended"], labels["suspended_is"].format(contracts=contracts)


def _hold(hold: HoldStory, words: Words, labels: Mapping[str, str]) -> str:
    return labels[hold.kind].format(what=hold.invoice or labels["all"], words=words.hold(hold))


def _invoice(
    story: InvoiceStory, found: Explanation, words: Words, labels: Mapping[str, str]
) -> Iterable[Text | Padding]:
    state = "vanished" if story.vanished else story.state
    head = [
        labels["invoice"].format(
            number=story.number or f"{labels['no_number']} {story.invoice_id}"
        ),
        labels.get(state, state),
        f"{plain_money(story.payable or story.amount)} {found.currency}",
    ]
    if story.first_due_date is not None:
        due = labels["due"].format(day=words.day(story.first_due_date))
        if story.second_due_date is not None:
            due += " " + labels["second_due"].format(day=words.day(story.second_due_date))
        head.append(due)
    if story.issued_date is not None:
        head.append(labels["issued"].format(day=words.day(story.issued_date)))
    yield Text(" · ".join(head), style="bold")
    yield Padding(Text(answer(story, words)), (0, 0, 0, 2))
    remarks = (
        (story.odd_dates is not None, f"odd_{story.odd_dates}"),
        (story.baseline, "baseline"),
        (story.suspended, "service_cut"),
    )
    for holds, name in remarks:
        if holds:
            yield Padding(Text(labels[name], style="yellow"), (0, 0, 0, 2))
    first = next((one for one in story.entries if one.state in _COMING), None)
    for entry in story.entries:
        yield from _entry(entry, words, labels, full=entry is first)


def answer(story: InvoiceStory, words: Words) -> str:
    """Say in a sentence or two how it stands with one invoice: the last, and the next."""
    labels = LABELS[words.language]
    went = [one for one in story.entries if one.state in _WENT]
    coming = [one for one in story.entries if one.state in _COMING]
    parts = []
    if went:
        last = max(went, key=lambda one: one.when or story.first_seen_at)
        parts.append(_told_as("last", last, words))
    if coming:
        soonest = min(coming, key=lambda one: (one.when is None, one.when or story.first_seen_at))
        parts.append(_told_as("next", soonest, words))
    if not parts:
        ended = [one for one in story.entries if one.recorded and one.when] or list(story.entries)
        parts = [_told_as("nothing", ended[-1], words)] if ended else [labels["none"]]
    return " ".join(parts)


def _told_as(form: str, entry: Entry, words: Words) -> str:
    text = LABELS[words.language][form]
    return text.format(name=words.name(entry), sentence=words.sentence(entry))


def _entry(
    entry: Entry, words: Words, labels: Mapping[str, str], *, full: bool
) -> Iterable[Text | Padding]:
    style = _STYLES.get(entry.state, "dim")
    head = Text.assemble((f"{_MARKS[entry.state]} {words.name(entry)} ", style))
    head.append(words.sentence(entry))
    yield Padding(head, (0, 0, 0, 2))
    if entry.evidence:
        proof = {name: entry.evidence.get(name, "–") for name in ("hours", "caps", "sha256")}
        text = labels["proof"].format(**{**proof, "sha256": proof["sha256"][:12]})
        yield Padding(Text(text, style="dim"), (0, 0, 0, 6))
    if full:
        for line in entry.rules:
            yield Padding(Text(words.rule(line, entry)), (0, 0, 0, 6))
        return
    against = [line for line in entry.rules if line.says is not Says.OK]
    if entry.rules and not against:
        fine = labels["all_fine"].format(count=len(entry.rules))
        yield Padding(Text(fine, style="dim"), (0, 0, 0, 6))
    for line in against:
        yield Padding(Text(words.rule(line, entry)), (0, 0, 0, 6))


def _told(value: Any, words: Words) -> Any:
    """Return an answer for scripts: its codes, and the sentences that people read."""
    if isinstance(value, tuple | list):
        return [_told(one, words) for one in value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    told = {
        one.name: (
            [{**_told(line, words), "line": words.rule(line, value)} for line in value.rules]
            if isinstance(value, Entry) and one.name == "rules"
            else _told(getattr(value, one.name), words)
        )
        for one in fields(value)
    }
    if isinstance(value, Entry):
        told["sentence"] = words.sentence(value)
    if isinstance(value, InvoiceStory):
        told["answer"] = answer(value, words)
    return told


def _instant(text: str, account: Account) -> datetime:
    """Read an instant; one without a zone is on the ISP's wall.

    Raises:
        SetupError: if it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SetupError(f"--at: {text!r} is no instant; write it as 2026-11-14T09:00") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(account.isp.timezone))
    return found
