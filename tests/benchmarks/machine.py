"""On what it was measured, and how much memory a process ever held."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import sys
from pathlib import Path

import psutil


def peak_mib() -> float:
    """Return the most memory (RSS) that this process ever held, in MiB.

    `getrusage` would count the parent's memory too, which a child holds between fork and exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


def describe(*, postgresql: str | None) -> dict[str, str]:
    """Describe this machine, without its name."""
    found = {
        "CPU": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()),
        "RAM": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    return found if postgresql is None else {**found, "PostgreSQL": postgresql}


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
