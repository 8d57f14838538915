"""Several alerts of one account at one time become one message (product.md, rule 22). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from billing import gate
from billing.besides import Besides
from billing.checked import Checked
from billing.digest import MOST_LISTED
from billing.dossier import Dossier, InvoiceDossier
from billing.letter import Letter
from billing.values import AlertKind
from models.invoice import Invoice


class Joining(Protocol):
    """What may go in one message with others."""

    @property
    def dossier(self) -> Dossier:
        """What it hangs on."""
        ...


def joins(dossier: Dossier, *, covered: bool) -> bool:
    """This function will say whether an alert may go in one message with others.

    Those that ask to pay may. Receipts, and what credit pays, are news of their own.
    """
    return isinstance(dossier, InvoiceDossier) and dossier.kind.asks_to_pay and not covered


def is_digest(several: Sequence[Joining]) -> bool:
    """This function will say whether alerts that may go now are to be one message.

    It takes as many invoices as the ISP's policy names; two alerts about one invoice are none.
    """
    invoices = {
        one.dossier.invoice.id for one in several if isinstance(one.dossier, InvoiceDossier)
    }
    if len(invoices) < 2:
        return False
    wanted = several[0].dossier.rules.policy.digest_from
    return 0 < wanted <= len(invoices)


def to_look_at_besides(
    dossiers: Sequence[Dossier], checked: Checked, *, now: datetime
) -> Sequence[Invoice]:
    """This function will name the open invoices that a digest of the day waits to list.

    Args:
        dossiers: of one account on one channel: what may go in one message.
        checked: what was looked at.
        now: the present.
    """
    several = [one for one in dossiers if isinstance(one, InvoiceDossier) and one.kind.asks_to_pay]
    if len({one.invoice.id for one in several}) < 2:
        return ()
    first = several[0]
    return [
        one.invoice
        for one in _besides(several, now=now)[: _room(several)]
        if not one.is_fresh(checked, first.account, first.isp, now=now)
    ]


def daily_letter(
    dossiers: Sequence[InvoiceDossier], checked: Checked, *, now: datetime
) -> tuple[Letter, Sequence[int]]:
    """This function will write the one message about the open invoices of an account.

    It lists each invoice once, the oldest due date first, those that no alert is about today among
    them, and asks for their sum, or for less where the customer has credit. What Wispro did not
    confirm, or has no room, is counted without an amount.

    Args:
        dossiers: of the alerts, at least one; every one may go now.
        checked: what the last-second looks said.
        now: the present.

    Returns:
        The letter, and the rows of the invoices that it lists.
    """
    first = dossiers[0]
    besides = _besides(dossiers, now=now)
    fresh = [one for one in besides if one.is_fresh(checked, first.account, first.isp, now=now)]
    once = {one.invoice.id: one.facts for one in dossiers}
    once |= {one.invoice.id: one.facts for one in fresh[: _room(dossiers)]}
    listed = sorted(once.values(), key=lambda facts: facts.first_due_date or date.max)
    several_services = len({facts.contract_id for facts in listed}) > 1
    debts = tuple(
        first.debt_of(facts, service=facts.concept if several_services else None)
        for facts in listed
    )
    total = sum((debt.amount for debt in debts), Decimal(0))
    asked = gate.asked(total, checked.owed(first.account, now=now))
    letter = Letter(
        **first.heading(now),
        kind=AlertKind.DIGEST,
        daily=True,
        amount_due=asked,
        amount_total=total,
        received=sum((debt.received for debt in debts), Decimal(0)),
        credit=total - asked,
        due_date=debts[0].due_date,
        pay_url=first.pay_url_of_all(debts),
        debts=debts,
        more_debts=len(besides) + len({one.invoice.id for one in dossiers}) - len(debts),
    )
    return letter, list(once)


def _besides(dossiers: Sequence[InvoiceDossier], *, now: datetime) -> list[Besides]:
    """Return what may be listed besides the alerts' own invoices, the oldest first."""
    first, own = dossiers[0], {one.invoice.id for one in dossiers}
    return [
        one
        for one in first.besides
        if one.invoice.id not in own
        and one.may_be_listed(first.rules.calendar, first.minimum, now=now)
    ]


def _room(dossiers: Sequence[InvoiceDossier]) -> int:
    """Return how many more a person reads, and how many requests one message may cost."""
    return max(MOST_LISTED - len({one.invoice.id for one in dossiers}), 0)
