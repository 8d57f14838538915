"""Forget a customer who asks for it; what was sent when stays to be shown, as keyed hashes.

The account's row stays without a name, under the keyed hash of the client's id: the evidence hangs
on it, and no look lays anything onto it. Who is paired again is a new account, which begins with a
silent look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from billing.isps import find_isp
from billing.joining import leave
from billing.naming import AccountFinder, PairingError
from billing.ports import VaultPort
from billing.values import DeliveryState, NoticeKind
from models.account import Account, AccountWord, Channel, Contract
from models.alert import Alert, Attempt, Delivery
from models.audit import AuditEnd, AuditEntry
from models.bot import BotQuestion
from models.database import Database
from models.hold import Hold
from models.invoice import Invoice, InvoiceChange
from models.isp import Isp
from models.operator import OperatorNotice
from models.pair_code import PairCode
from models.proposal import Proposal
from models.sync_run import SetAsideRecord, SyncRun

log = structlog.get_logger()

#: Separates these hashes from those by which somebody would be found again.
PURPOSE = "forgotten"
#: What is on record of it stays: who forgot somebody, and when.
OWN_COMMAND = "forget"
PREFIX = "forgotten:"
_DIGITS = 40
#: Of a kind of destination, beside which a few digits of its hash tell two apart.
_LABEL_DIGITS = 12


class StillSendingError(Exception):
    """A provider is being given a message of this customer right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What we hold of a customer.

    Args:
        account_id: of the row.
        name: as Wispro has it.
        channels: the labels of all, closed ones too.
        rows: how many rows go, by table; what stays as hashes is in `hashed`.
        hashed: how many rows stay without saying who.
        forgotten_at: None, or when this customer was forgotten; then nothing is held.
        papers: names that the papers about their invoices are kept under.
    """

    account_id: int
    name: str
    channels: Sequence[str] = ()
    rows: dict[str, int]
    hashed: dict[str, int]
    forgotten_at: datetime | None = None
    papers: Sequence[str] = ()


class Forgetting:
    """The use-case.

    Args:
        database: rows.
        vault: makes the keyed hashes.
        whom: finds a customer by what names them.
    """

    def __init__(self, database: Database, vault: VaultPort, whom: AccountFinder) -> None:
        self._database = database
        self._vault = vault
        self._whom = whom

    def held(self, slug: str, client: str) -> Held:
        """This function will say what we hold of a customer.

        Raises:
            SetupError: if the ISP is unknown, or nobody matches, or several do.
        """
        with self._database.read() as session:
            try:
                account = self._whom.find(session, slug, client)
            except PairingError:
                gone = self._forgotten(session, find_isp(session, slug).id, client)
                if gone is None:
                    raise
                return Held(
                    account_id=gone.id, name="", rows={}, hashed={}, forgotten_at=gone.forgotten_at
                )
            return _held(session, account)

    def stop(self, account_id: int, *, now: datetime) -> None:
        """This function will unpair the customer and cancel what has not left."""
        with self._database.write() as session:
            account = session.get_one(Account, account_id, with_for_update=True)
            if account.paired:
                leave(session, account, now=now)

    def forget(self, account_id: int, *, now: datetime) -> str:
        """This function will forget a customer whose alerts were stopped.

        A look that is under way at the ISP writes nothing more: it read who this customer is.

        Returns:
            What the customer is called in the evidence from now on.

        Raises:
            StillSendingError: if a provider is being given a message right now.
        """
        with self._database.write() as session:
            account = session.get_one(Account, account_id, with_for_update=True)
            if account.forgotten_at is not None:
                return account.client_id
            sending = select(Delivery.id).where(
                Delivery.account_id == account.id,
                Delivery.state == DeliveryState.SENDING.value,
            )
            if session.scalars(sending.limit(1)).first() is not None:
                raise StillSendingError
            session.execute(
                update(Isp)
                .where(Isp.id == account.isp_id)
                .values(sync_lease_token=None, sync_lease_until=None)
                .execution_options(synchronize_session=False)
            )
            self._remove(session, account)
            self._hash(session, account, now=now)
            self._name_nobody(session, account, now=now)
            tomb = account.client_id
        log.info("account.forgotten", account_id=account_id)
        return tomb

    def _remove(self, session: Session, account: Account) -> None:
        """Remove whatever no evidence hangs on."""
        invoices = select(Invoice.id).where(Invoice.account_id == account.id)
        names = {account.client_id}
        names |= set(
            session.scalars(select(Invoice.wispro_id).where(Invoice.account_id == account.id))
        )
        theirs = (Contract.isp_id == account.isp_id, Contract.client_id == account.client_id)
        names |= set(session.scalars(select(Contract.contract_id).where(*theirs)))
        chats = select(Channel.destination_digest).where(Channel.account_id == account.id)
        session.execute(
            update(Alert).where(Alert.account_id == account.id).values(invoice_id=None, details={})
        )
        # An invoice that came from another customer takes nothing of theirs along.
        session.execute(update(Alert).where(Alert.invoice_id.in_(invoices)).values(invoice_id=None))
        about_them = select(AuditEnd.entry_id).where(AuditEnd.account_id == account.id)
        runs = select(SyncRun.id).where(SyncRun.isp_id == account.isp_id)
        for statement in (
            delete(BotQuestion).where(BotQuestion.chat_digest.in_(chats)),
            delete(SetAsideRecord).where(
                SetAsideRecord.sync_run_id.in_(runs), SetAsideRecord.record_id.in_(names)
            ),
            delete(Hold).where(Hold.account_id == account.id),
            delete(InvoiceChange).where(InvoiceChange.invoice_id.in_(invoices)),
            delete(Invoice).where(Invoice.account_id == account.id),
            delete(Proposal).where(Proposal.account_id == account.id),
            delete(PairCode).where(PairCode.account_id == account.id),
            delete(SyncRun).where(SyncRun.account_id == account.id),
            delete(Contract).where(*theirs),
            delete(AccountWord).where(AccountWord.account_id == account.id),
            delete(AuditEntry).where(
                or_(AuditEntry.account_id == account.id, AuditEntry.id.in_(about_them)),
                AuditEntry.command != OWN_COMMAND,
            ),
        ):
            session.execute(statement.execution_options(synchronize_session=False))
        _tell_less(session, account)

    def _hash(self, session: Session, account: Account, *, now: datetime) -> None:
        """Leave of what was sent when it went, and hashes of what it was about and where to."""
        for alert in session.scalars(select(Alert).where(Alert.account_id == account.id)):
            alert.subject = self._tomb(alert.subject)
        deliveries = select(Delivery.id).where(Delivery.account_id == account.id)
        session.execute(
            update(Delivery).where(Delivery.account_id == account.id).values(detail=None)
        )
        session.execute(
            update(Attempt).where(Attempt.delivery_id.in_(deliveries)).values(detail=None)
        )
        for channel in session.scalars(select(Channel).where(Channel.account_id == account.id)):
            digest = self._vault.digest(channel.destination_digest, purpose=PURPOSE)
            channel.destination_digest = digest
            channel.destination_sealed = self._vault.seal("")
            channel.label = f"{channel.scheme} {digest[:_LABEL_DIGITS]}"
            channel.disabled_at, channel.removed_at = now, now
            channel.disabled_reason, channel.disabled_by = PURPOSE, None
            channel.ban_risk_accepted_by = None

    def _name_nobody(self, session: Session, account: Account, *, now: datetime) -> None:
        tomb = self._tomb(account.client_id)
        again = session.scalar(
            select(func.count()).where(
                Account.isp_id == account.isp_id, Account.client_id.startswith(tomb)
            )
        )
        account.client_id = f"{tomb}:{again}" if again else tomb
        account.public_id = account.custom_id = account.national_id_sealed = None
        account.national_id_digest = account.login_digest = account.locale = None
        account.email_digest = None
        account.contact_hours = account.look_trouble = account.fingerprint = None
        account.baseline_at = account.looked_at = account.next_look_at = None
        account.name, account.steps_off = "", []
        account.forgotten_at = now

    def _forgotten(self, session: Session, isp_id: int, client: str) -> Account | None:
        tomb = self._tomb(client.strip().lower())
        return session.scalars(
            select(Account)
            .where(Account.isp_id == isp_id, Account.client_id.startswith(tomb))
            .order_by(Account.id.desc())
        ).first()

    def _tomb(self, text: str) -> str:
        return f"{PREFIX}{self._vault.digest(text, purpose=PURPOSE)[:_DIGITS]}"


def _held(session: Session, account: Account) -> Held:
    def count(table: type, wanted: object) -> int:
        return session.scalar(select(func.count()).select_from(table).where(wanted)) or 0  # type: ignore[arg-type]

    invoices = select(Invoice.id).where(Invoice.account_id == account.id)
    deliveries = select(Delivery.id).where(Delivery.account_id == account.id)
    chats = select(Channel.destination_digest).where(Channel.account_id == account.id)
    rows = {
        "invoice": count(Invoice, Invoice.account_id == account.id),
        "change": count(InvoiceChange, InvoiceChange.invoice_id.in_(invoices)),
        "hold": count(Hold, Hold.account_id == account.id),
        "pair_code": count(PairCode, PairCode.account_id == account.id),
        "bot_question": count(BotQuestion, BotQuestion.chat_digest.in_(chats)),
        "proposal": count(Proposal, Proposal.account_id == account.id),
        "sync_run": count(SyncRun, SyncRun.account_id == account.id),
    }
    hashed = {
        "account": 1,
        "channel": count(Channel, Channel.account_id == account.id),
        "alert": count(Alert, Alert.account_id == account.id),
        "delivery": count(Delivery, Delivery.account_id == account.id),
        "attempt": count(Attempt, Attempt.delivery_id.in_(deliveries)),
    }
    found = session.execute(
        select(Channel.label).where(Channel.account_id == account.id).order_by(Channel.position)
    )
    papers = session.scalars(
        select(Invoice.wispro_id).where(Invoice.account_id == account.id).order_by(Invoice.id)
    )
    return Held(
        account_id=account.id,
        name=account.name,
        channels=[row.label for row in found],
        rows={name: number for name, number in rows.items() if number},
        hashed={name: number for name, number in hashed.items() if number},
        papers=[f"{account.isp_id}|{one}" for one in papers],
    )


def _tell_less(session: Session, account: Account) -> None:
    """Take the customer out of what the operator was told of channels that closed."""
    named = [
        text
        for text in (account.client_id, str(account.public_id or ""), account.custom_id or "")
        if text
    ]
    rows = session.scalars(
        select(OperatorNotice).where(
            OperatorNotice.isp_id == account.isp_id,
            or_(
                OperatorNotice.kind == NoticeKind.CHANNELS_CLOSED.value,
                OperatorNotice.subject.in_(named),
            ),
        )
    )
    for row in rows:
        said = " ".join(str(value) for value in row.details.values())
        words = set(said.replace("(", " ").replace(",", " ").split())
        if account.name in said or words & set(named):
            row.details = {
                name: value
                for name, value in row.details.items()
                if name not in {"names", "explain"}
            } | {"names": "…", "explain": "alerta accounts"}
