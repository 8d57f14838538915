"""The words of the field, as values.

Every other room speaks with these: `wispro/` turns the foreign API into facts, `notifications/`
turns a letter into a message, `models/` keeps rows whose columns hold the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class InvoiceState(StrEnum):
    """State of an invoice in Wispro; `unknown` stands for one that Wispro added since."""

    DRAFT = "draft"
    ISSUING = "issuing"
    AUTHORIZING = "authorizing"
    AUTHORIZING_ERROR = "authorizing_error"
    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    UNKNOWN = "unknown"


class ContractState(StrEnum):
    """State of a contract in Wispro; `alerted` = the payment notice shows, `disabled` = cut off."""

    ENABLED = "enabled"
    ALERTED = "alerted"
    DEGRADED = "degraded"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


class AlertKind(StrEnum):
    """What an alert says; one folder of templates each."""

    ISSUED = "issued"
    DUE_SOON = "due_soon"
    DUE_TODAY = "due_today"
    SECOND_DUE_SOON = "second_due_soon"
    OVERDUE = "overdue"
    CUTOFF_WARNING = "cutoff_warning"
    PAID = "paid"
    CHANGED = "changed"
    VOIDED = "voided"
    DIGEST = "digest"
    WELCOME = "welcome"
    TEST = "test"

    @property
    def about_channel(self) -> bool:
        """Whether it is about the channel that it goes to, and about no money."""
        return self in {AlertKind.WELCOME, AlertKind.TEST}

    @property
    def asks_to_pay(self) -> bool:
        """Whether this kind must never reach a customer who owes nothing."""
        news = {AlertKind.PAID, AlertKind.CHANGED, AlertKind.VOIDED}
        return self not in news and not self.about_channel

    @property
    def capped(self) -> bool:
        """Whether the caps on unpaid alerts bind it; an announcement and a receipt remind nobody.

        Our reading of product.md, section 5; a step of a policy may say otherwise.
        """
        return self.asks_to_pay and self is not AlertKind.ISSUED

    @property
    def shows_debt(self) -> bool:
        """Whether this kind shows an amount to pay and its link, and so needs a fresh look."""
        return self.asks_to_pay or self is AlertKind.CHANGED


class NoticeKind(StrEnum):
    """What the operator of an ISP is told; one file of words each."""

    SYNC_HELD = "sync_held"
    SYNC_RESUMED = "sync_resumed"
    WISPRO_TROUBLE = "wispro_trouble"
    WISPRO_BACK = "wispro_back"
    ODD_DATES = "odd_dates"
    BOT_TROUBLE = "bot_trouble"
    CHANNELS_CLOSED = "channels_closed"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - a kind, not a secret
    PROVIDER_RESTING = "provider_resting"
    PROVIDER_RECOVERED = "provider_recovered"
    SMS_BUDGET = "sms_budget"
    NO_LOOKS = "no_looks"
    LOOKS_BACK = "looks_back"
    NO_SENDS = "no_sends"
    SENDS_BACK = "sends_back"
    OPERATOR_DIGEST = "operator_digest"


class Medium(StrEnum):
    """The form a message takes; a channel has exactly one."""

    EMAIL = "email"
    CHAT = "chat"
    PUSH = "push"
    SMS = "sms"


#: Kinds of channel that go through a sending account of the ISP's own.
TRANSPORT_SCHEMES = ("email", "telegram", "ntfy")


class ChangeKind(StrEnum):
    """What a diff of one invoice found."""

    APPEARED = "appeared"
    NUMBERED = "numbered"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    VOIDED = "voided"
    REOPENED = "reopened"
    DUE_MOVED = "due_moved"
    AMOUNT_CHANGED = "amount_changed"
    STATE_CHANGED = "state_changed"
    DETAILS_CHANGED = "details_changed"
    VANISHED = "vanished"


class DeliveryState(StrEnum):
    """Where a delivery stands; the last five are final."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why a delivery did not go, or not yet (product.md, section 2; the last block is ours)."""

    PAID = "paid"
    VOID = "void"
    VANISHED = "vanished"
    CREDIT_COVERS = "credit_covers"
    BELOW_MINIMUM = "below_minimum"
    HOLD = "hold"
    PROMISE = "promise"
    BASELINE = "baseline"
    MISSED = "missed"
    SUPERSEDED = "superseded"
    QUIET_HOURS = "quiet_hours"
    HOLIDAY = "holiday"
    CAP_DAY = "cap_day"
    CAP_WEEK = "cap_week"
    NO_CONSENT = "no_consent"
    CHANNEL_DISABLED = "channel_disabled"
    BREAKER = "breaker"
    INCOMPLETE_PULL = "incomplete_pull"
    STALE_DATA = "stale_data"

    SUSPENDED = "suspended"  # the service is cut off: reminding of it helps nobody
    NOT_IN_POLICY = "not_in_policy"  # the ISP's policy sends no such alert, or not on this channel
    STEP_OFF = "step_off"  # the customer does not want this step
    NOT_OWED = "not_owed"  # the invoice is in a state that asks for no payment (draft, unknown …)
    CHANNEL_REMOVED = "channel_removed"  # staff took the channel away
    UNPAIRED = "unpaired"  # the account was unpaired after the alert was planned
    REJECTED = "rejected"  # the provider refused for good
    TRIES_SPENT = "tries_spent"  # the last permitted try failed
    PROVIDER_TROUBLE = "provider_trouble"  # failed for now; waits for its next try
    PROVIDER_LIMIT = "provider_limit"  # as much left over the sending account as its provider takes
    ISP_DISABLED = "isp_disabled"  # the operator switched the ISP off
    BUDGET = "budget"  # the ISP's budget of this month for this medium is spent
    NO_TRANSPORT = "no_transport"  # the ISP has no sending account for this kind of channel
    RENDER_FAILED = "render_failed"  # the template could not be filled for this customer
    UNREADABLE_SECRET = "unreadable_secret"  # noqa: S105 - a reason, not a secret
    NO_ANSWER = "no_answer"  # the provider may have it (uncertain)
    UNFORESEEN = "unforeseen"  # an error that the code has no name for; see the daemon's log
    RESTORED = "restored"  # a backup was put back: it may have gone since that was made (uncertain)
    INTERRUPTED = "interrupted"  # the process died between the call and the record (uncertain)


