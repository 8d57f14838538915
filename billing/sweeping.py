"""Take the pages of an invoice list as they arrive: what is unchanged costs one read.

A record with the fingerprint of our copy is not even decoded. One that differs becomes a proposal.
One that is new is sorted by its contract: to an account that was never looked at it is history and
is stored at once, to another it is a proposal, and what belongs to nobody who is paired is dropped
and counted.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from billing.desk import Desk
from billing.diff import diff
from billing.facts import columns_of, facts_of, unstorable
from billing.identity import NATIONAL_ID_PURPOSE
from billing.policy import due, occurrences
from billing.proposals import Found, ProposalKind, propose
from billing.runs import MOST_SET_ASIDE
from billing.seen import Seen
from billing.values import InvoiceFacts, InvoiceState, SetAside, Sighting, SweepPage
from models.account import CONTRACT_HOLDERS, Account, Contract
from models.bulk import KnownInvoice, insert_new, known_invoices
from models.invoice import Invoice
from models.sync_run import SetAsideRecord

#: `Proposal.confirm` of an invoice without a contract: nobody else may have the printed id.
SOLE_HOLDER = "national_id"
#: After so many stored invoices the database counts its rows, and again each time they grow by
#: this factor.
_COUNT_AT, _COUNT_AT_TIMES = 500, 4
#: Contracts whose holders are remembered while a list is read.
_MOST_OWNERS = 20_000
#: Invoices of contracts that the map lacks, kept in memory until they are asked for.
MOST_ORPHANS = 500


@dataclass(frozen=True, slots=True)
class Orphan:
    """An invoice whose contract we do not know yet."""

    facts: InvoiceFacts
    fingerprint: int
    asked_at: datetime


@dataclass(slots=True)
class _Haul:
    """What one page gives to write."""

    differ: dict[int, Sighting[InvoiceFacts]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    reread: list[tuple[int, int]] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.found or self.history or self.reread or self.set_aside)


class InvoiceTaker:
    """Takes pages of invoices.

    Args:
        desk: of the run.
        fresh_map: the whole contract map was read in this run: nobody need be asked again whose a
            contract is.
    """

    def __init__(self, desk: Desk, *, fresh_map: bool) -> None:
        self._desk = desk
        self._fresh_map = fresh_map
        self.orphans: dict[str, list[Orphan]] = {}
        self._owners: dict[str, Row[Any]] = {}
        self.too_many_orphans = False
        #: Nothing was met whose owner is still to be asked for.
        self.settled = True
        self._states: set[str] = set()
        self._stored = 0
        self._count_at = _COUNT_AT

    def take(
        self, page: SweepPage[InvoiceFacts], seen: Seen, *, expected: InvoiceState | None = None
    ) -> bool:
        """This function will take one page, in at most one transaction.

        Args:
            page: as it came.
            seen: learns what the page held.
            expected: the state that was asked for.

        Returns:
            False if a record was in another state than that: Wispro ignored the filter.
        """
        desk = self._desk
        self._states = set()
        known = known_invoices(desk.database, desk.isp_id, [one.key for one in page.sightings])
        haul = self._sort(page, known)
        seen.rows([row.id for row in known.values()])
        seen.others([one.key for one in page.sightings if one.key not in known])
        if expected is not None:
            self._states.update(row.state for row in known.values() if row.id not in haul.differ)
        self.settled = self.settled and not any(one.confirm for one in haul.found)
        if haul:
            self._write(haul)
            self._stored += len(haul.history)
        if self._stored >= self._count_at:
            desk.database.count_anew(Invoice)
            self._count_at *= _COUNT_AT_TIMES
        return expected is None or self._states <= {expected.value}

    def adopt(self, session: Session, orphans: Iterable[Orphan]) -> None:
        """This function will propose invoices whose contract is known by now."""
        self._owners.clear()
        sightings = [_Told(one) for one in orphans]
        for asked_at in {one.orphan.asked_at for one in sightings}:
            haul = _Haul()
            these = [one for one in sightings if one.orphan.asked_at == asked_at]
            self._sort_new(session, these, asked_at, haul)
            self._write_in(session, haul)

    def _sort(self, page: SweepPage[InvoiceFacts], known: dict[str, KnownInvoice]) -> _Haul:
        haul = _Haul()
        new: list[Sighting[InvoiceFacts]] = []
        differ = haul.differ
        for one in page.sightings:
            row = known.get(one.key)
            if row is None:
                new.append(one)
            elif row.fingerprint != one.fingerprint or row.unsettled:
                differ[row.id] = one
        if differ or new:
            with self._desk.database.read() as session:
                new += self._sort_known(session, differ, page.asked_at, haul)
                self._sort_new(session, new, page.asked_at, haul, stored=known.keys())
        return haul

    def _sort_known(
        self,
        session: Session,
        differ: dict[int, Sighting[InvoiceFacts]],
        asked_at: datetime,
        haul: _Haul,
    ) -> list[Sighting[InvoiceFacts]]:
        """Sort what differs from our copy; return what now belongs to a contract of others."""
        strangers: list[Sighting[InvoiceFacts]] = []
        if not differ:
            return strangers
        rows = session.execute(
            select(Invoice, Account.paired_at, Account.unpaired_at)
            .join(Account, Account.id == Invoice.account_id)
            .where(Invoice.id.in_(differ))
        ).all()
        read = {row.id: self._read(differ[row.id], haul) for row, _, _ in rows}
        contracts = {facts.contract_id for facts in read.values() if facts and facts.contract_id}
        owners = self._owners_of(session, contracts)
        for row, paired_at, unpaired_at in rows:
            one, facts = differ[row.id], read[row.id]
            if facts is None:
                continue
            paired = paired_at is not None and unpaired_at is None
            owner = owners.get(facts.contract_id or "")
            elsewhere = owner is not None and owner.account_id != row.account_id
            if owner is not None and elsewhere and (paired or owner.account_id is not None):
                strangers.append(one)
                continue
            if not paired:
                continue
            moved = facts.contract_id != row.contract_id
            again = row.missing_reads or row.vanished_at
            if not moved and not again and not diff(facts_of(row), facts):
                haul.reread.append((row.id, one.fingerprint))
                continue
            haul.found.append(
                Found(
                    kind=ProposalKind.INVOICE,
                    account_id=row.account_id,
                    subject=row.wispro_id,
                    asked_at=asked_at,
                    invoice=facts,
                    fingerprint=one.fingerprint,
                    confirm=facts.contract_id if moved else None,
                )
            )
        return strangers

    def _sort_new(
        self,
        session: Session,
        new: Sequence[Sighting[InvoiceFacts]],
        asked_at: datetime,
        haul: _Haul,
        *,
        stored: Container[str] = (),
    ) -> None:
        read = [(one, facts) for one in new if (facts := self._read(one, haul)) is not None]
        contracts = {facts.contract_id for _, facts in read if facts.contract_id is not None}
        owners = self._owners_of(session, contracts)
        for one, facts in read:
            if facts.contract_id is None:
                self._sort_by_print(session, one, facts, asked_at, haul)
                continue
            owner = owners.get(facts.contract_id)
            if owner is None:
                self._keep_orphan(facts.contract_id, Orphan(facts, one.fingerprint, asked_at))
            elif owner.account_id is None:
                self._desk.report.foreign += 1
            else:
                sure = self._fresh_map or self._printed_for(owner, facts)
                confirm = None if sure else facts.contract_id
                if sure and owner.baseline_at is None and one.key not in stored:
                    haul.history.append(
                        self._as_history(owner.account_id, facts, one.fingerprint, asked_at)
                    )
                else:
                    haul.found.append(
                        Found(
                            kind=ProposalKind.INVOICE,
                            account_id=owner.account_id,
                            subject=facts.wispro_id,
                            asked_at=asked_at,
                            invoice=facts,
                            fingerprint=one.fingerprint,
                            confirm=confirm,
                        )
                    )

    def _owners_of(self, session: Session, contracts: Collection[str]) -> dict[str, Row[Any]]:
        """Return who holds these contracts; the same ones come back with every month."""
        unknown = [one for one in contracts if one not in self._owners]
        if len(self._owners) > _MOST_OWNERS:
            self._owners.clear()
            unknown = list(contracts)
        self._owners |= _owners(session, self._desk.isp_id, unknown)
        return self._owners

    def _sort_by_print(
        self,
        session: Session,
        one: Sighting[InvoiceFacts],
        facts: InvoiceFacts,
        asked_at: datetime,
        haul: _Haul,
    ) -> None:
        """Without a contract, only a national id that no other client has proves ownership."""
        desk = self._desk
        printed = facts.holder_national_id
        ids: Sequence[int] = ()
        if printed:
            digest = desk.vault.digest(printed, purpose=NATIONAL_ID_PURPOSE)
            ids = session.scalars(
                select(Account.id).where(
                    Account.isp_id == desk.isp_id,
                    Account.national_id_digest == digest,
                    Account.paired_at.is_not(None),
                    Account.unpaired_at.is_(None),
                )
            ).all()
        if len(ids) != 1:
            desk.report.foreign += 1
            return
        haul.found.append(
            Found(
                kind=ProposalKind.INVOICE,
                account_id=ids[0],
                subject=facts.wispro_id,
                asked_at=asked_at,
                invoice=facts,
                fingerprint=one.fingerprint,
                confirm=SOLE_HOLDER,
            )
        )

    def _printed_for(self, owner: Row[Any], facts: InvoiceFacts) -> bool:
        """Whether the id that is printed on it agrees with the contract map."""
        printed = facts.holder_national_id
        if not printed or owner.national_id_digest is None:
            return False
        digest = self._desk.vault.digest(printed, purpose=NATIONAL_ID_PURPOSE)
        return bool(digest == owner.national_id_digest)

    def _keep_orphan(self, contract_id: str, orphan: Orphan) -> None:
        self.settled = False
        if len(self.orphans) >= MOST_ORPHANS and contract_id not in self.orphans:
            self.too_many_orphans = True
            return
        self.orphans.setdefault(contract_id, []).append(orphan)

    def _read(self, one: Sighting[InvoiceFacts], haul: _Haul) -> InvoiceFacts | None:
        facts = one.record
        if facts is None:
            if one.set_aside is not None:
                haul.set_aside.append(one.set_aside)
            return None
        self._states.add(facts.state.value)
        if why := unstorable(facts):
            haul.set_aside.append(
                SetAside(resource="invoice", record_id=facts.wispro_id[:64], why=why)
            )
            return None
        return facts

    def _as_history(
        self, account_id: int, facts: InvoiceFacts, fingerprint: int, asked_at: datetime
    ) -> dict[str, Any]:
        """Return the row of an invoice that was there before anybody looked."""
        desk = self._desk
        now = desk.started
        plan_at = None
        pending = facts.state is InvoiceState.PENDING
        if pending:
            laid = occurrences(
                facts, desk.rules.policy, desk.rules.calendar, first_seen_at=now, baseline=True
            )
            plan_at = due(laid, after=now, now=now).next_at
        return {
            **columns_of(facts),
            "isp_id": desk.isp_id,
            "account_id": account_id,
            "wispro_id": facts.wispro_id,
            "baseline": True,
            "first_seen_at": now,
            "confirmed_at": asked_at,
            "missing_reads": 0,
            "was_pending": pending,
            "fingerprint": fingerprint,
            "steps_until": now,
            "plan_at": plan_at,
        }

    def _write(self, haul: _Haul) -> None:
        with self._desk.database.write() as session:
            self._desk.must_hold(session)
            self._write_in(session, haul)

    def _write_in(self, session: Session, haul: _Haul) -> None:
        desk = self._desk
        desk.report.proposed += propose(session, desk.isp_id, desk.run_id, haul.found)
        if haul.history:
            desk.report.changed += insert_new(session, Invoice, haul.history)
        for row_id, fingerprint in haul.reread:
            session.execute(
                update(Invoice)
                .where(Invoice.id == row_id)
                .values(fingerprint=fingerprint)
                .execution_options(synchronize_session=False)
            )
        keep_set_aside(session, desk, haul.set_aside)


class _Told:
    """A sighting that was read before."""

    set_aside = None

    def __init__(self, orphan: Orphan) -> None:
        self.orphan = orphan
        self.key = orphan.facts.wispro_id
        self.fingerprint = orphan.fingerprint
        self.record = orphan.facts


def keep_set_aside(session: Session, desk: Desk, items: Sequence[SetAside]) -> None:
    """This function will keep the names of records that cannot be read, some of each run."""
    room = max(MOST_SET_ASIDE - desk.report.set_aside, 0)
    desk.report.set_aside += len(items)
    session.add_all(
        SetAsideRecord(
            sync_run_id=desk.run_id,
            resource=item.resource[:40],
            record_id=item.record_id[:64] if item.record_id else None,
            why=item.why[:300],
        )
        for item in items[:room]
    )


#: On the tables and not on the classes: each page with something new asks this.
_C, _A = Contract.__table__, Account.__table__
_OWNERS = (
    select(
        _C.c.contract_id,
        _A.c.id.label("account_id"),
        _A.c.baseline_at,
        _A.c.national_id_digest,
    )
    .select_from(CONTRACT_HOLDERS)
    .where(
        _C.c.isp_id == bindparam("isp_id"),
        _C.c.contract_id.in_(bindparam("contracts", expanding=True)),
    )
)


def _owners(session: Session, isp_id: int, contracts: Collection[str]) -> dict[str, Row[Any]]:
    """Return, for each known contract, the paired account that holds it, if one does."""
    if not contracts:
        return {}
    rows = session.execute(_OWNERS, {"isp_id": isp_id, "contracts": list(contracts)})
    return {row.contract_id: cast("Row[Any]", row) for row in rows}
