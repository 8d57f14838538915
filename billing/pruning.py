"""Let go what was kept for long enough, a little at a time.

What still keeps an alert from going twice stays, however old: the alerts of an open invoice, the
digests of who is paired. So do our copies of invoices while their customer is one: a look would
bring them back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import Session

from billing.isps import SetupError, find_isp
from billing.retention import TERMS, Kept, retention_of, with_days
from billing.terms import UnreadablePolicyError, calendar_under, policy_of
from billing.values import AlertKind, DeliveryState, InvoiceState
from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.audit import AuditEntry
from models.database import Database
from models.hold import Hold
from models.invoice import Invoice, InvoiceChange
from models.isp import Isp
from models.operator import OperatorNotice
from models.pair_code import PairCode
from models.sync_run import SyncRun

log = structlog.get_logger()

#: Rows of one transaction, some ten milliseconds; an alert takes its deliveries along, a customer
#: all that is theirs.
_BATCH, _CUSTOMERS = 200, 10
#: Transactions of one night: under a minute. What is left goes the next night.
MOST_BATCHES = 2000
_UNDER_WAY = (DeliveryState.PLANNED.value, DeliveryState.SENDING.value)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which rows of a table go: those of an ISP, before an instant."""

    table: Any
    gone: Callable[[int, datetime], ColumnElement[bool]]
    batch: int = _BATCH


def _alerts(isp_id: int, before: datetime) -> ColumnElement[bool]:
    needed = (
        select(Delivery.id)
        .where(
            Delivery.alert_id == Alert.id,
            or_(Delivery.state.in_(_UNDER_WAY), Delivery.settled_at >= before),
        )
        .exists()
    )
    is_open = (
        select(Invoice.id)
        .where(
            Invoice.id == Alert.invoice_id,
            Invoice.state.not_in([InvoiceState.PAID.value, InvoiceState.VOID.value]),
            Invoice.vanished_at.is_(None),
        )
        .exists()
    )
    # An account gets the digest of its old debts once: by this row.
    paired = (
        select(Account.id)
        .where(Account.id == Alert.account_id, Account.unpaired_at.is_(None))
        .exists()
    )
    digest = (Alert.kind == AlertKind.DIGEST.value) & paired
    return (Alert.isp_id == isp_id) & (Alert.created_at < before) & ~needed & ~is_open & ~digest


def _customers(isp_id: int, before: datetime) -> ColumnElement[bool]:
    sent = select(Alert.id).where(Alert.account_id == Account.id).exists()
    # Sent to a former holder of one of their invoices: theirs to be shown.
    about = (
        select(Invoice.id)
        .join(Alert, Alert.invoice_id == Invoice.id)
        .where(Invoice.account_id == Account.id)
        .exists()
    )
    return (Account.isp_id == isp_id) & (Account.unpaired_at < before) & ~sent & ~about


def _channels(isp_id: int, before: datetime) -> ColumnElement[bool]:
    """Those that were taken away, and nothing is kept that went there."""
    theirs = select(Account.id).where(Account.id == Channel.account_id, Account.isp_id == isp_id)
    sent = select(Delivery.id).where(Delivery.channel_id == Channel.id).exists()
    return (Channel.disabled_at < before) & (Channel.removed_at < before) & theirs.exists() & ~sent


def _runs(isp_id: int, before: datetime) -> ColumnElement[bool]:
    waits = select(Isp.id).where(Isp.id == isp_id, Isp.held_run_id == SyncRun.id).exists()
    return (SyncRun.isp_id == isp_id) & (SyncRun.started_at < before) & ~waits