class SyncOutcome(StrEnum):
    """How a look at Wispro ended."""

    OK = "ok"
    INCOMPLETE = "incomplete"
    HELD = "held"
    FAILED = "failed"


class UpstreamReason(StrEnum):
    """Why a request to Wispro gave no usable answer; stored with the sync run."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NOT_AUTHORIZED = "not_authorized"
    LICENCE_EXPIRED = "licence_expired"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    UNEXPECTED_RESPONSE = "unexpected_response"


class ClientField(StrEnum):
    """A field by which Wispro lets us look a client up exactly."""

    PUBLIC_ID = "public_id"
    CUSTOM_ID = "custom_id"
    NATIONAL_ID = "national_identification_number"
    EMAIL = "email"


class InvoiceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice as Wispro last told it; a struct, since a first import makes every one of them.

    Amounts are exact decimals in the ISP's currency. Dates are calendar dates and never pass
    through a time zone. `number` is None while Wispro has not numbered it (null, "" and the text
    "null" all mean that).

    `holder_national_id` is the copy that Wispro prints on the invoice: it serves the ownership
    check of a read, is never stored and shows in no repr. `created_at` (UTC) tells the order of a
    list and whether an invoice is new; None where Wispro's is no instant.
    """

    wispro_id: str
    state: InvoiceState
    raw_state: str
    amount: Decimal
    balance: Decimal | None
    number: str | None = None
    contract_id: str | None = None
    issued_date: date | None = None
    first_due_date: date | None = None
    second_due_date: date | None = None
    period_from: date | None = None
    period_to: date | None = None
    concept: str | None = None
    pay_urls: tuple[str, ...] = ()
    created_at: datetime | None = None
    holder_national_id: str | None = None

    def __repr__(self) -> str:
        shown = (name for name in self.__struct_fields__ if name != "holder_national_id")
        return f"InvoiceFacts({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def payable(self) -> Decimal:
        """What is still due: the balance, or the amount where Wispro gave no balance."""
        if self.state is not InvoiceState.PENDING:
            return Decimal(0)
        return self.amount if self.balance is None else self.balance

    @property
    def received(self) -> Decimal:
        """What was already received for it, at least zero."""
        if self.balance is None:
            return Decimal(0)
        return max(self.amount - self.balance, Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """One Wispro client; `login_digest` is the keyed hash of the portal link, never the link."""

    client_id: str
    public_id: int | None = None
    custom_id: str | None = None
    name: str = ""
    email: str | None = None
    national_id: str | None = field(default=None, repr=False)
    login_digest: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """The few fields of a contract that we keep; the rest carries passwords."""

    contract_id: str
    client_id: str
    public_id: int | None = None
    state: ContractState = ContractState.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """`/clients/{id}/current_account`, as received; `billing.gate` reads the sign."""

    balance_amount: Decimal
    credit_amount: Decimal | None = None
    invoice_balance_amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A record that could not be read, kept by name so that somebody can look; no content."""

    resource: str
    record_id: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing, decoded and re-checked against the filter that was sent."""

    records: tuple[T, ...]
    set_aside: tuple[SetAside, ...]
    foreign: int
    number: int
    total_pages: int
    total_records: int


class Sighting(Protocol[T_co]):
    """One record of a page, read only when it is asked what it says.

    `key` is its id, or stands for it; `fingerprint` is equal as long as its bytes are. Exactly one
    of `record` and `set_aside` is not None.
    """

    key: str
    fingerprint: int

    @property
    def record(self) -> T_co | None:
        """What it says."""
        ...

    @property
    def set_aside(self) -> SetAside | None:
        """Why it cannot be read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPage(Generic[T]):
    """One page of a list that is read from its end to its beginning.

    `asked_at` is the instant before its request. `short` = it holds fewer records than its place in
    the list promises, even when it was asked for again: absence proves nothing any more.
    """

    sightings: Sequence[Sighting[T]]
    number: int
    total_pages: int
    total_records: int
    asked_at: datetime
    short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts:
    """One payment: who paid, whether it stands, and how much of it went to which invoice."""

    payment_id: str
    client_id: str | None
    success: bool
    parts: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A whole paged read.

    `complete` is True only if the distinct records seen reach `total_records`: absence from an
    incomplete listing proves nothing. `foreign` counts records that do not satisfy the filter that
    was sent (Wispro ignores unknown filters silently); they are not in `records`.
    """

    records: tuple[T, ...]
    set_aside: tuple[SetAside, ...] = ()
    foreign: int = 0
    total_records: int = 0
    complete: bool = True
    why_incomplete: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How one ISP's Wispro behaves, as it was found; None = it could not be told.

    A filter that is not honoured gives the whole list. `page_size` is the most that a page holds.
    The last four are the records of each list; `pending` is what `state_eq=pending` gives, which is
    everything where that filter is ignored.
    """

    unknown_filter_ignored: bool | None = None
    invoice_state_filter: bool | None = None
    contract_state_filter: bool | None = None
    national_id_filter: bool | None = None
    custom_id_filter: bool | None = None
    payments_after_filter: bool | None = None
    page_size: int = 100
    oldest_first: bool | None = None
    invoices: int = 0
    pending: int = 0
    contracts: int = 0
    clients: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between our copy of an invoice and Wispro's; values are short texts."""

    kind: ChangeKind
    before: str | None = None
    after: str | None = None


def as_utc(moment: datetime) -> datetime:
    """Refuse a naive instant; every instant in the system is aware.

    Raises:
        ValueError: if `moment` carries no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone cannot be compared with ours")
    return moment
