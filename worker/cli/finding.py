"""Whom support has on the phone: found by whatever they say, shown on one screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from worker.cli.explaining import facts_lines, words_for
from worker.cli.explaining_words import LABELS, Language, Words
from worker.cli.finding_words import BY, CARD
from worker.cli.house import open_house
from worker.cli.show import as_json, complain, console, plain_money, say, table

if TYPE_CHECKING:
    from billing.card import Card, Told
    from billing.searching import Found, Hit
    from models.questions import InvoiceLine

#: A support desk's terminal.
_COLUMNS = 80


def register(app: typer.Typer) -> None:
    """Add this command to `alerta`."""
    app.command()(find)


def find(
    text: Annotated[
        list[str],
        typer.Argument(
            help="Name or its beginnings, an id, e-mail, invoice number or label of a channel."
        ),
    ],
    *,
    isp: Annotated[str | None, typer.Option(help="Only at this ISP; default all.")] = None,
    lang: Annotated[Language, typer.Option(help="The language of the card.")] = Language.ES,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Find a customer by whatever they say, and show what support answers with.

    Names need no accents, no capitals and no order, and the beginnings of words are enough. One
    hit is shown as a card; of several, each line says which command shows it. "public:793",
    "custom:", "national:", "email:", "invoice:", "channel:" or "name:" says what it is. Only
    customers who were paired once have a name here; Wispro is not asked.

    Exit code 1 if nobody was found.

    Example: `alerta find gomez ana`
    """
    from billing.card import card_of
    from billing.searching import Searching
    from models.account import Account
    from notifications.destinations import parse_short
    from wispro.login import login_token

    said = " ".join(text)
    with open_house() as house, house.database.read() as session:
        found = Searching(house.vault, login_token, parse_short).find(session, said, slug=isp)
        card = None
        if len(found.hits) == 1 and not (found.strangers or found.at_least):
            account = session.get_one(Account, found.hits[0].account.id)
            card = card_of(session, account, house.vault, now=house.clock())
    words = words_for(card.explanation, lang) if card is not None else None
    if json:
        as_json(_told_to_scripts(found, card, words))
    elif card is not None and words is not None:
        for line in _page(card, words):
            console.print(line, width=min(console.width, _COLUMNS))
    elif found.hits or found.strangers:
        _list(found)
    else:
        searched = ", ".join(BY[by] for by in found.searched)
        complain(
            f"nobody found; looked for {said!r} as {searched}; alerta accounts lists everybody"
        )
    if not found.hits and not found.strangers:
        raise typer.Exit(1)


def _list(found: Found) -> None:
    if found.hits:
        table(
            f"{len(found.hits) + found.others} customers match",
            ("ISP", "Public id", "Name", "Paired", "Found by", "The card"),
            [
                (
                    *(hit.account.isp, hit.account.public_id, hit.account.name),
                    *(hit.account.paired, _by(hit), _command(hit)),
                )
                for hit in found.hits
            ],
        )
    if found.others or found.at_least:
        number = f"{found.others} {'or more ' if found.at_least else ''}others"
        say(f"and {number}; say more of the name, or --isp SLUG")
    for one in found.strangers:
        which = one.client_id if one.public_id is None else f"public id {one.public_id}"
        say(
            f"{one.isp}: {which} is a client whom nobody paired; only Wispro knows their name: "
            f"alerta pair {one.isp} {one.client_id} --to …"
        )


def _by(hit: Hit) -> str:
    return f"{BY[hit.by]} {hit.invoice}" if hit.invoice else BY[hit.by]


def _command(hit: Hit) -> str:
    return f"alerta find client:{hit.account.client_id} --isp {hit.account.isp}"


