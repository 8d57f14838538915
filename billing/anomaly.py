"""Is this run sane? Pure: a glitch of the API must not become a thousand wrong messages.

A run is weighed by what it would change and by what it would say, before any of it is laid down
(product.md, section 3, rule 20).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from billing.reactions import not_yet_issued, react
from billing.values import AlertKind, Change, ChangeKind, InvoiceFacts

#: An invoice that was issued or created within these days is new, wherever it appears.
_NEW_FOR = timedelta(days=3)
#: Announcements of new invoices in one run, for each paired account: more was billed twice.
_NEW_PER_ACCOUNT = 3
#: Fewer amounts than this say nothing about a scale.
_FEWEST_AMOUNTS = 20
#: How far outside the usual range the median of a run may lie.
_SCALE = 3
#: Days of history without which "usual" means nothing.
FEWEST_DAYS = 7
#: Kinds that a change in Wispro causes; the others follow the calendar.
CHANGE_DRIVEN = (
    AlertKind.ISSUED,
    AlertKind.PAID,
    AlertKind.CHANGED,
    AlertKind.VOIDED,
    AlertKind.CUTOFF_WARNING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What an ISP lets pass: see `models.isp.Isp`."""

    share: int = 20
    at_least: int = 50
    volume: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What this ISP is used to.

    Args:
        open_invoices: pending ones of paired accounts before the run.
        accounts: paired ones.
        volumes: alerts that changes caused, for each day of the last four weeks; fewer days where
            the ISP is younger.
        amounts: of its latest invoices, in no order.
    """

    open_invoices: int
    accounts: int
    volumes: Sequence[int] = ()
    amounts: Sequence[Decimal] = ()


@dataclass(slots=True)
class Weight:
    """What a run would do."""

    state_changes: int = 0
    unexplained: int = 0
    announcements: int = 0
    alerts: int = 0
    amounts: list[Decimal] = field(default_factory=list)

    def invoice(
        self,
        before: InvoiceFacts | None,
        after: InvoiceFacts,
        changes: Sequence[Change],
        *,
        baseline: bool,
        announced: bool,
        issued: bool,
        today: date,
    ) -> None:
        """Add what one invoice would do; arguments as for `billing.reactions.react`."""
        if baseline:
            return
        if before is not None and before.state is not after.state and not not_yet_issued(before):
            self.state_changes += 1
        if any(change.kind in _SHOW_AMOUNT for change in changes):
            self.amounts.append(after.amount)
        reaction = react(
            before, after, changes, baseline=baseline, announced=announced, issued=issued
        )
        for kind in reaction.owes:
            if kind is AlertKind.ISSUED and (before is not None or _is_new(after, today)):
                self.announcements += 1
            else:
                self.alerts += 1

    def gone(self) -> None:
        """Add an open invoice that Wispro has no more."""
        self.state_changes += 1

    def warning(self) -> None:
        """Add a contract that is about to be cut off."""
        self.alerts += 1


_SHOW_AMOUNT = frozenset({ChangeKind.APPEARED, ChangeKind.AMOUNT_CHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a run is held: `reason` is stored, `words` are for the operator (Spanish)."""

    reason: str
    words: str
    numbers: dict[str, str] = field(default_factory=dict)


def judge(weight: Weight, usual: Usual, limits: Thresholds) -> Hold | None:
    """This function will say why a run must wait for the operator, or None if it is sane."""
    changed = weight.state_changes + weight.unexplained
    if changed >= limits.at_least and changed * 100 > limits.share * usual.open_invoices:
        return Hold(
            reason="mass_change",
            words=f"{changed} de {usual.open_invoices} facturas abiertas cambiarían de estado "
            "de una vez",
            numbers={"changed": str(changed), "open": str(usual.open_invoices)},
        )
    if weight.announcements > max(
        limits.at_least,
        _NEW_PER_ACCOUNT * usual.accounts,
        limits.volume * max(usual.volumes, default=0),
    ):
        return Hold(
            reason="volume",
            words=f"aparecieron {weight.announcements} facturas nuevas para "
            f"{usual.accounts} cuentas",
        )
    if len(usual.volumes) >= FEWEST_DAYS:
        normal = median(usual.volumes)
        if weight.alerts > max(limits.at_least, limits.volume * normal):
            return Hold(
                reason="volume",
                words=f"saldrían {weight.alerts} avisos por cambios; lo normal en un día son "
                f"{normal:g}",
            )
    return _scale(weight.amounts, usual.amounts)


def _scale(amounts: Sequence[Decimal], usual: Sequence[Decimal]) -> Hold | None:
    """Compare the median of a run with the range in which nine of ten usual amounts lie."""
    if len(amounts) < _FEWEST_AMOUNTS or len(usual) < _FEWEST_AMOUNTS:
        return None
    ordered = sorted(usual)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    middle = Decimal(median(amounts))
    if low / _SCALE <= middle <= high * _SCALE:
        return None
    return Hold(
        reason="amount_scale",
        words=f"el importe típico saltó a {middle:.2f}; hasta ahora iba de {low:.2f} a {high:.2f}",
    )


def _is_new(facts: InvoiceFacts, today: date) -> bool:
    created = facts.created_at.date() if facts.created_at else None
    newest = max((day for day in (created, facts.issued_date) if day is not None), default=None)
    return newest is not None and newest >= today - _NEW_FOR
