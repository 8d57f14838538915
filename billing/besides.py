"""What else an account owes: a digest of the day lists all that is open (product.md, rule 22).

The alerts of a day say when the digest goes; what is open besides them belongs into its one total.
It is listed only as far as an alert about it might ask for it now: nothing that is on hold, that
nobody was told of since the baseline, whose dates make no sense, or that Wispro did not confirm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from billing import gate
from billing.calendar import Calendar
from billing.checked import Checked
from billing.facts import facts_of
from billing.held import Held, strictest
from billing.policy import odd_dates
from billing.values import InvoiceFacts
from models.account import Account
from models.debts import open_invoices
from models.invoice import Invoice
from models.isp import Isp


@dataclass(frozen=True, slots=True)
class Besides:
    """An open invoice of an account that has several, and what speaks against asking for it."""

    invoice: Invoice
    facts: InvoiceFacts
    holds: tuple[Held, ...] = ()

    def may_be_listed(self, calendar: Calendar, minimum: Decimal, *, now: datetime) -> bool:
        """This function will say whether the account may be asked for it at this instant."""
        facts, due_date = self.facts, self.facts.first_due_date
        if facts.payable <= 0 or facts.payable < minimum:
            return False
        if odd_dates(facts) not in {None, "no_date"}:
            return False
        if strictest(self.holds, calendar, now=now) is not None:
            return False
        # An old debt that no alert spoke of is released by the operator (product.md, rule 11).
        silent = self.invoice.baseline and self.invoice.announced_at is None
        return not (silent and due_date is not None and due_date < calendar.today(now))

    def is_fresh(self, checked: Checked, account: Account, isp: Isp, *, now: datetime) -> bool:
        """This function will say whether somebody looked at it lately enough to ask for it."""
        at = checked.at(self.invoice, account, isp)
        return at is not None and now - at <= gate.FRESH_FOR


def open_besides(
    session: Session, account_ids: Collection[int], holds: Mapping[int | None, Sequence[Held]]
) -> Mapping[int, tuple[Besides, ...]]:
    """This function will read all that is open of accounts, the oldest due date first.

    Args:
        session: reads.
        account_ids: of the accounts.
        holds: what is in force, by the row of the invoice that it is on.
    """
    found: dict[int, list[Besides]] = defaultdict(list)
    for row in open_invoices(session, account_ids) if account_ids else ():
        found[row.account_id].append(Besides(row, facts_of(row), tuple(holds.get(row.id, ()))))
    return {account_id: tuple(several) for account_id, several in found.items()}
