"""What goes out: the letter that templates fill, the message they make of it, and its fate.

A letter holds primitives only, so that a template can be rendered, previewed and tested without a
database, and so that the same function serves preview and sending.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from billing.values import AlertKind, Medium, NoticeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """One invoice of a digest: what is still to pay of it, since when, and where.

    `received` is what was already paid of it. `service` names what it is for, where an account has
    several contracts ("Plan 6 megas").
    """

    amount: Decimal
    received: Decimal = Decimal(0)
    service: str | None = None
    invoice_number: str | None = None
    period_date: date | None = None
    due_date: date | None = None
    pay_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One alert about one invoice, or a digest of several, addressed to one customer.

    Amounts are in `currency` (ISO 4217). `today` is the date in the ISP's zone at send time: the
    wording ("hoy", "mañana", "venció") follows it and not the day of planning.

    `amount_due` is what is asked, `amount_total` what the invoice was issued for, `received` what
    was already paid of it, `credit` what the customer's credit pays of the rest. If that is all of
    it, `covered_by_credit`, nothing is asked. `previous_due_date` and `previous_amount` are for
    `changed`. `pay_url` is None where the ISP has neither pay links nor a portal.

    A digest has `debts`, the oldest first, instead of an invoice: `amount_total` is the sum of what
    is still to pay of them, `received` of what was paid. `more_debts` counts those that are not
    listed, and in no amount. `due_date` is the oldest. `daily` tells the digest of one day (due
    later, today and before) from that of old debts, all overdue.

    `corrects_reminder` is for `paid`: a reminder reached the customer shortly before the payment
    was noticed, and the receipt says to ignore it. `comes` is for `welcome`: what will come to this
    channel, each sort of alert by its first kind. Neither it nor a `test` is about an invoice.

    `stop_url` is the page that stops this channel; None = the ISP's support does.
    """

    kind: AlertKind
    isp_name: str
    first_name: str
    today: date
    currency: str
    amount_due: Decimal
    amount_total: Decimal
    received: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    invoice_number: str | None = None
    issued_date: date | None = None
    period_date: date | None = None
    due_date: date | None = None
    second_due_date: date | None = None
    previous_due_date: date | None = None
    previous_amount: Decimal | None = None
    pay_url: str | None = None
    portal_url: str | None = None
    support: str | None = None
    covered_by_credit: bool = False
    has_pdf: bool = False
    debts: tuple[Debt, ...] = ()
    more_debts: int = 0
    daily: bool = False
    corrects_reminder: bool = False
    comes: tuple[AlertKind, ...] = ()
    stop_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that the operator of an ISP is told.

    `details` are short texts, all of them optional; what a kind reads is in its words:

        sync_held           run, reason, changed, open, planned, usual, approve, reject
        sync_resumed        run, decision (approved, rejected, superseded), planned
        wispro_trouble      reason, since (an ISO instant), failures
        wispro_back         since (an ISO instant)
        odd_dates           invoice, reason (as `billing.policy.odd_dates`), explain (a command)
        bot_trouble         reason (token_refused, webhook, other_poller), bot, since
        channels_closed     count, unreadable (of these), names, more (not named), silent (customers
                            without any channel), reason (of a single one), explain
        secret_unreadable   token ("yes"), accounts (kinds of sending account), account (the first)
        provider_resting    account (kind of sending account), since, reason, waiting
        provider_recovered  account, since
        sms_budget          reason (nearly, spent), spent, budget (in segments), month (ISO date)
        no_looks            reason (held, nobody, incomplete, or as of a run), since, hours, run
        looks_back          since, until (the looks before and after, ISO instants)
        no_sends            reason (not_planned, not_tried, not_accepted), since, waiting
        sends_back          reason (sent; nothing_left: it all ended otherwise), since
        operator_digest     first, last (ISO dates), sent, by_kind ("kind:number …"), failed,
                            by_reason ("reason:number:id,id …"), uncertain, closed, holds, run (that
                            is held), looks, looks_bad, looked (ISO instant), spent, budget

    `reason` is in words, or a word that the templates know: of `sync_held` "share" (of the open
    invoices that changed) or "volume" (of alerts), of `wispro_trouble` an `UpstreamReason`.
    `approve` and `reject` are commands; without them they are made of the slug and the run.
    """

    kind: NoticeKind
    isp_name: str
    isp_slug: str
    timezone: str
    told_at: datetime
    details: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A letter rendered for one medium. `html` is set for e-mail and chat."""

    medium: Medium
    locale: str
    subject: str
    text: str
    html: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a message; `content_id` marks one shown inline in the e-mail."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    content_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Everything that one send needs beyond the message itself.

    Args:
        transport: the ISP's sending account as an Apprise URL, or None where `destination` is a
            whole Apprise URL by itself. Secret.
        destination: an address on that transport ("ana@example.org", a chat id, a topic), or an
            Apprise URL. Secret.
        message_id: stable per delivery, so that an e-mail sent again replaces itself.
        reply_to: where a customer's answer goes, or None.
        click_url: where a tap on a push leads, or None.
        thread_id: the same for every message that belongs to one conversation, or None.
        unsubscribe_url: an https page that stops these messages by one POST, or None.
    """

    scheme: str
    transport: str | None = field(repr=False)
    destination: str = field(repr=False)
    message_id: str
    sender_name: str
    reply_to: str | None = None
    click_url: str | None = None
    thread_id: str | None = None
    unsubscribe_url: str | None = None


class Fate(StrEnum):
    """What became of one send."""

    DELIVERED = "delivered"  # the provider accepted it
    REJECTED = "rejected"  # refused for good: the destination will never work
    FAILED = "failed"  # certainly not delivered, worth another try
    HELD_UP = (
        "held_up"  # certainly not delivered, by no fault of this message: nothing gets through
    )
    UNCERTAIN = "uncertain"  # the provider may have it


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The fate of one send; `detail` is for support and holds no secret.

    `retry_after` is in seconds, where the provider named a pause.
    """

    fate: Fate
    detail: str = ""
    retry_after: float | None = None
