"""An ISP whose rows are made by the database itself: a million invoices in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CTE, String, cast, insert, literal, select
from sqlalchemy.orm import Session

from models.account import Account, Channel
from models.alert import Alert, Delivery
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp, Transport

SLUG = "bench"
ZONE = "America/Argentina/Cordoba"
#: A Tuesday, noon in Córdoba.
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
_LONG_AGO, _YESTERDAY = NOW - timedelta(days=20), NOW - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Owed:
    """So many invoices, ten of each account, all of them open; so many have a step that is due."""

    invoices: int
    due: int

    @property
    def accounts(self) -> int:
        """How many customers; each has one channel."""
        return max(self.invoices // 10, 1)


def fill(database: Database, size: Owed) -> int:
    """This function will make the ISP's rows; the due ones are one of every so many.

    The first steps of the others come due in a month. Returns the ISP's id.
    """
    with database.write() as session:
        isp_id = _isp(session)
        _accounts(session, isp_id, size.accounts)
        due = {"first_due_date": date(2026, 3, 11), "plan_at": NOW - timedelta(hours=3)}
        later = {"first_due_date": date(2026, 4, 20), "plan_at": NOW + timedelta(days=36)}
        every = size.invoices // size.due if size.due else size.invoices + 1
        _invoices(session, isp_id, size, later, every=every, hit=False)
        if size.due:
            _invoices(session, isp_id, size, due, every=every, hit=True)
    database.count_anew(Account, Channel, Invoice)
    return isp_id


def remember(database: Database, size: Owed, sent: int) -> None:
    """This function will make so many deliveries that left yesterday, about what is not due."""
    with database.write() as session:
        isp_id = session.scalars(select(Isp.id).where(Isp.slug == SLUG)).one()
        series = _series(1, sent)
        owner = series.c.i % size.accounts
        computed = {
            "account_id": owner + 1, "invoice_id": owner * 10 + 2, "subject": _text(series, "old-"),
        }  # fmt: skip
        same = {
            "isp_id": isp_id, "kind": "due_soon", "anchor": "first_due", "step": "-1d",
            "anchor_date": _LONG_AGO.date(), "due_at": _LONG_AGO, "details": {},
            "created_at": _LONG_AGO,
        }  # fmt: skip
        _insert(session, Alert, series, computed, same)
        columns = Delivery.__table__.c
        copied = {
            "alert_id": Alert.id, "isp_id": Alert.isp_id, "account_id": Alert.account_id,
            "channel_id": Alert.account_id, "message_id": Alert.subject,
        }  # fmt: skip
        given = {
            "route": "email", "state": "sent", "attempts": 1,
            "planned_at": _LONG_AGO, "not_before": _LONG_AGO,
            "created_at": _LONG_AGO, "sent_at": _YESTERDAY, "settled_at": _YESTERDAY,
        }  # fmt: skip
        values = [literal(value, columns[name].type) for name, value in given.items()]
        query = select(*copied.values(), *values).where(Alert.subject.startswith("old-"))
        session.execute(
            insert(Delivery).from_select([*copied, *given], query, include_defaults=False)
        )
    database.count_anew(Alert, Delivery)


def fill_month(database: Database, accounts: int) -> int:
    """This function will make an ISP each of whose accounts has one open invoice and one channel.

    Due dates lie on thirty days, a third of the accounts wants SMS, each third has its own medium.
    Returns the ISP's id.
    """
    media = (("email", "email"), ("telegram", "chat"), ("twilio", "sms"))
    with database.write() as session:
        isp_id = _isp(session)
        _accounts(session, isp_id, accounts, media=media)
        for number in range(30):
            due = NOW.date() + timedelta(days=number - 5)
            seen = NOW - timedelta(days=10 + number % 7, minutes=number)
            given = {
                "first_due_date": due, "second_due_date": due + timedelta(days=10),
                "plan_at": seen, "steps_until": NOW - timedelta(hours=1), "first_seen_at": seen,
            }  # fmt: skip
            size = Owed(accounts, 0)
            _invoices(session, isp_id, size, given, every=30, hit=True, offset=number, each=1)
    database.count_anew(Account, Channel, Invoice)
    return isp_id


def _isp(session: Session) -> int:
    isp = Isp(
        slug=SLUG, name="Interatos sas", base_url="http://127.0.0.1:1/api/v1", token_sealed="-",
        timezone=ZONE, locale="es_AR", currency="ARS", contact_hours="09:00-19:00",
        created_at=_LONG_AGO,
    )  # fmt: skip
    session.add(isp)
    session.flush()
    for scheme in ("email", "telegram"):
        session.add(Transport(isp_id=isp.id, scheme=scheme, url_sealed="-", created_at=_LONG_AGO))
    session.flush()
    return isp.id


def _series(first: int, last: int, step: int = 1) -> CTE:
    """Return the whole numbers from `first` to `last`."""
    start = select(literal(first).label("i")).cte("series", recursive=True)
    return start.union_all(select(start.c.i + step).where(start.c.i + step <= last))


def _insert(
    session: Session, table: Any, series: CTE, computed: Mapping[str, Any], same: Mapping[str, Any]
) -> None:
    """Insert one row for each number: some columns follow from it, the others are the same."""
    columns = table.__table__.c
    values = [literal(value, columns[name].type) for name, value in same.items()]
    query = select(*computed.values(), *values).select_from(series)
    session.execute(insert(table).from_select([*computed, *same], query, include_defaults=False))


def _text(series: CTE, prefix: str) -> Any:
    return literal(prefix) + cast(series.c.i, String)


def _accounts(
    session: Session,
    isp_id: int,
    number: int,
    *,
    media: tuple[tuple[str, str], ...] = (("email", "email"),),
) -> None:
    series = _series(1, number)
    computed = {
        "id": series.c.i, "client_id": _text(series, "c-"), "name": _text(series, "Ana "),
    }  # fmt: skip
    same = {
        "isp_id": isp_id, "paired_at": _LONG_AGO, "baseline_at": _LONG_AGO, "steps_off": [],
    }  # fmt: skip
    _insert(session, Account, series, computed, same)
    for place, (scheme, medium) in enumerate(media):
        series = _series(place + 1, number, len(media))
        computed = {
            "id": series.c.i, "account_id": series.c.i,
            "destination_digest": _text(series, "d-"),
        }  # fmt: skip
        same = {
            "scheme": scheme, "medium": medium, "destination_sealed": "-",
            "needs_transport": scheme != "twilio", "label": "somebody", "created_at": _LONG_AGO,
        }  # fmt: skip
        _insert(session, Channel, series, computed, same)


def _invoices(
    session: Session,
    isp_id: int,
    size: Owed,
    given: Mapping[str, Any],
    *,
    every: int,
    hit: bool,
    offset: int = 0,
    each: int = 10,
) -> None:
    """Insert those whose number is a multiple of `every` (plus an offset), or all the others."""
    series = _series(0, size.invoices - 1)
    if hit:
        series = _series(offset, size.invoices - 1, every)
    owner = series.c.i // each
    computed = {
        "id": series.c.i + 1, "account_id": owner + 1, "wispro_id": _text(series, "i-"),
        "number": _text(series, "A-0001-"),
    }  # fmt: skip
    same = {
        "isp_id": isp_id, "state": "pending", "raw_state": "pending", "amount": Decimal(2590),
        "balance": Decimal(2590), "issued_date": _LONG_AGO.date(), "baseline": False,
        "first_seen_at": _LONG_AGO, "confirmed_at": _LONG_AGO, "missing_reads": 0,
        "was_pending": True, "steps_until": _LONG_AGO, **given,
    }  # fmt: skip
    columns = Invoice.__table__.c
    values = [literal(value, columns[name].type) for name, value in same.items()]
    query = select(*computed.values(), *values).select_from(series)
    if not hit and every <= size.invoices:
        query = query.where(series.c.i % every != 0)
    session.execute(insert(Invoice).from_select([*computed, *same], query, include_defaults=False))
