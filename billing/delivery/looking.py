"""The last-second look: the invoices at hand and the account's balance, right now.

product.md, rule 4. A sweep that is fresh enough counts as a look at an invoice, unless the account
owes less than the invoice asks: then something happened since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from billing import gate
from billing.apply import apply_single
from billing.checked import Checked
from billing.delivery.errand import Claim
from billing.dossier import Dossier
from billing.facts import unstorable
from billing.ports import Clock, UpstreamError, WisproPort
from billing.values import InvoiceFacts, UpstreamReason
from models.invoice import Invoice

#: What goes in one message asks about several invoices; those that it does not get to, go later.
LOOK_BUDGET = timedelta(seconds=25)


@dataclass(slots=True)
class Answers:
    """What Wispro said about one account.

    Attributes:
        found: row, facts, and when the request began.
        balance: when the request for it began, and what is owed (None = it contradicts itself).
        unanswered: why there is no answer, by the row of the invoice.
        unasked: rows that were left for later, by lack of time.
        trouble: why nothing can be said of any of them.
    """

    found: list[tuple[Invoice, InvoiceFacts, datetime]] = field(default_factory=list)
    balance: tuple[datetime, Decimal | None] | None = None
    unanswered: dict[int, str] = field(default_factory=dict)
    unasked: set[int] = field(default_factory=set)
    trouble: str | None = None


def questions(dossiers: Sequence[Dossier], checked: Checked, *, now: datetime) -> list[Invoice]:
    """This function will name the invoices to ask about, each once."""
    wanted = {row.id: row for one in dossiers for row in one.to_look_at(checked, now=now)}
    return list(wanted.values())


def ask_wispro(
    wispro: WisproPort, dossiers: Sequence[Dossier], rows: Sequence[Invoice], *, clock: Clock
) -> Answers:
    """This function will ask Wispro about invoices and the balance of their account. No rows.

    Args:
        wispro: the ISP's.
        dossiers: of the account at hand, at least one.
        rows: the invoices in question.
        clock: stamps each request.
    """
    answers = Answers()
    begun = clock()
    for row in rows:
        asked_at = clock()
        if answers.found and asked_at - begun > LOOK_BUDGET:
            answers.unasked.add(row.id)
        elif answers.trouble is None:
            _ask_one(wispro, row, answers, at=asked_at)
    if answers.trouble is not None:
        return answers
    account, isp = dossiers[0].account, dossiers[0].isp
    asked_at = clock()
    try:
        owed = gate.owed_by(wispro.balance(account.client_id), debt_sign=isp.debt_sign)
    except UpstreamError as error:
        answers.trouble = str(error)
        return answers
    answers.balance = (asked_at, owed)
    known = {row.id for row, _, _ in answers.found}
    for one in dossiers:
        for row in one.doubtful(owed):
            if row.id not in known | answers.unanswered.keys() | answers.unasked:
                known.add(row.id)
                _ask_one(wispro, row, answers, at=clock())
    return answers


def _ask_one(wispro: WisproPort, row: Invoice, answers: Answers, *, at: datetime) -> None:
    """Ask about one invoice; one that Wispro does not know says nothing about the others."""
    try:
        answers.found.append((row, _as_told(wispro, row.wispro_id), at))
    except UpstreamError as error:
        answers.unanswered[row.id] = str(error)
        if error.reason not in {UpstreamReason.NOT_FOUND, UpstreamReason.UNEXPECTED_RESPONSE}:
            answers.trouble = str(error)


def _as_told(wispro: WisproPort, wispro_id: str) -> InvoiceFacts:
    """Return an invoice as Wispro tells it now, fit to keep.

    Raises:
        UpstreamError: if there is no such answer.
    """
    try:
        facts = wispro.invoice(wispro_id)
    except UpstreamError as error:
        if error.reason is not UpstreamReason.NOT_FOUND:
            raise
        # One 404 proves nothing yet (it takes two complete reads), but it does forbid asking.
        raise UpstreamError(
            "Wispro does not find this invoice any more", reason=UpstreamReason.NOT_FOUND
        ) from None
    if (why := unstorable(facts)) is not None:
        raise UpstreamError(
            f"Wispro gave an invoice that cannot be kept: {why}",
            reason=UpstreamReason.UNEXPECTED_RESPONSE,
        )
    return facts


def lay_down(
    session: Session,
    answers: Answers,
    dossiers: Sequence[Dossier],
    checked: Checked,
    *,
    now: datetime,
) -> None:
    """This function will keep what Wispro said, as a look at each of these invoices does."""
    rules = dossiers[0].rules
    for copy, facts, asked_at in answers.found:
        row = session.get_one(Invoice, copy.id, with_for_update=True)
        apply_single(session, row, facts, rules, asked_at=asked_at, now=now)
    checked.invoices.update((row.wispro_id, at) for row, _, at in answers.found)
    if answers.balance is not None:
        checked.balances[dossiers[0].account.client_id] = answers.balance


def unanswered(
    answers: Answers,
    asked: Mapping[Claim, Dossier],
    rows_of: Mapping[Claim, Sequence[Invoice]],
) -> tuple[dict[int, str], frozenset[int]]:
    """This function will say for which deliveries there is no answer, and why, or not yet.

    Args:
        answers: of Wispro.
        asked: the deliveries that wanted a look.
        rows_of: the invoices that each of them asked about.
    """
    why: dict[int, str] = {}
    later: set[int] = set()
    for claim in asked:
        told = [
            answers.unanswered[row.id] for row in rows_of[claim] if row.id in answers.unanswered
        ]
        if answers.trouble is not None or told:
            why[claim[0]] = told[0] if told else answers.trouble or ""
        elif any(row.id in answers.unasked for row in rows_of[claim]):
            later.add(claim[0])
    return why, frozenset(later)
