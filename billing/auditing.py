"""What people do by hand, on record: an entry before it begins, another when it has ended.

An entry comes first, like the journal of a send: what cannot be recorded is not done, and what
broke off half-way shows as that. Nothing that was written is changed afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from billing.isps import SetupError
from billing.naming import AccountFinder
from models.account import Account
from models.alert import Delivery
from models.audit import AuditEnd, AuditEntry
from models.database import Database
from models.isp import Isp


class Outcome(StrEnum):
    """How an action ended."""

    DONE = "done"
    NOT_DONE = "not_done"  # it was tried, and something did not work out
    REFUSED = "refused"  # nothing was changed
    BROKE_OFF = "broke_off"  # stopped, or no end was recorded: nobody knows how far it came


class About(NamedTuple):
    """Where an action happens, as far as that is known."""

    isp_id: int | None = None
    isp: str | None = None
    account_id: int | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One action, as lists show it; `customer` is the name as it is now."""

    at: datetime
    who: str
    isp: str | None
    customer: str | None
    public_id: int | None
    command: str
    arguments: Mapping[str, str]
    outcome: Outcome
    detail: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLines:
    """Actions, the oldest first; `earlier` = there are more before them."""

    lines: Sequence[AuditLine]
    earlier: bool


class Auditing:
    """The use-case.

    Args:
        database: rows.
        whom: finds a customer by what names them.
    """

    def __init__(self, database: Database, whom: AccountFinder) -> None:
        self._database = database
        self._whom = whom

    def about(
        self, *, slug: str | None = None, client: str | None = None, delivery: int | None = None
    ) -> About:
        """This function will find out where an action happens; what is not found stays None.

        Args:
            slug: of the ISP, if one is named.
            client: whom, if somebody is named: in any form that names an account of ours.
            delivery: the id of one, if that is what is named.

        Returns:
            `client` is an id that may be shown and kept, whatever they were named by.
        """
        with self._database.read() as session:
            account: Account | None = None
            if delivery is not None and (row := session.get(Delivery, delivery)) is not None:
                account = session.get_one(Account, row.account_id)
            elif slug is not None and client is not None:
                account = self._account(session, slug, client)
            if account is not None:
                client = f"public:{account.public_id}"
                if account.public_id is None:
                    client = account.client_id
                return About(account.isp_id, account.isp.slug, account.id, client)
            isp = session.scalars(select(Isp).where(Isp.slug == slug)).first()
            if isp is None:  # one that is to be added, or a word that names none
                return About(None, slug[:64] if slug else None)
            return About(isp.id, isp.slug)

    def _account(self, session: Session, slug: str, client: str) -> Account | None:
        try:
            return self._whom.find(session, slug, client)
        except SetupError:
            return None

    def begin(
        self, about: About, *, who: str, command: str, arguments: Mapping[str, str], now: datetime
    ) -> int:
        """This function will record that an action begins; return the entry's id.

        Args:
            about: where.
            who: gives the command.
            command: its words.
            arguments: what it was given, without any secret.
            now: the present.
        """
        with self._database.write() as session:
            entry = _entry(about, who=who, command=command, arguments=arguments, now=now)
            session.add(entry)
            session.flush()
            return entry.id

    def end(
        self,
        entry_id: int,
        outcome: Outcome,
        *,
        detail: str | None,
        account_id: int | None,
        now: datetime,
    ) -> None:
        """This function will record how an action ended, once.

        Args:
            entry_id: which one.
            outcome: in a word.
            detail: in one line, where it is not done.
            account_id: whom it turned out to be about.
            now: the present.
        """
        with self._database.write() as session:
            session.add(
                AuditEnd(
                    entry_id=entry_id,
                    at=now,
                    outcome=outcome.value,
                    detail=_line(detail),
                    account_id=account_id,
                )
            )

    def lines(
        self,
        *,
        slug: str | None = None,
        client: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        who: str | None = None,
        limit: int,
    ) -> AuditLines:
        """This function will list what was done by hand.

        Args:
            slug: only at this ISP.
            client: only about this customer of it.
            since: from this instant on.
            until: before this instant.
            who: only by whom this names.
            limit: at most so many, the latest.

        Raises:
            SetupError: if there is no such ISP or account.
        """
        with self._database.read() as session:
            query = select(AuditEntry).options(joinedload(AuditEntry.end))
            if slug is not None and client is not None:
                account = self._whom.find(session, slug, client)
                turned_out = select(AuditEnd.entry_id).where(AuditEnd.account_id == account.id)
                query = query.where(
                    or_(AuditEntry.account_id == account.id, AuditEntry.id.in_(turned_out))
                )
            elif slug is not None:
                query = query.where(AuditEntry.isp == slug)
            if since is not None:
                query = query.where(AuditEntry.at >= since)
            if until is not None:
                query = query.where(AuditEntry.at < until)
            if who is not None:
                query = query.where(AuditEntry.who == who)
            latest = query.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit + 1)
            rows = session.scalars(latest).all()
            names = _names(session, rows)
            return AuditLines(
                lines=[_as_line(row, names) for row in reversed(rows[:limit])],
                earlier=len(rows) > limit,
            )


def note(
    session: Session,
    account: Account,
    *,
    who: str,
    command: str,
    arguments: Mapping[str, str],
    now: datetime,
) -> None:
    """This function will record what is done in the very transaction that does it.

    Args:
        session: the unit of work.
        account: about whom it is.
        who: does it.
        command: in its own words.
        arguments: without any secret.
        now: the present.
    """
    about = About(account.isp_id, account.isp.slug, account.id)
    entry = _entry(about, who=who, command=command, arguments=arguments, now=now)
    entry.end = AuditEnd(at=now, outcome=Outcome.DONE.value)
    session.add(entry)


def _entry(
    about: About, *, who: str, command: str, arguments: Mapping[str, str], now: datetime
) -> AuditEntry:
    return AuditEntry(
        at=now,
        who=(_line(who) or "unknown")[:100],
        command=command[:60],
        arguments={name: value[:300] for name, value in arguments.items()},
        isp_id=about.isp_id,
        isp=about.isp,
        account_id=about.account_id,
    )


def _line(detail: str | None) -> str | None:
    return " ".join(detail.split())[:300] if detail else None


def _names(session: Session, rows: Sequence[AuditEntry]) -> dict[int, tuple[str, int | None]]:
    ids = {found for row in rows if (found := _account_of(row)) is not None}
    query = select(Account.id, Account.name, Account.public_id).where(Account.id.in_(ids))
    return {row.id: (row.name, row.public_id) for row in session.execute(query)}


def _account_of(row: AuditEntry) -> int | None:
    return row.account_id or (row.end.account_id if row.end else None)


def _as_line(row: AuditEntry, names: Mapping[int, tuple[str, int | None]]) -> AuditLine:
    account_id = _account_of(row)
    name, public_id = names.get(account_id or 0, (None, None))
    return AuditLine(
        at=row.at,
        who=row.who,
        isp=row.isp,
        customer=name,
        public_id=public_id,
        command=row.command,
        arguments=row.arguments,
        outcome=Outcome(row.end.outcome) if row.end else Outcome.BROKE_OFF,
        detail=row.end.detail if row.end else None,
        ended_at=row.end.at if row.end else None,
    )
