"""This machine: what is set, who can read our files, room on the disk, time zones."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import zoneinfo
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from config.keys import KEY_FILE
from config.permissions import others_can_read
from config.settings import PREFIX, Settings, secret_names
from worker.doctor.finding import Finding
from worker.reception import asking as reception

#: Bytes. Below the first, nothing is to be relied on; below the second, a busy day may fill it.
_FULL, _NEARLY_FULL = 64 * 1024**2, 512 * 1024**2
_SECRETS_LEAK = "whoever reads it can read every customer's address and send in the ISP's name"
#: Years after which rules of time zones are taken for old; they change several times a year.
_OLD_ZONES = 2
#: File systems on which locks are not to be relied on (sqlite.org/howtocorrupt.html, 2.1).
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs"})


def look_here(settings: Settings, zones: Iterable[str], *, now: datetime) -> list[Finding]:
    """This function will look at this machine, without the network.

    Args:
        settings: of this process.
        zones: of the ISPs.
        now: the present.
    """
    return [
        _settings(settings),
        *_files(settings),
        *_disk(settings),
        _zones(zones, now),
        _reception(settings),
    ]


def _reception(settings: Settings) -> Finding:
    """Say whether commands of support are answered by the daemon on this machine."""
    answers = reception.answers(settings.home)
    if answers is None:
        found = "none is open on this machine: each command does its work itself"
    else:
        found = "open: it answers support's commands" if answers else "it does not answer"
    return Finding(
        "reception",
        ok=answers is not False,
        urgent=False,
        found=found,
        why="support waits a second or two longer for each command",
        mend=None if answers is not False else "restart the daemon; its log says what happened",
    )


def _settings(settings: Settings) -> Finding:
    lines = []
    for name in sorted(type(settings).model_fields):
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = masked(value.get_secret_value()) if name.endswith("url") else "…"
        given = name in settings.model_fields_set
        lines.append(f"{PREFIX}{name.upper()}={value}{'' if given else ' (default)'}")
    return Finding("settings", ok=True, found="\n".join(lines))


def masked(url: str) -> str:
    """Return a URL without user, password and options, which may hold them, too."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{place}"


def _files(settings: Settings) -> list[Finding]:
    found = []
    home = settings.home
    if home.exists():
        mode = home.stat().st_mode & 0o777
        closed = not mode & 0o077
        found.append(
            Finding(
                "ALERTA_HOME",
                ok=closed,
                urgent=False,
                found=f"{home} is for its owner only" if closed else f"{home} has mode {mode:o}",
                why=None if closed else _SECRETS_LEAK,
                mend=None if closed else f"chmod 700 {home}",
            )
        )
        if not os.access(home, os.W_OK | os.X_OK):
            why = "nothing can be kept: no database, no key, no PDFs"
            mend = f"chown -R {os.environ.get('USER', 'alerta')} {home}, or mount it writable"
            found.append(
                Finding("ALERTA_HOME", ok=False, found="is read-only for us", why=why, mend=mend)
            )
    files = {KEY_FILE: home / KEY_FILE, "alerta.db": home / "alerta.db"}
    for name in secret_names():
        variable = f"{PREFIX}{name.upper()}_FILE"
        if given := os.environ.get(variable):
            files[variable] = Path(given)
    open_ones = [(name, path) for name, path in files.items() if others_can_read(path)]
    found += [
        Finding(
            name,
            ok=False,
            found=f"others can read {path}",
            why=_SECRETS_LEAK,
            mend=f"chmod 600 {path}",
        )
        for name, path in open_ones
    ]
    if not open_ones:
        there = [name for name, path in files.items() if path.exists()]
        found.append(
            Finding("secret files", ok=True, found=f"closed to others: {', '.join(there) or '–'}")
        )
    return found


def _disk(settings: Settings) -> list[Finding]:
    folders = {"disk of ALERTA_HOME": settings.home}
    path = settings.database.partition("sqlite:///")[2]
    if path and Path(path).parent.resolve() != settings.home.resolve():
        folders["disk of the database"] = Path(path).parent
    found = []
    for what, folder in folders.items():
        if not folder.exists():
            continue
        free = shutil.disk_usage(folder).free
        found.append(
            Finding(
                what,
                ok=free >= _NEARLY_FULL,
                urgent=free < _FULL,
                found=f"{free / 1024**2:,.0f} MB free",
                why="an alert that cannot be written down is not sent",
                mend=f"make room: du -xh {folder} | sort -h | tail",
            )
        )
    if path and (kind := _file_system(Path(path).parent)) in _NETWORK_FILE_SYSTEMS:
        why = "locks are not reliable there: the database may be destroyed"
        mend = "move it to a local disk, or use PostgreSQL (ALERTA_DATABASE_URL)"
        kind_found = f"SQLite lies on a network file system ({kind})"
        found.append(
            Finding("disk of the database", ok=False, found=kind_found, why=why, mend=mend)
        )
    return found


def _file_system(folder: Path) -> str | None:
    """Return the kind of file system that a folder lies on, where Linux says so."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    folder = folder.resolve()
    best: tuple[int, str] | None = None
    for line in mounts:
        _, place, kind, *_ = line.split(" ")
        at = Path(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), place))
        if (at == folder or at in folder.parents) and (best is None or len(at.parts) >= best[0]):
            best = (len(at.parts), kind)
    return best[1] if best else None


def _zones(zones: Iterable[str], now: datetime) -> Finding:
    why = "alerts would leave at a wrong hour, or on a wrong day"
    missing = []
    for name in sorted(set(zones)):
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            missing.append(name)
    if missing:
        found = f"unknown: {', '.join(missing)}"
        mend = "pip install --upgrade tzdata"
        return Finding("time zones", ok=False, found=found, why=why, mend=mend)
    version, source = _zones_version()
    year = re.match(r"(19|20)[0-9]{2}", version)
    current = year is not None and now.year - int(year[0]) < _OLD_ZONES
    return Finding(
        "time zones",
        ok=current,
        urgent=False,
        found=f"{version or 'of an unknown age'}, {source}",
        why=None if current else why,
        mend=None if current else "apt upgrade tzdata, or pip install --upgrade tzdata",
    )


def _zones_version() -> tuple[str, str]:
    """Return the version of the rules that Python goes by, and where they come from."""
    for folder in zoneinfo.TZPATH:
        if (Path(folder) / "UTC").exists():
            for name in ("tzdata.zi", "+VERSION"):
                path = Path(folder) / name
                if path.exists():
                    with path.open(encoding="utf-8") as file:
                        return file.readline().replace("# version", "").strip(), folder
            return "", folder
    return importlib.metadata.version("tzdata"), "the tzdata package"
