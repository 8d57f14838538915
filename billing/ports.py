"""The doors that the use-cases need, as protocols; `wispro/` and `notifications/` implement them.

Exceptions that cross a door are declared here too, so that a use-case can name them:

    UpstreamError                  no usable answer from Wispro; carries the reason
    └── (wispro.errors has the tree with the retry policy)
    DestinationError               a destination or a sending account that cannot be used
    RenderError                    a letter that a template could not be filled with
    SecretError                    a sealed value that no key of the ring opens
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from billing.errors import ForeseenError
from billing.letter import Attachment, Envelope, Letter, Message, Notice, Outcome
from billing.values import (
    Balance,
    ClientFacts,
    ClientField,
    ContractFacts,
    Habits,
    InvoiceFacts,
    Listing,
    Medium,
    Page,
    PaymentFacts,
    SweepPage,
    UpstreamReason,
)

T = TypeVar("T")


class UpstreamError(ForeseenError):
    """Wispro gave no usable answer. The text is one line for a person and holds no secret.

    Args:
        message: one line for a person.
        reason: what is stored with the sync run.
        retry_after: seconds that Wispro asked us to wait, where it did.
    """

    def __init__(
        self, message: str, *, reason: UpstreamReason, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class DestinationError(ForeseenError, ValueError):
    """A destination or a sending account cannot be used; the text names the accepted forms."""


class RenderError(ForeseenError):
    """A template could not be filled; the text names template and cause."""


class SecretError(ForeseenError):
    """A sealed value cannot be opened with any key of the ring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WisproAccess:
    """What a client of one ISP's Wispro needs. The token is in clear: never log or store it."""

    isp_id: int
    base_url: str
    token: str = field(repr=False)
    requests_per_second: float


Clock = Callable[[], datetime]


class Sweep(Protocol[T]):
    """A list that is read page by page, from its end to its beginning, as it is iterated."""

    def __iter__(self) -> Iterator[SweepPage[T]]:
        """Yield the pages, and those again that shifted meanwhile; may raise `UpstreamError`."""
        ...

    def lazily(self) -> Iterator[SweepPage[T]]:
        """Yield the pages, asking for each only when it is wanted: for who stops early."""
        ...

    def why_incomplete(self, distinct: int) -> str | None:
        """Say why that many distinct records are not known to be all, or None if they are."""
        ...


class WisproPort(Protocol):
    """Read-only door to one ISP's Wispro account. Every method may raise `UpstreamError`."""

    @property
    def requests(self) -> int:
        """How many HTTP requests this client made so far."""
        ...

    def use_page_size(self, size: int) -> None:
        """Ask for pages of that many records from now on."""
        ...

    def client(self, client_id: str) -> ClientFacts:
        """Return one client by its UUID."""
        ...

    def find_clients(self, by: ClientField, value: str) -> Listing[ClientFacts]:
        """Return the clients whose field is exactly `value`; an empty value is refused."""
        ...

    def invoices(
        self, *, state: str | None, start: int | None, clock: Clock, resume: bool = False
    ) -> Sweep[InvoiceFacts]:
        """Read every invoice of the ISP, or those in one state, from the newest page back.

        Args:
            state: Wispro's word for the state; None = all.
            start: where the list is thought to end; None = ask.
            clock: stamps each request.
            resume: begin at `start` although the list goes on behind it.
        """
        ...

    def contracts(
        self, *, state: str | None, start: int | None, clock: Clock, resume: bool = False
    ) -> Sweep[ContractFacts]:
        """Read every contract of the ISP, or those in one state, from the newest page back."""
        ...

    def clients(
        self, *, start: int | None, clock: Clock, resume: bool = False
    ) -> Sweep[ClientFacts]:
        """Read every client of the ISP from the newest page back."""
        ...

    def payments_since(self, since: datetime, *, most_pages: int) -> Sequence[PaymentFacts] | None:
        """Return the payments that were created since; None if they fill more than `most_pages`."""
        ...

    def contract(self, contract_id: str) -> ContractFacts:
        """Return one contract by its UUID."""
        ...

    def client_pages(self) -> Iterator[Page[ClientFacts]]:
        """Yield every client of the ISP, page by page."""
        ...

    def contracts_of(self, client_id: str) -> Listing[ContractFacts]:
        """Return the contracts of one client."""
        ...

    def invoices_by_national_id(self, national_id: str) -> Listing[InvoiceFacts]:
        """Return the invoices printed for exactly this national id."""
        ...

    def invoices_by_custom_id(self, custom_id: str) -> Listing[InvoiceFacts]:
        """Return what Wispro gives for this custom id; cannot be re-checked from the record."""
        ...

    def pending_invoices(self) -> Listing[InvoiceFacts]:
        """Return every pending invoice of the ISP."""
        ...

    def invoice(self, invoice_id: str) -> InvoiceFacts:
        """Return one invoice by its UUID."""
        ...

    def balance(self, client_id: str) -> Balance:
        """Return the current account of one client."""
        ...

    def invoice_pdf(self, invoice_id: str, *, max_bytes: int) -> bytes:
        """Return the PDF of an invoice, checked to be one and to be no larger than `max_bytes`."""
        ...

    def habits(self) -> Habits:
        """Return how this ISP's Wispro behaves, asked afresh with about a dozen requests."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDestination:
    """A destination as a person typed it, understood.

    Args:
        scheme: "email", "telegram", "ntfy", or the schema of a whole Apprise URL.
        medium: the form of message that fits it.
        value: what is stored, sealed: the address, or the whole Apprise URL.
        label: what people may see: "a…@example.org", "telegram …345", "ntfy …ab".
        needs_transport: True if the ISP's own sending account for `scheme` is needed.
        ban_risk: it goes over a gateway whose network may block the number for using it.
    """

    scheme: str
    medium: Medium
    value: str = field(repr=False)
    label: str
    needs_transport: bool
    ban_risk: bool = False


class MessengerPort(Protocol):
    """Door to people: understands destinations, renders letters, sends one message at a time."""

    def parse_destination(self, text: str) -> ParsedDestination:
        """Understand a destination. Raises `DestinationError`."""
        ...

    def parse_own_destination(self, text: str) -> ParsedDestination:
        """Understand a destination that a customer named; few kinds. Raises `DestinationError`."""
        ...

    def check_transport(self, scheme: str, url: str) -> str:
        """Return the URL of a sending account if it is usable. Raises `DestinationError`."""
        ...

    def render(self, letter: Letter, *, medium: Medium, locale: str) -> Message:
        """Fill the templates of the letter's kind. Raises `RenderError`."""
        ...

    def attachments(
        self, letter: Letter, *, scheme: str, locale: str, pdf: bytes | None
    ) -> Sequence[Attachment]:
        """Return what a channel of this scheme can carry: QR of the pay link, invoice PDF."""
        ...

    def takes_pdf(self, scheme: str) -> bool:
        """Whether a PDF can be attached on a channel of this scheme."""
        ...

    def counts_as(self, scheme: str, attachments: Sequence[Attachment]) -> int:
        """Return how many messages a provider counts for one with these attachments."""
        ...

    def segments(self, message: Message) -> int:
        """Return how many segments a message is charged as; 0 = it is no SMS."""
        ...

    def account_of(self, scheme: str, url: str) -> str:
        """Return what its provider knows a sending account by. Secret: to be hashed.

        Args:
            scheme: of the channel.
            url: an Apprise URL: a transport, or a whole destination.
        """
        ...

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Send once and say what became of it; never raises for a provider's fault."""
        ...


