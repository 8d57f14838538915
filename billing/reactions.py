"""What a change makes us owe, and what it makes pointless: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from billing.values import AlertKind, Change, ChangeKind, InvoiceFacts, InvoiceState, Reason

_NOT_YET_ISSUED = frozenset(
    {
        InvoiceState.DRAFT,
        InvoiceState.ISSUING,
        InvoiceState.AUTHORIZING,
        InvoiceState.AUTHORIZING_ERROR,
        InvoiceState.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """Kinds of alert that are owed, and why the planned demands for payment end, if they do.

    `what` tells two changes of one day apart in the unique key; `details` is what the template
    needs and the invoice no longer holds.
    """

    owes: tuple[AlertKind, ...] = ()
    ends_demands: Reason | None = None
    what: str = ""
    details: dict[str, str] = field(default_factory=dict)


def not_yet_issued(facts: InvoiceFacts) -> bool:
    """Whether an invoice in this state is not out, as far as anybody knows."""
    return facts.state in _NOT_YET_ISSUED


def react(
    before: InvoiceFacts | None,
    after: InvoiceFacts,
    changes: Sequence[Change],
    *,
    baseline: bool,
    announced: bool,
    issued: bool = False,
) -> Reaction:
    """This function will say what the changes of one invoice make us owe.

    Args:
        before: our copy until now; None at the first sight.
        after: what Wispro says.
        changes: from `billing.diff`.
        baseline: the account's silent first look: nothing is owed for it.
        announced: an alert about this invoice has reached the customer.
        issued: it was pending before our copy until now: what comes back from a draft or from a
            state that nobody knows is no new invoice.
    """
    kinds = {change.kind for change in changes}
    if baseline or not kinds:
        return Reaction()
    if ChangeKind.PAID in kinds:
        return Reaction(owes=(AlertKind.PAID,), ends_demands=Reason.PAID)
    if ChangeKind.VOIDED in kinds:
        owes = (AlertKind.VOIDED,) if announced else ()
        return Reaction(owes=owes, ends_demands=Reason.VOID)
    if after.state is not InvoiceState.PENDING:
        return Reaction(ends_demands=Reason.NOT_OWED)
    if before is None or before.state in _NOT_YET_ISSUED:
        return Reaction(owes=(AlertKind.ISSUED,) if after.payable > 0 and not issued else ())
    return _moved(before, after, kinds, announced=announced)


def new_terms(facts: InvoiceFacts) -> str:
    """This function will name what a note about a change tells: the date and the amount."""
    return f"{facts.first_due_date or '–'} {facts.amount.normalize():f}"


def _moved(
    before: InvoiceFacts, after: InvoiceFacts, kinds: set[ChangeKind], *, announced: bool
) -> Reaction:
    """A pending invoice whose date or amount moved: the old plan ends, one note is owed."""
    if not kinds & {ChangeKind.DUE_MOVED, ChangeKind.AMOUNT_CHANGED}:
        return Reaction()
    details: dict[str, str] = {}
    if before.first_due_date and before.first_due_date != after.first_due_date:
        details["previous_due_date"] = before.first_due_date.isoformat()
    if before.amount != after.amount:
        details["previous_amount"] = str(before.amount)
    return Reaction(
        owes=(AlertKind.CHANGED,) if announced and details else (),
        ends_demands=Reason.SUPERSEDED if ChangeKind.DUE_MOVED in kinds else None,
        what=new_terms(after),
        details=details,
    )
