"""How fresh our copy of an invoice is: what looks asked, and when each request began."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.gate import FRESH_FOR
from models.account import Account
from models.invoice import Invoice
from models.isp import Isp


@dataclass(slots=True)
class Checked:
    """What the last-second looks of one batch asked for, and when each request began.

    The balance of an account is asked for after its invoices, so it is at least as young as they.
    """

    invoices: dict[str, datetime] = field(default_factory=dict)
    balances: dict[str, tuple[datetime, Decimal | None]] = field(default_factory=dict)

    def at(self, invoice: Invoice, account: Account, isp: Isp) -> datetime | None:
        """This function will say when a request began that showed an invoice as it is.

        Its own, or that of a whole sweep that covers its account.
        """
        told = [self.invoices.get(invoice.wispro_id), invoice.confirmed_at]
        swept_at, covered = isp.swept_at, account.next_look_at is None
        if swept_at and covered and invoice.first_seen_at <= swept_at:
            told.append(swept_at)
        return max((at for at in told if at is not None), default=None)

    def owed(self, account: Account, *, now: datetime) -> Decimal | None:
        """This function will say what an account owes by a look that is fresh; None = unknown."""
        balance_at, owed = self.balances.get(account.client_id, (None, None))
        fresh = balance_at is not None and now - balance_at <= FRESH_FOR
        return owed if fresh else None