class ShelfPort(Protocol):
    """Keeps invoice PDFs for a while; what it does not have is fetched."""

    def take(self, name: str) -> bytes | None:
        """Return a paper, or None."""
        ...

    def lay(self, name: str, paper: bytes) -> None:
        """Keep a paper; never raises."""
        ...


class NoShelf:
    """Keeps nothing."""

    def take(self, name: str) -> None:
        """Have none."""
        del name

    def lay(self, name: str, paper: bytes) -> None:
        """Drop it."""
        del name, paper


class PacePort(Protocol):
    """Keeps messages apart, those of all workers together."""

    def reserve(self, gaps: Sequence[tuple[str, float]], *, within: float) -> float:
        """Take the next turn; return how many seconds from now it is.

        Args:
            gaps: what the message counts for (an account, a recipient) and the seconds between two
                messages there.
            within: if the turn is later than this, none is taken.
        """
        ...

    def passing(self, key: str, gap: float, *, number: int = 1) -> AbstractContextManager[object]:
        """Wait for a place among what is under way or arrived within the last second; hold it.

        Turns say when a message is to leave; on its way it may be late, and the provider counts
        when it arrives.

        Args:
            key: what the message counts for.
            gap: the seconds between two messages there.
            number: how many messages it counts as.
        """
        ...


class Unpaced:
    """Keeps nothing apart: for rehearsals, and for accounts without short limits."""

    def reserve(self, gaps: Sequence[tuple[str, float]], *, within: float) -> float:
        """Let everybody pass at once."""
        del gaps, within
        return 0.0

    def passing(self, key: str, gap: float, *, number: int = 1) -> AbstractContextManager[object]:
        """Let everybody pass at once."""
        del key, gap, number
        return nullcontext()


class NoticePort(Protocol):
    """The same door, as far as operators are told through it."""

    def render_notice(self, notice: Notice, *, medium: Medium, locale: str) -> Message:
        """Fill the templates of what an operator is told. Raises `RenderError`."""
        ...

    def send(
        self, message: Message, envelope: Envelope, attachments: Sequence[Attachment]
    ) -> Outcome:
        """Send once and say what became of it; never raises for a provider's fault."""
        ...


@dataclass(frozen=True, slots=True)
class PingTrouble:
    """What went wrong with a call, without its address; `answered` = somebody was there."""

    words: str
    answered: bool


class HeartbeatPort(Protocol):
    """The door to whoever watches from outside that we are alive."""

    def check(self, url: str) -> str:
        """Return an address in its plain form. Raises `DestinationError`, quoting nothing."""
        ...

    def label(self, url: str) -> str:
        """Return what of an address may be shown: where it leads, not what it says there."""
        ...

    def ping(self, url: str, *, failed: bool = False) -> PingTrouble | None:
        """Call an address once; return what went wrong; never raises.

        Args:
            url: as `check` returned it. Secret.
            failed: say that it went wrong instead.
        """
        ...


class VaultPort(Protocol):
    """Encryption at rest and keyed hashes, by a ring of keys."""

    def seal(self, clear: str) -> str:
        """Encrypt under the first key of the ring."""
        ...

    def open(self, sealed: str) -> str:
        """Decrypt with whichever key fits. Raises `SecretError`."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Whether a value is sealed under the first key."""
        ...

    def key_of(self, sealed: str) -> str | None:
        """Return the name of the key under which a value is sealed; None = of none in the ring."""
        ...

    def digest(self, clear: str, *, purpose: str) -> str:
        """Return a keyed hash that cannot be reversed or compared across purposes."""
        ...
