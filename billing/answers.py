"""What a bot answers: values that templates fill, so that no answer needs a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from billing.letter import Debt


class AnswerKind(StrEnum):
    """What an answer says; one template each."""

    STRANGER = "stranger"  # to whom is not paired: how to be, and nothing else
    HELP = "help"
    PAIRED = "paired"
    WRONG_CODE = "wrong_code"
    TOO_MANY_CODES = "too_many_codes"
    INVOICES = "invoices"
    BALANCE = "balance"
    NOT_YET = "not_yet"  # paired, and never looked at so far
    PAUSED = "paused"
    RESUMED = "resumed"
    CHANNEL_CLOSED = "channel_closed"
    STOPPED = "stopped"
    LANGUAGE = "language"
    LANGUAGES = "languages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one chat about one account, or about none.

    Amounts are in `currency` (ISO 4217); `today` and `as_of` are on the wall of `timezone`.

    Args:
        isp_name: who answers; "" where a bot serves several ISPs and nobody is known.
        support: where a person helps.
        first_name: of the customer; "" for a stranger.
        named: the customer's whole name, set where one chat has several accounts.
        debts: what is open, the oldest due date first, at most as many as are listed.
        more_debts: how many are not listed; `total` holds them too.
        total: still to pay of all of them.
        overdue: the part of it whose due date has passed.
        as_of: when the request began that showed it.
        until: the last day of a pause.
        paused: whether a pause was in force.
        others: labels of the channels that go on.
    """

    kind: AnswerKind
    isp_name: str
    today: date
    timezone: str
    currency: str
    support: str | None = None
    portal_url: str | None = None
    first_name: str = ""
    named: str = ""
    debts: tuple[Debt, ...] = ()
    more_debts: int = 0
    total: Decimal = Decimal(0)
    overdue: Decimal = Decimal(0)
    as_of: datetime | None = None
    until: date | None = None
    paused: bool = False
    others: tuple[str, ...] = ()