_RULES: Mapping[Kept, tuple[_Rule, ...]] = {
    Kept.EVIDENCE: (_Rule(Alert, _alerts), _Rule(Channel, _channels)),
    Kept.CHANGES: (
        _Rule(
            InvoiceChange,
            lambda isp_id, before: (InvoiceChange.isp_id == isp_id) & (InvoiceChange.at < before),
        ),
    ),
    Kept.HOLDS: (
        _Rule(
            Hold,
            lambda isp_id, before: (
                (Hold.isp_id == isp_id) & (Hold.until < before.date()) & (Hold.created_at < before)
            ),
        ),
    ),
    Kept.CUSTOMERS: (_Rule(Account, _customers, _CUSTOMERS),),
    Kept.RUNS: (_Rule(SyncRun, _runs),),
    Kept.NOTICES: (
        _Rule(
            OperatorNotice,
            lambda isp_id, before: (
                (OperatorNotice.isp_id == isp_id) & (OperatorNotice.created_at < before)
            ),
        ),
    ),
    Kept.RECORD: (
        _Rule(
            AuditEntry,
            lambda isp_id, before: (AuditEntry.isp_id == isp_id) & (AuditEntry.at < before),
        ),
    ),
    Kept.CODES: (
        _Rule(
            PairCode,
            lambda isp_id, before: (PairCode.isp_id == isp_id) & (PairCode.expires_at < before),
        ),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLine:
    """How long a kind of row is kept.

    Args:
        what: its name.
        days: how long; for evidence the policy's preset may ask for more.
        default: where nothing was said.
        holds: what it is, for people.
        why: the reason for the default.
        goes: how many rows would go now.
    """

    what: str
    days: int
    default: int
    holds: str
    why: str
    goes: int


class Pruning:
    """The use-case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lines(self, slug: str, *, now: datetime) -> list[KeptLine]:
        """This function will say how long what is kept of an ISP, and what would go now.

        Raises:
            SetupError: if the ISP is unknown.
        """
        with self._database.read() as session:
            isp = find_isp(session, slug)
            days = retention_of(isp.retention)
            befores = _befores(isp, now=now)
            return [
                KeptLine(
                    what=kept.value,
                    days=days[kept],
                    default=term.default,
                    holds=term.what,
                    why=term.why,
                    goes=_count(session, kept, isp.id, befores),
                )
                for kept, term in TERMS.items()
            ]

    def keep(self, slug: str, what: str, days: int | None) -> None:
        """This function will change how long a kind of row is kept; None = the default.

        Raises:
            SetupError: if ISP or kind are unknown, or that is too short or too long.
        """
        if what not in set(Kept):
            raise SetupError(f"nothing is called {what!r}; known: {', '.join(Kept)}")
        with self._database.write() as session:
            isp = find_isp(session, slug)
            preset = policy_of(isp).preset
            law = 366 * preset.keep_years if preset and preset.keep_years else None
            isp.retention = with_days(isp.retention, Kept(what), days, law=law)

    def prune(self, *, now: datetime, most: int = MOST_BATCHES) -> dict[str, int]:
        """This function will let go what was kept long enough, of every ISP.

        Args:
            now: the present.
            most: transactions; what is left goes the next time.

        Returns:
            How many rows went, by the name of their table.
        """
        with self._database.read() as session:
            isps = session.scalars(select(Isp).order_by(Isp.id)).all()
        gone: dict[str, int] = {}
        for isp in isps:
            befores = _befores(isp, now=now)
            for kept, rules in _RULES.items():
                for rule in rules if kept in befores else ():
                    while most > 0:
                        number = self._batch(rule, isp.id, befores[kept])
                        if number:
                            name = rule.table.__tablename__
                            gone[name] = gone.get(name, 0) + number
                            most -= 1
                        if number < rule.batch:
                            break
        if gone:
            log.info("prune.finished", **gone)
        return gone

    def _batch(self, rule: _Rule, isp_id: int, before: datetime) -> int:
        """Remove some rows; where there are none, nobody's lock is taken."""
        found: Select[tuple[int]] = (
            select(rule.table.id).where(rule.gone(isp_id, before)).limit(rule.batch)
        )
        with self._database.read() as session:
            if session.scalars(found.limit(1)).first() is None:
                return 0
        with self._database.write() as session:
            # Asked again under the lock: somebody may have paired, or planned, in between.
            ids = session.scalars(found).all()
            gone = delete(rule.table).where(rule.table.id.in_(ids), rule.gone(isp_id, before))
            session.execute(gone.execution_options(synchronize_session=False))
        return len(ids)


def _befores(isp: Isp, *, now: datetime) -> dict[Kept, datetime]:
    """Return before when what goes; not the evidence where it cannot be told."""
    days = retention_of(isp.retention)
    befores = {kept: now - timedelta(days=days[kept]) for kept in Kept}
    try:
        policy = policy_of(isp)
    except UnreadablePolicyError:
        del befores[Kept.EVIDENCE]
        return befores
    if policy.preset is not None and policy.preset.keep_years is not None:
        # As `billing.proof.keep_until` says: so many years after the day of the send is over.
        calendar = calendar_under(policy, isp)
        today = calendar.today(now)
        leap = (today.month, today.day) == (2, 29)
        day = today.replace(
            year=today.year - policy.preset.keep_years, day=28 if leap else today.day
        )
        befores[Kept.EVIDENCE] = min(befores[Kept.EVIDENCE], calendar.start_of(day))
    return befores


def _count(session: Session, kept: Kept, isp_id: int, befores: Mapping[Kept, datetime]) -> int:
    if kept not in befores:
        return 0
    return sum(
        session.scalar(
            select(func.count()).select_from(rule.table).where(rule.gone(isp_id, befores[kept]))
        )
        or 0
        for rule in _RULES[kept]
    )
