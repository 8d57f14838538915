"""How long what is kept of an ISP: the defaults with their reasons, and what the ISP says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from billing.isps import SetupError

_LONGEST_DAYS = 36_500


class Kept(StrEnum):
    """What goes after a while."""

    EVIDENCE = "evidence"
    CHANGES = "changes"
    HOLDS = "holds"
    CUSTOMERS = "customers"
    RUNS = "runs"
    NOTICES = "notices"
    CODES = "codes"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Term:
    """How long a kind of row is kept, in days.

    Args:
        default: where the ISP says nothing.
        least: what it may say; below that, rules would forget what they look back at.
        what: for people.
        why: the reason for the default.
    """

    default: int
    least: int
    what: str
    why: str


TERMS: Mapping[Kept, Term] = {
    Kept.EVIDENCE: Term(
        1095,
        90,
        "alerts, deliveries and attempts of closed invoices",
        "a customer may complain for three years (Argentina, Ley 24.240 art. 50); Chile asks for 2",
    ),
    Kept.CHANGES: Term(400, 30, "what changed on invoices", "a year of invoices, to be compared"),
    Kept.HOLDS: Term(1095, 30, "holds and promises that are over", "as long as the evidence"),
    Kept.CUSTOMERS: Term(
        1095, 30, "customers who left, with their invoices", "as long as the evidence about them"
    ),
    Kept.RUNS: Term(
        90, 7, "looks at Wispro, and records set aside", "what a customer remembers of a complaint"
    ),
    Kept.NOTICES: Term(90, 30, "what the operator was told", "longer than any trouble lasts"),
    Kept.CODES: Term(90, 7, "codes to pair that expired", "who was invited, and by whom"),
    Kept.RECORD: Term(
        1095, 90, "what people did by hand", "as long as the evidence of what came of it"
    ),
}


def retention_of(text: str | None) -> dict[Kept, int]:
    """This function will return the days of everything, of what an ISP says nothing the default.

    Args:
        text: "evidence 730, runs 30", as `with_days` writes it; None = all defaults.
    """
    found = {kept: term.default for kept, term in TERMS.items()}
    for part in (text or "").split(","):
        name, _, days = part.strip().partition(" ")
        # What another release wrote and this one does not know is left as it is.
        if name in set(Kept) and days.isdigit():
            found[Kept(name)] = int(days)
    return found


def with_days(text: str | None, kept: Kept, days: int | None, *, law: int | None) -> str | None:
    """This function will return what an ISP says then.

    Args:
        text: what it says now.
        kept: of what.
        days: how long from now on; None = the default.
        law: the least that the country's rule asks for evidence, where one is known.

    Raises:
        SetupError: if that is too short or too long.
    """
    term = TERMS[kept]
    least = max(term.least, law or 0) if kept is Kept.EVIDENCE else term.least
    if days is not None and not least <= days <= _LONGEST_DAYS:
        rule = " (the policy's preset asks for that)" if least != term.least else ""
        raise SetupError(f"{kept} are kept {least}{rule} to {_LONGEST_DAYS} days")
    said = [part.strip() for part in (text or "").split(",")]
    others = [part for part in said if part and part.partition(" ")[0] != kept]
    if days is not None and days != term.default:
        others.append(f"{kept} {days}")
    return ", ".join(sorted(others)) or None
