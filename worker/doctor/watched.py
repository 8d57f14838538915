"""What the doctor says of who watches over us: ticks, silences, heartbeats, the way to people."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from billing.delivery.providers import Accounts, standings
from billing.ports import DestinationError, SecretError
from billing.watch.heartbeats import Standing
from billing.watch.ticks import missing, ticking
from models.isp import Isp, Transport
from models.operator import OperatorChannel
from models.vigil import Vigil
from worker.doctor.finding import Finding
from worker.house import House

_START = "alerta up, or the service that runs it; then see its log"
#: Of the installation's own heartbeat: it is due each minute.
_LATE = timedelta(minutes=10)


def installation_findings(house: House) -> list[Finding]:
    """This function will say whether all work is being done, and whether somebody is told so."""
    now = house.clock()
    with house.database.read() as session:
        ticks = ticking(session)
    found = []
    if not ticks:
        found.append(Finding("work", ok=True, found="no daemon has run on this database yet"))
    else:
        rest = max(house.settings.tick, timedelta(minutes=1))
        silent = missing(ticks, now=now, rest=rest)
        words = ", ".join(
            f"{one.value} (last {_at(ticks[one].at)})" if one in ticks else one.value
            for one in silent
        )
        said = f"nobody does: {words}" if silent else "is looked, planned, sent and watched"
        found.append(Finding("work", ok=not silent, found=said, mend=_START if silent else None))
    stands = house.heartbeats.standing(None)
    if stands is not None:
        late = stands.pinged_at is None or now - stands.pinged_at > _LATE
        found.append(_heartbeat("heartbeat", stands, late=late, mend="ALERTA_HEARTBEAT_URL"))
    return found


def watch_findings(house: House, isp: Isp) -> list[Finding]:
    """This function will say who watches over an ISP, and what silence was found."""
    with house.database.read() as session:
        vigil = session.get(Vigil, isp.id)
        channels = session.scalars(
            select(OperatorChannel).where(OperatorChannel.isp_id == isp.id)
        ).all()
        transports = session.scalars(select(Transport).where(Transport.isp_id == isp.id)).all()
    found = []
    if vigil is not None and vigil.no_look_since is not None:
        since = _at(vigil.no_look_since)
        found.append(
            Finding(
                f"{isp.slug}: looks",
                ok=False,
                found=f"none was complete since {since}",
                mend=f"alerta sync {isp.slug}",
            )
        )
    if vigil is not None and vigil.no_send_at is not None:
        why = (vigil.no_send_why or "").replace("_", " ")
        found.append(
            Finding(
                f"{isp.slug}: sends",
                ok=False,
                found=f"alerts are due and none leaves, noticed {_at(vigil.no_send_at)} ({why})",
                mend=f"alerta alerts {isp.slug} --state planned",
            )
        )
    stands = house.heartbeats.standing(isp.slug)
    if stands is not None:
        mend = f"alerta isp heartbeat {isp.slug} URL"
        found.append(_heartbeat(f"{isp.slug}: heartbeat", stands, late=False, mend=mend))
    if channels and all(one.needs_transport for one in channels):
        found.append(_one_way(house, isp, {one.scheme for one in channels}, list(transports)))
    return found


def _one_way(house: House, isp: Isp, schemes: set[str], transports: list[Transport]) -> Finding:
    """Say that the operator is told over the very accounts that may be what is broken."""
    keys = {}
    for row in transports:
        if row.scheme in schemes:
            try:
                account = Accounts(house.vault, house.messenger).of_transport(row)
            except (DestinationError, SecretError):
                continue  # said where the sending account is looked at
            keys[account.key] = row.scheme
    with house.database.read() as session:
        known = standings(session, list(keys))
    now = house.clock()
    resting = sorted(keys[key] for key, one in known.items() if one.rests(now))
    over = ", ".join(sorted(schemes))
    found = f"is told over {isp.slug}'s own {over} only"
    if resting:
        found += f", and {', '.join(resting)} rests: nobody hears of trouble now"
    else:
        found += ": when that breaks, nobody hears of it"
    return Finding(
        f"{isp.slug}: operator's way",
        ok=not resting,
        found=found,
        mend=f"alerta isp operator {isp.slug} URL (a whole Apprise URL, such as ntfys://…)",
    )


def _heartbeat(what: str, stands: Standing, *, late: bool, mend: str) -> Finding:
    last = f"called last at {_at(stands.pinged_at)}" if stands.pinged_at else "not called yet"
    found = f"{stands.to} {last}"
    if stands.trouble is not None:
        return Finding(what, ok=False, found=f"{found}: {stands.trouble}", mend=f"check {mend}")
    return Finding(what, ok=not late, found=found, mend=_START if late else None)


def _at(instant: datetime) -> str:
    return f"{instant.astimezone():%Y-%m-%d %H:%M}"
