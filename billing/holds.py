"""Stop asking a customer for money for a while: holds by staff, and promises to pay.

A hold or a promise binds every alert that asks to pay; receipts and notes about changes go on. It
ends by itself after its last day, and then the policy goes on where it stands: of the steps that
came due meanwhile, the latest goes if it is still worth something.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from billing.errors import ForeseenError
from billing.held import Held, HoldKind
from billing.isps import find_isp
from billing.naming import AccountFinder
from billing.terms import rules_of
from billing.values import DeliveryState, Reason
from models.account import Account
from models.alert import Delivery
from models.database import Database
from models.hold import Hold
from models.invoice import Invoice

#: A promise to pay next year is none, and a hold without end is forgotten: both are renewed.
LONGEST_HOLD = timedelta(days=366)
LONGEST_PROMISE = timedelta(days=62)
#: A customer who hears of no bill for longer may lose the service by it.
LONGEST_PAUSE = timedelta(days=31)


class HoldError(ForeseenError, ValueError):
    """What was given cannot be used; one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLine:
    """One hold or promise as lists show it; `invoice` is its number or id, None = all."""

    id: int
    kind: str
    customer: str
    invoice: str | None
    until: date
    reason: str
    author: str
    created_at: datetime
    released_at: datetime | None
    released_by: str | None


def all_holds_on(session: Session, account_ids: Collection[int]) -> dict[int, list[Hold]]:
    """This function will read what was not released, by account.

    Those that name an invoice bind that one; the others bind the whole account.
    """
    found: dict[int, list[Hold]] = {}
    wanted = (Hold.account_id.in_(account_ids), Hold.released_at.is_(None))
    for row in session.scalars(select(Hold).where(*wanted).order_by(Hold.id)):
        found.setdefault(row.account_id, []).append(row)
    return found


def held_of(row: Hold) -> Held:
    """Return a row as a value."""
    return Held(
        kind=HoldKind(row.kind),
        until=row.until,
        reason=row.reason,
        author=row.author,
        created_at=row.created_at,
    )


def put_hold(
    session: Session,
    account: Account,
    *,
    kind: HoldKind,
    until: date,
    reason: str,
    author: str,
    now: datetime,
    invoice_id: int | None = None,
) -> Hold:
    """This function will hold an invoice or an account, in place of what did so by the same kind.

    Args:
        session: the caller's unit of work.
        account: whose.
        kind: who stops it.
        until: the last day on which nothing is asked, on the ISP's wall.
        reason: one line of at most 200 characters.
        author: at most 100 characters.
        now: the present.
        invoice_id: None = all of the account's.
    """
    session.execute(
        update(Hold)
        .where(
            Hold.account_id == account.id,
            Hold.kind == kind.value,
            Hold.released_at.is_(None),
            Hold.invoice_id == invoice_id if invoice_id else Hold.invoice_id.is_(None),
        )
        .values(released_at=now, released_by=author)
        .execution_options(synchronize_session=False)
    )
    row = Hold(
        isp_id=account.isp_id,
        account_id=account.id,
        invoice_id=invoice_id,
        kind=kind.value,
        reason=reason,
        author=author,
        created_at=now,
        until=until,
    )
    session.add(row)
    session.flush()
    _wake(session, account.id, now=now)
    return row


def end_holds(
    session: Session, account_id: int, rows: Sequence[Hold], *, author: str, now: datetime
) -> None:
    """This function will end holds of an account; what waited is decided on anew at once."""
    for row in rows:
        row.released_at, row.released_by = now, author
    _wake(session, account_id, now=now)