def _page(card: Card, words: Words) -> Iterable[Text | Padding]:
    """Yield the lines of a card."""
    labels, own = LABELS[words.language], CARD[words.language]
    account = card.explanation.account
    ids = [
        f"{own[name]} {value}"
        for name, value in (
            ("public", account.public_id),
            ("custom", card.custom_id),
            ("national", card.national_id),
        )
        if value is not None
    ]
    yield Text(" · ".join([account.name, account.isp, *ids]), style="bold")
    yield Text(account.client_id, style="dim")
    yield from facts_lines(account, words, labels, but={"channels", "caps"})
    yield from _section(own["channels"], _channels(card, words))
    count = own["closed"].format(count=card.closed) if card.closed else ""
    yield from _section(
        own["open"],
        [
            *(_invoice(line, card, words) for line in card.open_invoices),
            *(_invoice(line, card, words) for line in card.closed_invoices),
        ],
        none=own["no_invoices"],
        after=count,
    )
    yield from _section(own["last"], [_alert(one, words) for one in card.last], none=own["none"])
    yield from _section(
        own["coming"], [_alert(one, words) for one in card.coming], none=own["none"]
    )
    who = account.public_id if account.public_id is not None else account.client_id
    yield Text()
    yield Text(own["more"].format(isp=account.isp, client=who), style="dim")


def _section(
    title: str, lines: Iterable[str], *, none: str = "–", after: str = ""
) -> Iterable[Text | Padding]:
    yield Text()
    yield Text(f"{title} {after}".strip(), style="bold")
    for line in list(lines) or [none]:
        yield Padding(Text(line), (0, 0, 0, 2))


def _channels(card: Card, words: Words) -> Iterable[str]:
    labels = LABELS[words.language]
    healths = {one.label: one.health for one in card.explanation.account.channels}
    for line in card.channels:
        text = f"{line.number}. {line.label} ({line.medium})"
        if line.closed_at is not None:
            closed = "removed" if line.state == "removed" else "disabled"
            why = line.why or "–"
            text += " " + labels[closed].format(at=words.moment(line.closed_at), why=why)
        yield text + words.health(healths[line.label])


def _invoice(line: InvoiceLine, card: Card, words: Words) -> str:
    labels = LABELS[words.language]
    state = "vanished" if line.vanished else line.state
    owed = line.balance if line.balance is not None and state == "pending" else line.amount
    parts = [
        line.invoice_number or f"{labels['no_number']} {line.invoice_id}",
        labels.get(state, state),
        f"{plain_money(owed)} {card.explanation.currency}",
    ]
    if line.first_due_date is not None:
        parts.append(labels["due"].format(day=words.day(line.first_due_date)))
    return " · ".join(parts)


def _alert(told: Told, words: Words) -> str:
    about = f" · {told.invoice}" if told.invoice else ""
    return f"{words.name(told.entry)}{about}: {words.sentence(told.entry)}"


def _told_to_scripts(found: Found, card: Card | None, words: Words | None) -> dict[str, Any]:
    """Return an answer for scripts: codes, and the sentences that people read."""
    told: dict[str, Any] = {
        "hits": [
            {
                **asdict(hit.account),
                "by": hit.by,
                "invoice": hit.invoice,
                "command": _command(hit),
            }
            for hit in found.hits
        ],
        "others": found.others,
        "at_least": found.at_least,
        "not_paired": found.strangers,
        "searched": found.searched,
        "card": None,
    }
    if card is not None and words is not None:
        account = card.explanation.account
        told["card"] = {
            "account": account,
            "custom_id": card.custom_id,
            "national_id": card.national_id,
            "currency": card.explanation.currency,
            "channels": card.channels,
            "open_invoices": card.open_invoices,
            "closed_invoices": card.closed_invoices,
            "closed": card.closed,
            "last_alerts": [_entry(one, words) for one in card.last],
            "next_alerts": [_entry(one, words) for one in card.coming],
        }
    return told


def _entry(told: Told, words: Words) -> dict[str, Any]:
    entry = told.entry
    return {
        "invoice": told.invoice,
        "kind": entry.kind,
        "step": entry.step,
        "channel": entry.channel,
        "state": entry.state,
        "why": entry.why,
        "when": entry.when,
        "sentence": words.sentence(entry),
    }
