"""What `alerta explain` knows, as plain values: codes and parameters, no words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from billing.channel_health import Health
from billing.contacts import CapLine
from billing.gate import End, Finding, LookAgain, Rule, Verdict, Wait
from billing.values import AlertKind, Reason


class Standing(StrEnum):
    """Where one alert on one channel stands."""

    SENT = "sent"
    WILL_GO = "will_go"
    WAITS = "waits"
    WILL_NOT = "will_not"
    MISSED = "missed"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    FAILED = "failed"


class Absence(StrEnum):
    """Why a step of the policy makes no alert of an invoice, where no delivery holds a reason."""

    NO_DATE = "no_date"  # the date it is counted from is not known
    ODD_REVERSED = "odd_reversed"  # the second due date lies before the first
    ODD_FAR = "odd_far"  # a due date lies more than a year from the issue
    NO_SECOND_DUE = "no_second_due"  # there is no second due date after the first
    NOT_ALERTED = "not_alerted"  # its contract is not about to be cut off
    NO_CHANNEL = "no_channel"  # there was no enabled channel when its time came
    SAID_BY_REMINDER = "said_by_reminder"  # a reminder was due already and says all of it


class Says(StrEnum):
    """What one rule says."""

    OK = "ok"
    WAITS = "waits"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule's verdict; `until` is when a wait ends, None = nobody knows."""

    rule: Rule
    says: Says
    why: Reason | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What every rule said of a delivery at an instant."""

    at: datetime
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict | None:
        """What the first rule that spoke said; None = nothing against it."""
        return next((one.verdict for one in self.findings if one.verdict is not None), None)

    @property
    def lines(self) -> tuple[RuleLine, ...]:
        """What every rule said, for people."""
        return tuple(_line(one) for one in self.findings)


#: Nobody knows when the operator will act.
_UNKNOWN_END = frozenset({Reason.BREAKER, Reason.ISP_DISABLED})


def _line(finding: Finding) -> RuleLine:
    match finding.verdict:
        case Wait(until=until, reason=reason):
            known = None if reason in _UNKNOWN_END else until
            return RuleLine(rule=finding.rule, says=Says.WAITS, why=reason, until=known)
        case End(reason=reason):
            return RuleLine(rule=finding.rule, says=Says.NEVER, why=reason)
        case LookAgain():
            return RuleLine(rule=finding.rule, says=Says.WAITS, why=Reason.STALE_DATA)
    return RuleLine(rule=finding.rule, says=Says.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldStory:
    """A hold or a promise; `invoice` is its number or id, None = all of them."""

    kind: str
    invoice: str | None
    until: date
    reason: str
    author: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Another alert; `invoice` is the number or id of what it is about, None = old debts."""

    kind: AlertKind
    step: str
    anchor_date: date
    invoice: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One alert on one channel, or a step that makes none.

    Args:
        kind, step, anchor, anchor_date: of the alert; no date where nothing can be counted.
        due_at: when its time came, or will come.
        channel: masked label; None = it is on no channel (yet).
        state: where it stands.
        recorded: there is a row that says so; else it is foretold.
        when: sent, ended or failed then, or will be; None = nobody knows.
        why: `Reason` or `Absence`; of one that will go, what it waits for.
        until: when that wait ends, if anybody knows.
        hold: what staff or the customer said, where that is the reason.
        replaced_by: the later step that took its place.
        carried_by: the alert in whose message this one went along, or will.
        rules: what each rule says at `asked_at`; none of what has ended.
        detail: what the provider said.
        evidence: what was journaled when it went.
    """

    kind: AlertKind
    step: str
    anchor: str
    anchor_date: date | None
    state: Standing
    recorded: bool
    due_at: datetime | None = None
    channel: str | None = None
    when: datetime | None = None
    why: Reason | Absence | None = None
    until: datetime | None = None
    hold: HoldStory | None = None
    replaced_by: Mention | None = None
    carried_by: Mention | None = None
    rules: tuple[RuleLine, ...] = ()
    asked_at: datetime | None = None
    detail: str | None = None
    evidence: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceStory:
    """One invoice and everything that was, or will be, said about it.

    `odd_dates` is as in `billing.policy`; `baseline` = it is from the silent first look.
    """

    invoice_id: str
    number: str | None
    state: str
    vanished: bool
    amount: Decimal
    payable: Decimal
    issued_date: date | None
    first_due_date: date | None
    second_due_date: date | None
    odd_dates: str | None
    first_seen_at: datetime
    baseline: bool
    suspended: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStory:
    """Where alerts go; `disabled_reason` is what the provider or staff said, or "unpaired".

    `health` is as of the instant asked about; the channels are in the customer's order.
    """

    label: str
    medium: str
    disabled_at: datetime | None
    disabled_reason: str | None
    removed_at: datetime | None
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursStory:
    """Contact hours: of the ISP, of the preset, of the customer, and what is left of them."""

    timezone: str
    isp: str
    preset: str | None
    own: str | None
    in_force: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStory:
    """What binds everything that one customer gets.

    `looked_at` is when Wispro last told us about this account; `held_run` = the breaker is open.
    """

    isp: str
    isp_enabled: bool
    client_id: str
    public_id: int | None
    name: str
    locale: str
    paired_at: datetime | None
    unpaired_at: datetime | None
    baseline_at: datetime | None
    looked_at: datetime | None
    trouble: str | None
    held_run: int | None
    held_since: datetime | None
    channels: tuple[ChannelStory, ...]
    hours: HoursStory
    caps: tuple[CapLine, ...]
    holds: tuple[HoldStory, ...]
    suspended: tuple[str, ...]
    steps_off: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer: `at` is the instant that was asked about; `others` are about no invoice.

    Digests of old debts, and what the channels were told about themselves.
    """

    now: datetime
    at: datetime
    currency: str
    account: AccountStory
    invoices: tuple[InvoiceStory, ...]
    others: tuple[Entry, ...]