class Holds:
    """The use-case.

    Args:
        database: rows.
        whom: finds a customer by what names them.
    """

    def __init__(self, database: Database, whom: AccountFinder) -> None:
        self._database = database
        self._whom = whom

    def put(
        self,
        slug: str,
        client: str,
        *,
        kind: HoldKind,
        until: date,
        reason: str,
        author: str,
        now: datetime,
        invoice: str | None = None,
    ) -> HoldLine:
        """This function will stop asking for an invoice, or for all of a customer's.

        A later one on the same invoice by the same kind takes the place of the earlier one.

        Args:
            slug: the ISP.
            client: who, in any form that names an account of ours.
            kind: hold or promise.
            until: the last day on which nothing is asked, on the ISP's wall.
            reason: one line, for whoever asks why.
            author: who says so.
            now: the present.
            invoice: its number or id; None = all of them.

        Raises:
            SetupError: if the ISP is unknown.
            HoldError: if something given cannot be used.
            PairingError: if no account matches, or several do.
        """
        with self._database.write() as session:
            account = self._find(session, slug, client)
            calendar = rules_of(account.isp).calendar
            problem = _problem(kind, until, reason, author, today=calendar.today(now))
            if problem:
                raise HoldError(problem)
            about = find_invoice(session, account, invoice) if invoice else None
            row = put_hold(
                session,
                account,
                kind=kind,
                until=until,
                reason=reason.strip(),
                author=author,
                now=now,
                invoice_id=about.id if about else None,
            )
            return _line(row, account, about)

    def release(
        self, slug: str, client: str, *, author: str, now: datetime, invoice: str | None = None
    ) -> Sequence[HoldLine]:
        """This function will end what stops an invoice, or everything that stops a customer's.

        Returns:
            What was ended; what waited for it is decided on anew at once.

        Raises:
            HoldError: if nothing was in force.
        """
        with self._database.write() as session:
            account = self._find(session, slug, client)
            today = rules_of(account.isp).calendar.today(now)
            query = select(Hold).where(
                Hold.account_id == account.id, Hold.released_at.is_(None), Hold.until >= today
            )
            if invoice:
                query = query.where(Hold.invoice_id == find_invoice(session, account, invoice).id)
            rows = session.scalars(query.order_by(Hold.id).with_for_update()).all()
            if not rows:
                raise HoldError(f"nothing holds {account.name}'s alerts back")
            end_holds(session, account.id, rows, author=author, now=now)
            return [_line(row, account, row.invoice) for row in rows]

    def lines(self, slug: str, client: str | None, *, now: datetime) -> Sequence[HoldLine]:
        """This function will list what is in force at an ISP, or all that ever held a customer."""
        with self._database.read() as session:
            if client is not None:
                account = self._find(session, slug, client)
                query = select(Hold).where(Hold.account_id == account.id)
            else:
                isp = find_isp(session, slug)
                today = rules_of(isp).calendar.today(now)
                query = select(Hold).where(
                    Hold.isp_id == isp.id, Hold.released_at.is_(None), Hold.until >= today
                )
            rows = session.scalars(query.order_by(Hold.until, Hold.id)).all()
            return [_line(row, row.account, row.invoice) for row in rows]

    def _find(self, session: Session, slug: str, client: str) -> Account:
        return self._whom.find(session, slug, client)


def _problem(kind: HoldKind, until: date, reason: str, author: str, *, today: date) -> str | None:
    longest = {HoldKind.HOLD: LONGEST_HOLD, HoldKind.PROMISE: LONGEST_PROMISE}.get(
        kind, LONGEST_PAUSE
    )
    if until < today:
        return f"--until {until}: that day is over; today is {today} at the ISP"
    if until - today > longest:
        return f"--until {until}: at most {longest.days} days ahead, until {today + longest}"
    if not reason.strip() or len(reason) > 200 or not reason.isprintable():
        return "--reason: one line of 1 to 200 characters"
    if not author.strip() or len(author) > 100 or not author.isprintable():
        return "--by: one line of 1 to 100 characters"
    return None


def find_invoice(session: Session, account: Account, text: str) -> Invoice:
    """This function will find the invoice of an account with this number or id.

    Raises:
        HoldError: if there is none, or several.
    """
    found = session.scalars(
        select(Invoice).where(
            Invoice.account_id == account.id,
            or_(Invoice.wispro_id == text.strip(), Invoice.number == text.strip()),
        )
    ).all()
    if len(found) != 1:
        which = "no invoice" if not found else f"{len(found)} invoices"
        raise HoldError(f"--invoice: {account.name} has {which} {text!r}; see alerta invoices")
    return found[0]


def _wake(session: Session, account_id: int, *, now: datetime) -> None:
    """Let what waited for a hold or a promise be decided on anew."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.account_id == account_id,
            Delivery.state == DeliveryState.PLANNED.value,
            Delivery.reason.in_([Reason.HOLD.value, Reason.PROMISE.value]),
        )
        .values(not_before=now, reason=None)
        .execution_options(synchronize_session=False)
    )


def _line(row: Hold, account: Account, invoice: Invoice | None) -> HoldLine:
    return HoldLine(
        id=row.id,
        kind=row.kind,
        customer=account.name,
        invoice=(invoice.number or invoice.wispro_id) if invoice else None,
        until=row.until,
        reason=row.reason,
        author=row.author,
        created_at=row.created_at,
        released_at=row.released_at,
        released_by=row.released_by,
    )
