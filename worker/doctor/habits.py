"""The habits of an ISP's Wispro in plain words: what was found, when, and what follows from it.

A habit is bad only where it costs something: requests, or a kind of look that cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.values import Habits
from worker.doctor.finding import Finding

#: A page of fewer records makes looks longer than they are planned.
_USUAL_PAGE = 100
_TELL_WISPRO = "tell Wispro's support; nothing is wrong here"


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of a habit: its name, then if it is so, is not, or could not be told."""

    habit: str
    yes: str
    no: str
    untold: str
    costs: bool | None = False  # the value that costs something; None = neither does


_NO_INVOICES = "could not be told: there are no invoices"
_WORDS = {
    "unknown_filter_ignored": _Words(
        "unknown filters",
        "an unknown filter is ignored and everything comes: each record is checked again",
        "an unknown filter is refused or gives nothing; each record is checked again all the same",
        _NO_INVOICES,
        costs=None,
    ),
    "invoice_state_filter": _Words(
        "invoices by state",
        "state_eq is honoured: whole-ISP looks read the pending invoices only",
        "state_eq is ignored: whole-ISP looks read every invoice",
        _NO_INVOICES,
    ),
    "contract_state_filter": _Words(
        "contracts by state",
        "state_eq is honoured: the contracts that are cut off can be asked for",
        "state_eq is ignored: to find the contracts that are cut off, all are read",
        "could not be told: there are no contracts",
    ),
    "national_id_filter": _Words(
        "invoices by national id",
        "the filter is honoured: one customer's invoices can be asked for",
        "the filter is ignored: a look at one customer reads the invoices of all",
        _NO_INVOICES,
    ),
    "custom_id_filter": _Words(
        "invoices by custom id",
        "the filter is honoured: customers without a national id can be looked at one by one",
        "the filter is ignored: customers without a national id cannot be looked at one by one",
        _NO_INVOICES,
    ),
    "payments_after_filter": _Words(
        "new payments",
        "created_at_after is honoured: new payments can be asked for",
        "created_at_after is ignored: new payments cannot be asked for, invoices show them",
        "could not be told: there are no payments",
        costs=None,
    ),
    "oldest_first": _Words(
        "order of invoices",
        "oldest first: new invoices are on the last page",
        "newest first: an invoice that is issued during a look shifts every page of it",
        "could not be told: too few invoices, or all of one instant",
    ),
}


def habit_findings(slug: str, habits: Habits, probed_at: datetime) -> list[Finding]:
    """This function will say each habit as a finding of the doctor.

    Args:
        slug: the ISP.
        habits: as they were found.
        probed_at: when.
    """
    on = f" (asked {probed_at:%Y-%m-%d})"
    findings = []
    for name, words in _WORDS.items():
        value: bool | None = getattr(habits, name)
        bad = value is not None and value == words.costs
        text = words.untold if value is None else words.yes if value else words.no
        if bad and name == "invoice_state_filter":
            text += f", {habits.invoices} of them"
        findings.append(
            Finding(
                f"{slug}: {words.habit}", not bad, text + on, mend=_TELL_WISPRO if bad else None
            )
        )
    few = habits.page_size < _USUAL_PAGE
    pages = -(-habits.invoices // habits.page_size)
    findings.append(
        Finding(
            f"{slug}: pages",
            ok=not few,
            found=f"a page holds {habits.page_size} records: all invoices are {pages} requests{on}",
            mend=_TELL_WISPRO if few else None,
        )
    )
    size = (
        f"{habits.invoices} invoices, {habits.pending} of them given as pending, "
        f"{habits.contracts} contracts, {habits.clients} clients{on}"
    )
    findings.append(Finding(f"{slug}: size", ok=True, found=size))
    return findings
