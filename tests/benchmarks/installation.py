"""A whole installation whose rows are made by the database itself: hundreds of ISPs in a minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CTE, String, case, cast, insert, literal, select
from sqlalchemy.orm import Session

from models.account import Account
from models.alert import Delivery
from models.database import Database
from models.invoice import Invoice
from models.isp import Isp
from models.sync_run import SyncRun

#: A Tuesday, noon in Córdoba.
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
_LONG_AGO = NOW - timedelta(days=200)
_ZONES = ("America/Argentina/Cordoba", "America/Bogota", "America/Mexico_City", "America/Sao_Paulo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """So many ISPs with so many accounts each, and what was ever sent.

    Each account has one invoice, every third of them open. Half of the deliveries that wait are
    due; the others ended evenly over so many days, one in a hundred of them badly.
    """

    isps: int = 500
    accounts_each: int = 2_000
    deliveries: int = 1_000_000
    waiting: int = 20_000
    days: int = 100

    @property
    def accounts(self) -> int:
        """How many there are of all ISPs together."""
        return self.isps * self.accounts_each


def fill(database: Database, size: Installation) -> None:
    """This function will make the rows, without asking whether what they refer to is there."""
    sqlite = database.engine.dialect.name == "sqlite"
    with database.engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        with Session(connection) as session:
            _isps(session, size)
            _accounts(session, size)
            _invoices(session, size)
            _deliveries(session, size)
            session.commit()
        connection.commit()
    if sqlite:
        database.engine.dispose()
    else:
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as raw:
            for table in ("account", "invoice", "delivery", "isp", "sync_run"):
                raw.exec_driver_sql(f"VACUUM ANALYZE {table}")


def _series(number: int) -> CTE:
    start = select(literal(0).label("i")).cte("series", recursive=True)
    return start.union_all(select(start.c.i + 1).where(start.c.i + 1 < number))


def _insert(
    session: Session, table: Any, series: CTE, computed: dict[str, Any], same: dict[str, Any]
) -> None:
    columns = table.__table__.c
    values = [literal(value, columns[name].type) for name, value in same.items()]
    query = select(*computed.values(), *values).select_from(series)
    session.execute(insert(table).from_select([*computed, *same], query, include_defaults=False))


def _ago(series: CTE, column: Any, instants: list[datetime]) -> Any:
    """Spread instants evenly over rows."""
    place = series.c.i % len(instants)
    whens = [(place == n, literal(at, column.type)) for n, at in enumerate(instants)]
    return case(*whens)


def _isps(session: Session, size: Installation) -> None:
    for number in range(size.isps):
        session.add(
            Isp(
                slug=f"isp-{number:04}", name=f"Internet {number}", token_sealed="-",
                base_url="http://127.0.0.1:1/api/v1", timezone=_ZONES[number % len(_ZONES)],
                locale="es_AR", currency="ARS", contact_hours="09:00-19:00", created_at=_LONG_AGO,
                strategy="sweep", synced_at=NOW - timedelta(minutes=number % 30),
                next_sync_at=NOW + timedelta(minutes=30 - number % 30),
            )
        )  # fmt: skip
    session.flush()
    series = _series(size.isps * 48 * 7)
    started = [NOW - timedelta(minutes=30 * n + 1) for n in range(48)]
    computed = {
        "isp_id": series.c.i % size.isps + 1,
        "started_at": _ago(series, SyncRun.__table__.c.started_at, started),
    }
    counted = dict.fromkeys(
        ("accounts", "requests", "pages", "fetched", "foreign", "set_aside", "changed", "alerts"), 0
    )
    same = {
        "mode": "sweep", "trigger": "schedule", "outcome": "ok", "ms": 4000, "deliveries": 0,
        "finished_at": NOW, **counted,
    }  # fmt: skip
    _insert(session, SyncRun, series, computed, same)


def _accounts(session: Session, size: Installation) -> None:
    series = _series(size.accounts)
    computed = {
        "id": series.c.i + 1, "isp_id": series.c.i % size.isps + 1,
        "client_id": literal("c-") + cast(series.c.i, String),
    }  # fmt: skip
    same = {"name": "Ana", "steps_off": [], "paired_at": _LONG_AGO, "baseline_at": _LONG_AGO}
    _insert(session, Account, series, computed, same)


def _invoices(session: Session, size: Installation) -> None:
    series = _series(size.accounts)
    is_open = series.c.i % 3 == 0
    column = Invoice.__table__.c.plan_at
    steps = [NOW + timedelta(hours=3), *(NOW + timedelta(days=n + 1) for n in range(9))]
    computed = {
        "account_id": series.c.i + 1, "isp_id": series.c.i % size.isps + 1,
        "wispro_id": literal("i-") + cast(series.c.i, String),
        "state": case((is_open, "pending"), else_="paid"),
        "plan_at": case((is_open, _spread(series.c.i // 3, column, steps)), else_=None),
        "vanished_at": case((series.c.i % 3_000 == 0, literal(NOW, column.type)), else_=None),
    }  # fmt: skip
    same = {
        "raw_state": "-", "amount": Decimal(2590), "balance": Decimal(2590), "baseline": False,
        "first_seen_at": _LONG_AGO, "confirmed_at": _LONG_AGO, "missing_reads": 0,
        "was_pending": True,
    }  # fmt: skip
    _insert(session, Invoice, series, computed, same)


def _spread(number: Any, column: Any, instants: list[datetime]) -> Any:
    place = number % len(instants)
    return case(*[(place == n, literal(at, column.type)) for n, at in enumerate(instants)])


def _deliveries(session: Session, size: Installation) -> None:
    series = _series(size.deliveries)
    waits = series.c.i < size.waiting
    columns = Delivery.__table__.c
    ends = [NOW - timedelta(hours=24 * n + 1) for n in range(size.days)]
    goes = [NOW - timedelta(minutes=2), NOW + timedelta(hours=2)]
    failed = series.c.i % 100 == 1
    computed = {
        "isp_id": series.c.i * 7 % size.isps + 1,
        "account_id": series.c.i % size.accounts + 1,
        "alert_id": series.c.i + 1,
        "route": case((series.c.i % 7 == 0, "telegram"), else_="email"),
        "state": case((waits, "planned"), (failed, "failed"), else_="sent"),
        "reason": case((failed, "rejected"), else_=None),
        "not_before": case(
            (waits, _spread(series.c.i // 7, columns.not_before, goes)),
            else_=_spread(series.c.i // 10, columns.not_before, ends),
        ),
        "settled_at": case(
            (waits, None), else_=_spread(series.c.i // 10, columns.settled_at, ends)
        ),
    }  # fmt: skip
    same = {
        "channel_id": 1, "message_id": "-", "planned_at": _LONG_AGO, "attempts": 1,
        "created_at": _LONG_AGO,
    }  # fmt: skip
    _insert(session, Delivery, series, computed, same)
