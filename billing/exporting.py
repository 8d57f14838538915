"""All that we hold of one customer, for the customer: every column of every row that is theirs.

Sealed values are in clear, since they are the customer's own; hashes, leases and what is the ISP's
are left out. A table that is added later belongs into `THEIRS` or into `NOT_THEIRS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from billing.ports import SecretError, VaultPort
from models.account import Account, Channel, Contract
from models.alert import Alert, Attempt, Delivery
from models.audit import AuditEnd, AuditEntry
from models.bot import BotQuestion
from models.hold import Hold
from models.invoice import Invoice, InvoiceChange
from models.isp import Isp
from models.pair_code import PairCode
from models.proposal import Proposal
from models.sync_run import SyncRun

#: What is written where no key of the ring opens a value.
UNREADABLE = "?"
_SEALED = "_sealed"


def _of_account(table: Any) -> Callable[[Account], ColumnElement[bool]]:
    return lambda account: table.account_id == account.id


def _of_invoices(account: Account) -> ColumnElement[bool]:
    invoices = select(Invoice.id).where(Invoice.account_id == account.id)
    return InvoiceChange.invoice_id.in_(invoices)


def _of_deliveries(account: Account) -> ColumnElement[bool]:
    deliveries = select(Delivery.id).where(Delivery.account_id == account.id)
    return Attempt.delivery_id.in_(deliveries)


def _of_chats(account: Account) -> ColumnElement[bool]:
    chats = select(Channel.destination_digest).where(Channel.account_id == account.id)
    return BotQuestion.chat_digest.in_(chats)


def _of_client(account: Account) -> ColumnElement[bool]:
    return (Contract.isp_id == account.isp_id) & (Contract.client_id == account.client_id)


#: Which rows of a table are a customer's.
def _of_record(account: Account) -> ColumnElement[bool]:
    about = select(AuditEnd.entry_id).where(AuditEnd.account_id == account.id)
    return (AuditEntry.account_id == account.id) | AuditEntry.id.in_(about)


THEIRS: Mapping[Any, Callable[[Account], ColumnElement[bool]]] = {
    Account: lambda account: Account.id == account.id,
    Channel: _of_account(Channel),
    Contract: _of_client,
    Invoice: _of_account(Invoice),
    InvoiceChange: _of_invoices,
    Alert: _of_account(Alert),
    Delivery: _of_account(Delivery),
    Attempt: _of_deliveries,
    Hold: _of_account(Hold),
    PairCode: _of_account(PairCode),
    BotQuestion: _of_chats,
    Proposal: _of_account(Proposal),
    SyncRun: _of_account(SyncRun),
    AuditEntry: _of_record,
    AuditEnd: lambda account: AuditEnd.entry_id.in_(
        select(AuditEntry.id).where(_of_record(account))
    ),
}
#: Tables without anything of a customer, and why.
NOT_THEIRS: Mapping[str, str] = {
    "account_word": "the words of the name, by which it is found",
    "beat_lease": "which host ticks",
    "bot": "the ISP's Telegram bot",
    "budget": "what the ISP spends",
    "heartbeat": "where the ISP's monitoring is called",
    "isp": "the ISP; what concerns its customers is at the head of the export",
    "listing_mark": "where we stand in Wispro's lists: ids of records, no person",
    "operator_channel": "where the ISP's operator is told",
    "operator_notice": "what the operator was told, of several customers at once",
    "policy_version": "the ISP's rules",
    "probe": "how the ISP's Wispro behaves",
    "provider": "the ISP's sending accounts, as keyed hashes",
    "route_turn": "when the ISP's messages had their turn",
    "set_aside": "ids of records that could not be read, without their content",
    "tick": "that the worker works",
    "transport": "the ISP's sending accounts",
    "vigil": "what the ISP's operator was told of a silence",
}
#: Hashes, leases and what is the ISP's: nothing in them says anything about the customer.
_LEFT_OUT = frozenset(
    {
        *("isp_id", "fingerprint", "digest", "used_by", "provider", "charged_to", "lease_until"),
        *(
            "destination_digest",
            "national_id_digest",
            "email_digest",
            "login_digest",
            "chat_digest",
            "bot_id",
        ),
    }
)


def export(
    session: Session, account: Account, vault: VaultPort, *, now: datetime
) -> dict[str, Any]:
    """This function will gather everything that we hold of one customer.

    Args:
        session: one consistent look.
        account: whose.
        vault: opens what is sealed.
        now: the present.

    Returns:
        `exported_at`, `isp`, and of each table that is a customer's a list of rows, the oldest
        first, under its name; values are texts, numbers, lists and None, amounts texts, instants
        ISO 8601.
    """
    isp = session.get_one(Isp, account.isp_id)
    return {
        "exported_at": now.isoformat(timespec="seconds"),
        "isp": {
            "slug": isp.slug,
            "name": isp.name,
            "support": isp.support,
            "timezone": isp.timezone,
            "currency": isp.currency,
        },
        **{
            table.__tablename__: _rows(session, table, whose(account), vault)
            for table, whose in THEIRS.items()
        },
    }


def _rows(
    session: Session, table: Any, wanted: ColumnElement[bool], vault: VaultPort
) -> Sequence[dict[str, Any]]:
    columns = [one for one in table.__table__.columns if one.name not in _LEFT_OUT]
    query = select(*columns).where(wanted).order_by(*table.__table__.primary_key.columns)
    return [
        {
            name.removesuffix(_SEALED): _opened(value, vault)
            if name.endswith(_SEALED)
            else _plain(value)
            for name, value in row.items()
        }
        for row in session.execute(query).mappings()
    ]


def _opened(sealed: str | None, vault: VaultPort) -> str | None:
    try:
        return None if sealed is None else vault.open(sealed)
    except SecretError:
        return UNREADABLE


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return f"{value:.2f}" if value == value.quantize(Decimal("0.01")) else f"{value}"
        case datetime():
            return value.isoformat(timespec="seconds")
        case date():
            return value.isoformat()
    return value
