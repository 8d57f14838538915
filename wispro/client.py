"""The client that the use-cases call: one ISP's Wispro account, read-only.

Wispro ignores filters that it does not know, and gives everything for an empty one. So no empty
value is ever sent, and every record is checked again against the filter that was: a record that
fails the check belongs to somebody else, is dropped, and is counted in `Listing.foreign`.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from billing.values import (
    Balance,
    ClientFacts,
    ClientField,
    ContractFacts,
    Habits,
    InvoiceFacts,
    InvoiceState,
    Listing,
    Page,
    PaymentFacts,
)
from wispro import paging, records, wire
from wispro.checks import client_matches, not_blank, same_id, sendable_id, whole_number
from wispro.habits import probe
from wispro.limits import Limits
from wispro.transport import Asked, Transport, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    import httpx
    from msgspec import Raw

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Resource(Generic[T]):
    """A list of Wispro: where it is, what one record of it means, its name in messages."""

    path: str
    read: Callable[[Raw], T]
    what: str


_CONTRACTS = _Resource("/contracts", records.contract, "contracts")
_INVOICES = _Resource("/invoicing/invoices", records.invoice, "invoices")
_PAYMENTS = _Resource("/invoicing/payments", records.payment, "payments")


class WisproClient:
    """Reads one ISP's Wispro account; implements `billing.ports.WisproPort`.

    A leaked token cuts services off, so it is held where no repr and no error shows it. The httpx
    client is shared (a new one costs 50 ms of TLS set-up), must be made after a fork, and its
    cookies are not sent. Call `wispro.logs.quiet_http_logs` once per process.

    Args:
        http: makes the requests; the seam for tests.
        base_url: such as `https://www.cloud.wispro.co/api/v1`.
        token: the ISP's token, as Wispro shows it.
        digest_login: the keyed hash of a login token (see `wispro.login.login_token`).
        pace: called before each request; waits its turn, or raises.
        sleep: waits that many seconds between tries.
        clock: seconds that only go forward.
        now: the present instant, aware; for a `Retry-After` that is a date.
        jitter: between 0 and 1 s, added to each pause.
        limits: every other bound.
        told: told how each request ended: "ok", or a reason of `UpstreamReason`.

    Raises:
        ValueError: if the token or the address cannot be used; names neither.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        base_url: str,
        token: str,
        digest_login: Callable[[str], str],
        pace: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = random.random,
        limits: Limits | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._limits = limits or Limits()
        self._clients = _Resource(
            "/clients", lambda raw: records.client(raw, digest_login), "clients"
        )
        self._transport = Transport(
            http,
            base_url=base_url,
            token=token,
            pace=pace,
            sleep=sleep,
            clock=clock,
            now=now,
            limits=self._limits,
            jitter=jitter,
            told=told,
        )

    def __repr__(self) -> str:
        return f"<WisproClient of {self._transport.host}, {self.requests} requests>"

    @property
    def requests(self) -> int:
        """How many HTTP requests this client made so far, retries included."""
        return self._transport.requests

    def use_page_size(self, size: int) -> None:
        """Ask for pages of that many records from now on; what it is clamped to was probed."""
        self._limits = replace(self._limits, page_size=size)

    def client(self, client_id: str) -> ClientFacts:
        """Return one client by its UUID.

        Raises:
            WisproError: if there is none, or no usable answer.
        """
        found = self._single(f"/clients/{sendable_id(client_id)}", self._clients.read, "a client")
        same_id(found.client_id, client_id, "a client")
        return found

    def find_clients(self, by: ClientField, value: str) -> Listing[ClientFacts]:
        """Return the clients whose field is exactly `value` (e-mails: in any letter case).

        Raises:
            WisproError: if the value is empty, or a `public_id` is no number; or no usable answer.
        """
        wanted = not_blank(value).strip() if by is ClientField.EMAIL else not_blank(value)
        if by is ClientField.PUBLIC_ID:
            wanted = str(whole_number(wanted))
        return self._listing(
            self._clients,
            query={f"{by.value}_eq": wanted},
            keep=lambda client: client_matches(client, by, wanted),
        )

    def invoices(
        self,
        *,
        state: str | None,
        start: int | None,
        clock: Callable[[], datetime],
        resume: bool = False,
    ) -> paging.Sweep[InvoiceFacts]:
        """Read every invoice of the ISP, or those in one state, from the newest page back."""
        query = {} if state is None else {"state_eq": not_blank(state)}
        return self._sweep(_INVOICES, query, start, clock, resume=resume)

    def contracts(
        self,
        *,
        state: str | None,
        start: int | None,
        clock: Callable[[], datetime],
        resume: bool = False,
    ) -> paging.Sweep[ContractFacts]:
        """Read every contract of the ISP, or those in one state, from the newest page back."""
        query = {} if state is None else {"state_eq": not_blank(state)}
        return self._sweep(_CONTRACTS, query, start, clock, resume=resume)

    def clients(
        self, *, start: int | None, clock: Callable[[], datetime], resume: bool = False
    ) -> paging.Sweep[ClientFacts]:
        """Read every client of the ISP from the newest page back."""
        return self._sweep(self._clients, {}, start, clock, resume=resume)

    def payments_since(self, since: datetime, *, most_pages: int) -> Sequence[PaymentFacts] | None:
        """Return the payments that were created since, as far as they can be read.

        They prove what they name and nothing by their absence, so the list need not be whole.

        Args:
            since: an aware instant.
            most_pages: give up where there are more.

        Returns:
            None if there are more than `most_pages` of them.

        Raises:
            WisproError: if there is no usable answer.
        """
        fetch = self._fetcher(_PAYMENTS, {"created_at_after": since.isoformat()})
        found: dict[str, PaymentFacts] = {}
        number, last = 0, 1
        while number < last:
            number += 1
            page = fetch(number)
            last = page.total_pages
            if last > most_pages:
                return None
            found |= {row.key: row.record for row in page.rows if row.record is not None}
        return tuple(found.values())

    def contract(self, contract_id: str) -> ContractFacts:
        """Return one contract by its UUID.

        Raises:
            WisproError: if there is none, or no usable answer.
        """
        found = self._single(f"/contracts/{sendable_id(contract_id)}", records.contract, "contract")
        same_id(found.contract_id, contract_id, "a contract")
        return found

    def client_pages(self) -> Iterator[Page[ClientFacts]]:
        """Yield every client of the ISP, page by page, oldest first.

        Raises:
            WisproError: while iterating, if a page fails; what was yielded before stays true.
        """
        return paging.each_page(
            self._fetcher(self._clients, {}),
            what="clients",
            limits=self._limits,
        )

    def contracts_of(self, client_id: str) -> Listing[ContractFacts]:
        """Return the contracts of one client.

        Raises:
            WisproError: if there is no usable answer.
        """
        return self._listing(
            _CONTRACTS,
            query={"client_id_eq": sendable_id(client_id)},
            keep=lambda contract: contract.client_id == client_id,
        )

    def invoices_by_national_id(self, national_id: str) -> Listing[InvoiceFacts]:
        """Return the invoices that are printed for exactly this national id.

        Wispro prints a copy of the id at issue time: invoices from before a correction of the id
        count as foreign here.

        Raises:
            WisproError: if the id is empty, or there is no usable answer.
        """
        wanted = not_blank(national_id)
        return self._listing(
            _INVOICES,
            query={"client_national_identification_number_eq": wanted},
            keep=lambda invoice: invoice.holder_national_id == wanted,
        )

    def invoices_by_custom_id(self, custom_id: str) -> Listing[InvoiceFacts]:
        """Return what Wispro gives for this custom id.

        No invoice carries the custom id, so nothing can be checked again here, and `foreign` is
        always 0: if Wispro ignored the filter, these are the invoices of everybody. The caller must
        check each `contract_id` against the client's own contracts.

        Raises:
            WisproError: if the id is empty, more comes back than one client can have, or there is
                no usable answer.
        """
        return self._listing(
            _INVOICES,
            query={"client_custom_id_eq": not_blank(custom_id)},
            keep=lambda _: True,
            limits=replace(self._limits, max_pages=self._limits.unfiltered_pages),
        )

    def pending_invoices(self) -> Listing[InvoiceFacts]:
        """Return every pending invoice of the ISP.

        Raises:
            WisproError: if there is no usable answer.
        """
        return self._listing(
            _INVOICES,
            query={"state_eq": InvoiceState.PENDING.value},
            keep=lambda invoice: invoice.state is InvoiceState.PENDING,
        )

    def invoice(self, invoice_id: str) -> InvoiceFacts:
        """Return one invoice by its UUID.

        Raises:
            WisproError: if there is none, or no usable answer.
        """
        path = f"/invoicing/invoices/{sendable_id(invoice_id)}"
        found = self._single(path, records.invoice, "an invoice")
        same_id(found.wispro_id, invoice_id, "an invoice")
        return found

    def balance(self, client_id: str) -> Balance:
        """Return the current account of one client, as Wispro signs it.

        Raises:
            WisproError: if there is no usable answer.
        """
        path = f"/clients/{sendable_id(client_id)}/current_account"
        return self._single(path, records.balance, "a current account")

    def invoice_pdf(self, invoice_id: str, *, max_bytes: int) -> bytes:
        """Return the PDF of an invoice, whole.

        Args:
            invoice_id: the UUID.
            max_bytes: no more than this is read.

        Raises:
            WisproError: if there is no PDF, it is larger, or its beginning or end is missing.
        """
        asked = Asked(
            path=f"/invoicing/invoices/{sendable_id(invoice_id)}/download_pdf",
            what="an invoice PDF",
            query={},
            accept="application/pdf",
            timeout=self._limits.pdf_timeout,
            deadline=self._limits.pdf_deadline_seconds,
            max_bytes=max_bytes,
        )
        return self._transport.get(asked, lambda answer: wire.pdf(answer, what=asked.what))

    def habits(self) -> Habits:
        """Return how this ISP's Wispro behaves where its documentation leaves it open.

        Raises:
            WisproError: if a list cannot be read at all.
        """

        def ask(
            path: str, query: Mapping[str, str | int], read: Callable[[Raw], T]
        ) -> wire.WirePage[T]:
            what = path.rpartition("/")[2]
            return self._transport.get(
                self._asked(path, what, query), lambda answer: wire.page(answer, read, what=what)
            )

        return probe(ask)

    def _single(self, path: str, read: Callable[[Raw], T], what: str) -> T:
        return self._transport.get(
            self._asked(path, what, {}),
            lambda answer: wire.single(answer, read, what=what),
        )

    def _listing(
        self,
        resource: _Resource[T],
        *,
        query: Mapping[str, str],
        keep: Callable[[T], bool],
        limits: Limits | None = None,
    ) -> Listing[T]:
        return paging.read_all(
            self._fetcher(resource, query),
            keep=keep,
            what=resource.what,
            limits=limits or self._limits,
        )

    def _sweep(
        self,
        resource: _Resource[T],
        query: Mapping[str, str],
        start: int | None,
        clock: Callable[[], datetime],
        *,
        resume: bool,
    ) -> paging.Sweep[T]:
        return paging.Sweep(
            self._fetcher(resource, query),
            clock=clock,
            what=resource.what,
            limits=self._limits,
            start=start,
            resume=resume,
        )

    def _fetcher(
        self, resource: _Resource[T], query: Mapping[str, str]
    ) -> Callable[[int], wire.WirePage[T]]:
        def fetch(number: int) -> wire.WirePage[T]:
            paged: dict[str, str | int] = {
                **query,
                "page": number,
                "per_page": self._limits.page_size,
            }
            return self._transport.get(
                self._asked(resource.path, resource.what, paged),
                lambda answer: wire.page(answer, resource.read, what=resource.what),
            )

        return fetch

    def _asked(self, path: str, what: str, query: Mapping[str, str | int]) -> Asked:
        return Asked(
            path=path,
            what=what,
            query=query,
            accept="application/json",
            timeout=self._limits.json_timeout,
            deadline=self._limits.json_deadline_seconds,
            max_bytes=self._limits.json_max_bytes,
        )
