"""What may be special about a sample: named without loading what renders it."""

from __future__ import annotations

from enum import StrEnum

from billing.values import AlertKind


class Case(StrEnum):
    """What may be special about a sample."""

    PLAIN = "plain"
    UNNUMBERED = "unnumbered"  # Wispro has not numbered it: it goes by its month
    TWO_DATES = "two_dates"  # with a second due date
    PARTIAL = "partial"  # a part was received
    CREDIT = "credit"  # the customer's credit covers it
    PART_CREDIT = "part_credit"  # … a part of it
    CORRECTS = "corrects"  # a receipt that takes a reminder back
    DAILY = "daily"  # the digest of one day, not that of old debts


def cases_of(kind: AlertKind) -> tuple[Case, ...]:
    """Return the cases that change what this kind says."""
    if kind is AlertKind.DIGEST:
        return (Case.PLAIN, Case.CREDIT, Case.PART_CREDIT, Case.DAILY)
    if kind.about_channel:
        return (Case.PLAIN,)
    if kind is AlertKind.VOIDED:
        return (Case.PLAIN, Case.UNNUMBERED)
    if kind is AlertKind.PAID:
        return (Case.PLAIN, Case.UNNUMBERED, Case.CORRECTS)
    two_dates = () if kind is AlertKind.SECOND_DUE_SOON else (Case.TWO_DATES,)
    return (Case.PLAIN, Case.UNNUMBERED, *two_dates, Case.PARTIAL, Case.CREDIT, Case.PART_CREDIT)
