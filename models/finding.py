"""Whom something that support was told may mean: each question goes by an index of its own.

Every question takes the ISPs in which to look as ids, since each index begins with one: a few
hundred short searches cost less than one through everybody's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, FromClause, Table, and_, func, literal, select
from sqlalchemy.orm import Session

from models.account import Account, AccountWord, Channel, Contract
from models.bulk import among
from models.invoice import Invoice
from models.isp import Isp

#: So many are read of one question; who names more than these has to say more.
MOST = 500
#: Invoices that end alike; what stands in front is compared afterwards.
_MOST_NUMBERS = 20 * MOST
#: Of a word that more names have, only so many are looked through: its other words are rarer, or
#: somebody typed a letter for each. And so often, at most, another word is looked up in those.
_FREQUENT, _LOOKUPS = 30_000, 45_000
#: Comes after every letter.
_LAST = "\U0010ffff"
_WORDS = cast("Table", AccountWord.__table__)


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account and its ISP, as a list of hits shows it."""

    id: int
    isp: str
    client_id: str
    public_id: int | None
    custom_id: str | None
    name: str
    paired: bool


@dataclass(frozen=True, slots=True)
class FoundInvoice:
    """An invoice whose number ends as somebody said."""

    account_id: int
    number: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """A client of whom only the contract map knows: nobody paired them."""

    isp: str
    client_id: str
    public_id: int | None


def isps(session: Session) -> dict[int, str]:
    """Return the slugs of all ISPs by id."""
    return {row.id: row.slug for row in session.execute(select(Isp.id, Isp.slug).order_by(Isp.id))}


def by_column(
    session: Session, isp_ids: Collection[int], column: Any, values: Collection[Any]
) -> list[int]:
    """Return accounts by a column that has an index behind its ISP's."""
    return list(
        session.scalars(
            select(Account.id)
            .where(among(session, Account.isp_id, isp_ids), among(session, column, values))
            .limit(MOST + 1)
        )
    )


def by_channel(
    session: Session, isp_ids: Collection[int], column: Any, values: Collection[str]
) -> list[int]:
    """Return the accounts of channels that staff did not take away."""
    found = (
        select(Channel.account_id)
        .join(Account, Account.id == Channel.account_id)
        .where(
            among(session, column, values),
            Channel.removed_at.is_(None),
            among(session, Account.isp_id, isp_ids),
        )
        .limit(MOST + 1)
    )
    return list(dict.fromkeys(session.scalars(found)))


def by_number_end(session: Session, isp_ids: Collection[int], end: str) -> list[FoundInvoice]:
    """Return the invoices whose number ends with these digits, zeros in front left out."""
    rows = session.execute(
        select(Invoice.account_id, Invoice.number)
        .where(among(session, Invoice.isp_id, isp_ids), Invoice.number_end == end)
        .limit(_MOST_NUMBERS)
    )
    return [FoundInvoice(row.account_id, row.number or "") for row in rows]


def by_words(
    session: Session, isp_ids: Collection[int], words: Sequence[str]
) -> tuple[list[int], bool]:
    """Return the accounts whose name has all of these words; whole words before mere beginnings.

    Args:
        session: reads.
        isp_ids: in which to look.
        words: as `billing.names.words_of` takes them apart; at least one.

    Returns:
        `MOST` + 1 at most, and whether these are all: where too many have even the rarest word,
        only the first ones are looked through.
    """
    found, all_of_them = _with_words(session, isp_ids, words, _is)
    if len(found) <= MOST:
        begun, all_of_them = _with_words(session, isp_ids, words, _begins)
        found = list(dict.fromkeys([*found, *begun]))
    return found[: MOST + 1], all_of_them


def _is(table: FromClause, word: str) -> ColumnElement[bool]:
    return table.c.word == word


def _begins(table: FromClause, word: str) -> ColumnElement[bool]:
    """Return the range of the index in which words begin so."""
    return and_(table.c.word >= word, table.c.word < word + _LAST)


def _with_words(
    session: Session,
    isp_ids: Collection[int],
    words: Sequence[str],
    fits: Callable[[FromClause, str], ColumnElement[bool]],
) -> tuple[list[int], bool]:
    """Read the rarest word's accounts and look the others up in each."""
    here = among(session, _WORDS.c.isp_id, isp_ids)
    often, most = 0, _FREQUENT
    if len(words) > 1:
        most = min(_FREQUENT, _LOOKUPS // (len(words) - 1))
        counts = {one: _frequency(session, here, fits(_WORDS, one), most) for one in words}
        words = sorted(words, key=lambda one: counts[one])
        often = counts[words[0]]
    rarest, *others = words
    some = select(_WORDS.c.account_id).where(here, fits(_WORDS, rarest)).limit(most).subquery()
    query = select(some.c.account_id)
    for word in others:
        other = _WORDS.alias()
        has = select(literal(1)).where(other.c.account_id == some.c.account_id, fits(other, word))
        query = query.where(has.correlate(some).exists())
    rows = session.connection().execute(query.limit(2 * MOST))  # a name may have a beginning twice
    found = list(dict.fromkeys(row.account_id for row in rows))
    return found, often < most or len(found) > MOST


def _frequency(
    session: Session, here: ColumnElement[bool], condition: ColumnElement[bool], most: int
) -> int:
    some = select(literal(1)).select_from(_WORDS).where(here, condition).limit(most)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def accounts(session: Session, ids: Collection[int]) -> dict[int, FoundAccount]:
    """Return what a list shows of accounts, by id."""
    rows = session.execute(
        select(
            Account.id,
            Isp.slug,
            Account.client_id,
            Account.public_id,
            Account.custom_id,
            Account.name,
            and_(Account.paired_at.is_not(None), Account.unpaired_at.is_(None)).label("paired"),
        )
        .join(Isp, Isp.id == Account.isp_id)
        .where(among(session, Account.id, ids))
    )
    return {row.id: FoundAccount(*row) for row in rows}


def strangers(
    session: Session, isp_ids: Collection[int], *, client_id: str, public_id: int | None
) -> list[Stranger]:
    """Return the clients with this id of whom we know contracts and nothing else."""
    if public_id is not None:
        meant = Contract.public_id == public_id
    else:
        meant = Contract.client_id == client_id
    rows = session.execute(
        select(Isp.slug, Contract.client_id, Contract.public_id)
        .join(Isp, Isp.id == Contract.isp_id)
        .where(
            among(session, Contract.isp_id, isp_ids),
            meant,
            ~select(Account.id)
            .where(Account.isp_id == Contract.isp_id, Account.client_id == Contract.client_id)
            .exists(),
        )
        .distinct()
        .limit(MOST + 1)
    )
    return [Stranger(*row) for row in rows]
