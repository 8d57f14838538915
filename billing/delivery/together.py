"""Several alerts of one account at one time become one message (product.md, rule 22). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from billing.dossier import Checked, Dossier, InvoiceDossier
from billing.letter import Letter
from billing.values import AlertKind


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


def daily_letter(dossiers: Sequence[InvoiceDossier], checked: Checked, *, now: datetime) -> Letter:
    """This function will write the one message about several open invoices of an account.

    It lists each invoice once, the oldest due date first, and asks for their sum, or for less where
    the customer has credit.

    Args:
        dossiers: of the alerts, at least one; every one may go now.
        checked: what the last-second looks said.
        now: the present.
    """
    first = dossiers[0]
    once = {one.invoice.id: one for one in dossiers}
    listed = sorted(once.values(), key=lambda one: one.facts.first_due_date or date.max)
    several_services = len({one.facts.contract_id for one in listed}) > 1
    debts = tuple(
        one.debt_of(one.facts, service=one.facts.concept if several_services else None)
        for one in listed
    )
    total = sum((debt.amount for debt in debts), Decimal(0))
    _, owed = checked.balances.get(first.account.client_id, (None, None))
    return Letter(
        **first.heading(now),
        kind=AlertKind.DIGEST,
        daily=True,
        amount_due=total if owed is None else max(min(total, owed), Decimal(0)),
        amount_total=total,
        due_date=debts[0].due_date,
        pay_url=first.pay_url_of_all(debts),
        debts=debts,
    )
