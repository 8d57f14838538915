"""Whether work is being done: who ticks, what is overdue, what waits in the queues."""

from __future__ import annotations

from datetime import timedelta

from redis.exceptions import RedisError

from config.settings import Settings
from models import beat_lease
from models.clock import database_now
from models.flow import waiting
from tasks import queues
from worker.broker import GLOBAL_PREFIX, broker_client
from worker.doctor.finding import Finding
from worker.doctor.stores import age
from worker.doctor.watched import installation_findings
from worker.house import House

#: A delivery that could have left, and has waited so long: nobody sends.
_LATE = timedelta(minutes=10)
#: What a sweep of each minute should have ended.
_LEFT_BEHIND = timedelta(minutes=5)
#: Hints expire within a minute; a queue that is longer is not being worked off.
_LONG_QUEUE = 2_000
_NOBODY_WORKS = "alerta up, or systemctl status alerta-worker alerta-beat; then its log"


def flow_findings(house: House) -> list[Finding]:
    """This function will look at whether what is due is done."""
    return [
        _beat(house),
        *installation_findings(house),
        _due(house),
        *_queues(house.settings),
    ]


def _beat(house: House) -> Finding:
    why = "without a tick nothing is looked at, planned or sent"
    with house.database.read() as session:
        holder = beat_lease.read(session)
        now = database_now(session)
    if holder is None:
        found = "has never ticked here"
        return Finding("beat", ok=False, found=found, why=why, mend=_NOBODY_WORKS)
    since = f"{holder.host} (process {holder.pid}), for {age(holder.since, now)}"
    stands_by = ""
    if holder.standby_host and holder.standby_seen_at:
        stands_by = f"; {holder.standby_host} stood by {age(holder.standby_seen_at, now)} ago"
    ticks = holder.until > now
    found = f"ticks on {since}" if ticks else f"last ticked {age(holder.seen_at, now)} ago: {since}"
    return Finding(
        "beat", ok=ticks, found=found + stands_by, why=why, mend=None if ticks else _NOBODY_WORKS
    )


def _due(house: House) -> Finding:
    now = house.clock()
    with house.database.read() as session:
        found = waiting(session, now=now, grace=_LEFT_BEHIND)
    late = found.oldest is not None and now - found.oldest > _LATE
    said = "nothing is due"
    if found.oldest is not None:
        said = f"{found.due} due, the oldest for {age(found.oldest, now)}"
    if found.left_behind:
        said += f"; {found.left_behind} claimed by somebody who is gone"
    ok = not late and not found.left_behind
    return Finding(
        "deliveries",
        ok=ok,
        found=said,
        why="alerts are late",
        mend=None if ok else _NOBODY_WORKS,
    )


def _queues(settings: Settings) -> list[Finding]:
    client = None
    try:
        client = broker_client(settings, timeout=2)
        lengths = {name: int(str(client.llen(GLOBAL_PREFIX + name))) for name in queues.QUEUES}
    except (RedisError, OSError, ValueError):
        return []  # said where the broker is looked at
    finally:
        if client is not None:
            client.close()
    long = [name for name, length in lengths.items() if length > _LONG_QUEUE]
    return [
        Finding(
            "queues",
            ok=not long,
            urgent=False,
            found=", ".join(f"{name} {length}" for name, length in lengths.items()),
            why="hints come faster than workers take them: alerts are late",
            mend=f"more workers: ALERTA_CONCURRENCY, or alerta worker --queue {long[0]}"
            if long
            else None,
        )
    ]
