"""One look at one account in Wispro: network only, no transaction, no decision about alerts.

An invoice is this account's if its contract is, or, where it names no contract, if it was printed
for a national id that no other client has (wispro-api.md, section 4). Everything else that an
answer holds is foreign: dropped and counted, never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.facts import unstorable
from billing.ports import UpstreamError, WisproPort
from billing.values import (
    ClientFacts,
    ClientField,
    ContractFacts,
    InvoiceFacts,
    Listing,
    SetAside,
    UpstreamReason,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom to look at: the ids Wispro filters by, and our open invoices that it must explain.

    `recheck` = read the client again although nothing is missing: an id that was corrected in
    Wispro, be it between pairing and the first look, finds no invoice any more, and nothing else
    would tell.
    """

    client_id: str
    national_id: str | None = field(repr=False)
    custom_id: str | None
    open_ids: frozenset[str]
    recheck: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look brought.

    `complete` = absence proves something. `not_found` are the open invoices that a complete read
    lacked and whose own GET said 404, or named a contract of somebody else. `client` is set where
    the client was read again.
    """

    asked_at: datetime
    invoices: tuple[InvoiceFacts, ...]
    contracts: tuple[ContractFacts, ...]
    not_found: frozenset[str]
    client: ClientFacts | None
    foreign: int
    set_aside: tuple[SetAside, ...]
    fetched: int
    complete: bool
    why_incomplete: str | None


def look_at(wispro: WisproPort, subject: Subject, *, asked_at: datetime) -> Look:
    """This function will read everything that one account's alerts depend on.

    Args:
        wispro: the door to the ISP's Wispro.
        subject: whom to look at.
        asked_at: the instant before the first request.

    Raises:
        UpstreamError: if Wispro gave no usable answer; nothing was changed.
    """
    contracts = wispro.contracts_of(subject.client_id)
    client: ClientFacts | None = None
    listing = _invoices(wispro, subject)
    if subject.recheck or subject.open_ids - {record.wispro_id for record in listing.records}:
        # Paid ones leave a `pending` sweep; anything else may mean that the ids moved on.
        client = _client(wispro, subject)
        if client is not None and (client.national_id, client.custom_id) != (
            subject.national_id,
            subject.custom_id,
        ):
            subject = Subject(
                client_id=subject.client_id,
                national_id=client.national_id,
                custom_id=client.custom_id,
                open_ids=subject.open_ids,
            )
            listing = _invoices(wispro, subject)
    sorting = _Sorting(wispro, subject, contracts.records)
    for record in listing.records:
        sorting.sort(record)
    complete = listing.complete and contracts.complete
    not_found = frozenset[str]()
    if complete:
        not_found = _explain_missing(
            wispro, subject, sorting, all_contracts=not contracts.set_aside
        )
    return Look(
        asked_at=asked_at,
        invoices=tuple(sorting.own.values()),
        contracts=contracts.records,
        not_found=not_found,
        client=client,
        foreign=listing.foreign + sorting.foreign,
        set_aside=listing.set_aside + contracts.set_aside + tuple(sorting.set_aside),
        fetched=len(listing.records) + listing.foreign + len(listing.set_aside),
        complete=complete,
        why_incomplete=listing.why_incomplete or contracts.why_incomplete,
    )


def _invoices(wispro: WisproPort, subject: Subject) -> Listing[InvoiceFacts]:
    """By national id if there is one, else by custom id, else every pending one of the ISP."""
    if subject.national_id:
        return wispro.invoices_by_national_id(subject.national_id)
    if subject.custom_id:
        return wispro.invoices_by_custom_id(subject.custom_id)
    return wispro.pending_invoices()


def _client(wispro: WisproPort, subject: Subject) -> ClientFacts | None:
    """Read the client; None where Wispro has it no more, which must not hide what became of us."""
    try:
        return wispro.client(subject.client_id)
    except UpstreamError as error:
        if error.reason is not UpstreamReason.NOT_FOUND:
            raise
        return None


def _explain_missing(
    wispro: WisproPort, subject: Subject, sorting: _Sorting, *, all_contracts: bool
) -> frozenset[str]:
    """Ask for each open invoice that the complete listing lacked; return those that are gone.

    Gone is also what Wispro has under a contract that is not this client's any more, as far as
    every one of the client's contracts could be read.
    """
    not_found = set()
    unreadable = {item.record_id for item in sorting.set_aside}
    for wispro_id in sorted(subject.open_ids - sorting.own.keys() - unreadable):
        try:
            record = wispro.invoice(wispro_id)
        except UpstreamError as error:
            if error.reason is not UpstreamReason.NOT_FOUND:
                raise
            not_found.add(wispro_id)
        else:
            if not sorting.keep_known(record) and all_contracts:
                not_found.add(wispro_id)
    return frozenset(not_found)


class _Sorting:
    """Tells the account's own invoices from other people's and from those we cannot keep."""

    def __init__(
        self, wispro: WisproPort, subject: Subject, contracts: Sequence[ContractFacts]
    ) -> None:
        self.own: dict[str, InvoiceFacts] = {}
        self.foreign = 0
        self.set_aside: list[SetAside] = []
        self._wispro = wispro
        self._subject = subject
        self._contracts = {contract.contract_id for contract in contracts}
        self._sole_holder: bool | None = None

    def sort(self, record: InvoiceFacts) -> None:
        if record.contract_id is not None:
            if record.contract_id not in self._contracts:
                self.foreign += 1
                return
        elif not self._printed_for_us(record):
            self.foreign += 1
            return
        self._keep(record)

    def keep_known(self, record: InvoiceFacts) -> bool:
        """Sort a record that was found to be ours before; False = it moved to somebody else.

        Without a contract it stays ours: the id that is printed on it may be an old one by now.
        """
        if record.contract_id is not None and record.contract_id not in self._contracts:
            self.foreign += 1
            return False
        self._keep(record)
        return True

    def _keep(self, record: InvoiceFacts) -> None:
        if why := unstorable(record):
            self.set_aside.append(
                SetAside(resource="invoice", record_id=record.wispro_id[:64], why=why)
            )
            return
        self.own[record.wispro_id] = record

    def _printed_for_us(self, record: InvoiceFacts) -> bool:
        """Without a contract, only a national id that no other client has proves ownership."""
        national_id = self._subject.national_id
        if not national_id or record.holder_national_id != national_id:
            return False
        if self._sole_holder is None:
            holders = self._wispro.find_clients(ClientField.NATIONAL_ID, national_id)
            self._sole_holder = holders.complete and {
                client.client_id for client in holders.records
            } == {self._subject.client_id}
        return self._sole_holder
