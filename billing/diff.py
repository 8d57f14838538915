"""What changed between our copy of an invoice and Wispro's: pure, one function.

A change is reported once, by its most telling kind; the plan hangs on these kinds and on nothing
else, so a difference that has no kind here can never cause a message.
"""

from __future__ import annotations

from billing.values import Change, ChangeKind, InvoiceFacts, InvoiceState

_STATE_CHANGES = {InvoiceState.PAID: ChangeKind.PAID, InvoiceState.VOID: ChangeKind.VOIDED}


def diff(before: InvoiceFacts | None, after: InvoiceFacts) -> tuple[Change, ...]:
    """This function will list what changed, the most telling first.

    Args:
        before: our last known copy, or None where we never saw this invoice.
        after: what Wispro says now.

    Returns:
        No change for two equal copies; `appeared` alone for a new invoice.
    """
    if before is None:
        return (Change(kind=ChangeKind.APPEARED, after=after.raw_state),)
    changes: list[Change] = []
    if before.raw_state != after.raw_state:
        changes.append(
            Change(
                kind=_state_change(before, after), before=before.raw_state, after=after.raw_state
            )
        )
    if _dues(before) != _dues(after):
        changes.append(
            Change(kind=ChangeKind.DUE_MOVED, before=_dues(before), after=_dues(after)),
        )
    if before.amount != after.amount:
        changes.append(
            Change(
                kind=ChangeKind.AMOUNT_CHANGED, before=str(before.amount), after=str(after.amount)
            )
        )
    if before.balance != after.balance and before.amount == after.amount:
        kind = ChangeKind.PARTLY_PAID if after.received > before.received else None
        changes.append(
            Change(
                kind=kind or ChangeKind.DETAILS_CHANGED,
                before=str(before.balance),
                after=str(after.balance),
            )
        )
    if before.number != after.number:
        changes.append(Change(kind=ChangeKind.NUMBERED, before=before.number, after=after.number))
    if not changes and _details(before) != _details(after):
        changes.append(Change(kind=ChangeKind.DETAILS_CHANGED))
    return tuple(changes)


def _state_change(before: InvoiceFacts, after: InvoiceFacts) -> ChangeKind:
    if after.state is InvoiceState.PAID and before.state is not InvoiceState.PENDING:
        return ChangeKind.STATE_CHANGED  # a receipt is owed for pending → paid only
    if after.state is InvoiceState.PENDING and before.state is InvoiceState.PAID:
        return ChangeKind.REOPENED
    return _STATE_CHANGES.get(after.state, ChangeKind.STATE_CHANGED)


def _dues(facts: InvoiceFacts) -> str:
    return " ".join(str(day or "–") for day in (facts.first_due_date, facts.second_due_date))


def _details(facts: InvoiceFacts) -> tuple[object, ...]:
    return (
        facts.contract_id,
        facts.issued_date,
        facts.period_from,
        facts.period_to,
        facts.concept,
        facts.pay_urls[:1],
        facts.balance,
    )
