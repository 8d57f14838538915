"""The database and the broker: reachable, ours, with room, and right about the time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from config.settings import Settings
from models.clock import database_now
from models.database import Database
from worker.broker import broker_client
from worker.doctor.finding import Finding
from worker.errors import NotReadyError
from worker.house import House

#: Two hosts that differ by more have no NTP; leases and windows go by the clocks of hosts.
_APART, _FAR_APART = timedelta(seconds=2), timedelta(seconds=30)
_TIME_MATTERS = "windows, due dates and leases go by the clocks of the hosts"
_SYNC_CLOCK = "timedatectl set-ntp true"
#: Share of `maxmemory` above which a broker that evicts nothing soon takes nothing.
_ALMOST_FULL = 0.8
#: The oldest that are looked after: Redis 6 (ACL), Valkey 7.2.
_OLDEST = (6, 0)


def database_findings(house: House) -> list[Finding]:
    """This function will look at the database; where the first is not ok, nothing else can be."""
    why = "rows are the truth: without them nothing is looked at and nothing sent"
    try:
        house.require_schema()
    except NotReadyError as error:
        mend = "check ALERTA_DATABASE_URL" if "answer" in str(error) else "alerta migrate"
        if "newer" in str(error):
            mend = "pip install --upgrade alerta-internet"
        return [Finding("database", ok=False, found=str(error), mend=mend, why=why)]
    database = house.database
    return [
        Finding("database", ok=True, found=_kind(database), why=why),
        clock_finding("clock of the database", _database_clock(house), _same_host(database)),
        *_abandoned(database),
    ]


def clock_finding(what: str, apart: timedelta | None, note: str = "") -> Finding:
    """This function will judge by how much another clock is ahead of ours; None = not known.

    Args:
        what: whose clock.
        apart: ahead of ours if positive.
        note: what else is to be said.
    """
    if apart is None:
        return Finding(what, ok=False, urgent=False, found="not told", why=_TIME_MATTERS)
    seconds = apart.total_seconds()
    ahead = "ahead of" if seconds >= 0 else "behind"
    found = f"{abs(seconds):.1f} s {ahead} ours{note}"
    return Finding(
        what,
        ok=abs(apart) <= _APART,
        urgent=abs(apart) > _FAR_APART,
        found=found,
        why=_TIME_MATTERS,
        mend=None if abs(apart) <= _APART else _SYNC_CLOCK,
    )


def _database_clock(house: House) -> timedelta:
    with house.database.read() as session:
        database_now(session)  # the connection is open and warm from here on
        before = house.clock()
        theirs = database_now(session)
        after = house.clock()
    return theirs - (before + (after - before) / 2)


def _abandoned(database: Database) -> list[Finding]:
    """Say whether PostgreSQL ends what a host left open that was cut off in a transaction."""
    if database.engine.dialect.name == "sqlite":
        return []
    with database.read() as session:
        asked = "SHOW idle_in_transaction_session_timeout"
        limit = session.connection().exec_driver_sql(asked).scalar_one()
    ends = limit != "0"
    name = database.engine.url.database
    return [
        Finding(
            "abandoned transactions",
            ok=ends,
            urgent=False,
            found=f"are ended after {limit}" if ends else "are kept open for hours",
            why="a host that is cut off in a transaction keeps its locks: others wait",
            mend=None
            if ends
            else f"""ALTER DATABASE "{name}" SET idle_in_transaction_session_timeout = '60s'""",
        )
    ]


def _same_host(database: Database) -> str:
    return " (SQLite: the same machine)" if database.engine.dialect.name == "sqlite" else ""


def _kind(database: Database) -> str:
    engine = database.engine
    with database.read() as session:
        connection = session.connection()
        if engine.dialect.name == "sqlite":
            version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
            path = Path(str(engine.url.database))
            size = sum(one.stat().st_size for one in path.parent.glob(path.name + "*"))
            return f"sqlite {version}, {size / 1024**2:,.0f} MB"
        version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        asked = "SELECT pg_database_size(current_database())"
        size = connection.exec_driver_sql(asked).scalar_one()
        return f"postgresql {version}, {size / 1024**2:,.0f} MB"


def broker_findings(settings: Settings) -> list[Finding]:
    """This function will look at the broker: policy, version, what it keeps, its memory."""
    why = "without it the daemon does nothing, although no alert is lost"
    embedded = settings.embedded_broker
    client = None
    try:
        client = broker_client(settings, timeout=2)
        told: Mapping[str, Any] = client.info("everything")
    except (RedisError, OSError, ValueError) as error:
        mend = "alerta up" if embedded else "check ALERTA_REDIS_URL and the server"
        found = f"does not answer ({type(error).__name__})"
        return [Finding("broker", ok=False, found=found, mend=mend, why=why)]
    finally:
        if client is not None:
            client.close()
    name = told.get("server_name", "redis")
    version = str(told.get("valkey_version") or told.get("redis_version") or "?")
    return [
        policy_finding(str(told.get("maxmemory_policy", "unknown"))),
        Finding(
            "broker version",
            ok=_numbers(version) >= _OLDEST,
            urgent=False,
            found=f"{name} {version}",
            why="older ones lack what we ask of them",
            mend="upgrade the server",
        ),
        _persistence(told),
        _memory(told),
    ]


def policy_finding(policy: str) -> Finding:
    """This function will judge what a broker does when its memory is full."""
    why = "messages that are thrown away are lost silently: work waits for the next tick"
    if policy == "noeviction":
        return Finding("broker", ok=True, found="answers, evicts nothing", why=why)
    return Finding(
        "broker",
        ok=False,
        urgent=policy.startswith("allkeys"),
        found=f"evicts keys ({policy}): messages get lost silently",
        why=why,
        mend="set maxmemory-policy noeviction (redis.conf, or CONFIG SET)",
    )


def _persistence(told: Mapping[str, Any]) -> Finding:
    append, snapshots = bool(told.get("aof_enabled")), told.get("rdb_last_save_time")
    failing = told.get("aof_last_write_status") == "err" or (
        told.get("rdb_last_bgsave_status") == "err"
    )
    found = "keeps every message on disk (appendonly)" if append else "no appendonly file"
    if failing:
        found = "cannot write to its disk"
    del snapshots
    return Finding(
        "broker persistence",
        ok=append and not failing,
        urgent=failing,
        found=found,
        why="after its restart, work waits for the next tick; no alert is lost",
        mend=None if append and not failing else "set appendonly yes, and give it room on disk",
    )


def _memory(told: Mapping[str, Any]) -> Finding:
    used, most = int(told.get("used_memory", 0)), int(told.get("maxmemory", 0))
    full = most > 0 and used > most * _ALMOST_FULL
    limit = f"of {most / 1024**2:,.0f} MB" if most else "no limit set"
    return Finding(
        "broker memory",
        ok=not full,
        urgent=full and used > most * 0.95,
        found=f"{used / 1024**2:,.1f} MB used, {limit}",
        why="a full broker takes no message",
        mend="raise maxmemory, or see which queue grows: alerta doctor" if full else None,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def age(since: datetime, now: datetime) -> str:
    """This function will say how long ago something was."""
    seconds = max((now - since).total_seconds(), 0)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
