"""Which processes make up the daemon, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from config.settings import Settings
from tasks import queues
from worker.reception.wire import is_known_here
from worker.starting import only_daemon, require_broker, require_home
from worker.supervisor import Child, Supervisor
from worker.valkey import EmbeddedValkey

_CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "worker.app:app")


def worker_children(settings: Settings, names: Sequence[str] = queues.QUEUES) -> list[Child]:
    """This function will describe one worker per queue: none can fill the children of another."""
    return [
        Child(
            name=f"worker {name}",
            says_ready=True,
            command=[
                *_CELERY,
                "worker",
                "--queues",
                name,
                "--hostname",
                f"{name}@%h",
                "--concurrency",
                str(queues.children_of(name, settings.concurrency)),
                "--without-gossip",
                "--without-mingle",
                "--loglevel",
                settings.log_level,
            ],
        )
        for name in names
    ]


def port_children(settings: Settings) -> list[Child]:
    """This function will describe the port for machines, if one is wanted."""
    if settings.http is None:
        return []
    return [Child(name="port", command=[sys.executable, "-m", "worker", "port"])]


def reception_children(settings: Settings) -> list[Child]:
    """This function will describe who answers support's commands, if somebody is to."""
    if not settings.reception or not is_known_here():
        return []
    # The daemon is well without it: commands do their work themselves then.
    return [Child(name="reception", command=[sys.executable, "-m", "worker.reception"])]


def beat_child(settings: Settings) -> Child:
    """This function will describe beat, of which one at a time ticks; it keeps nothing on disk."""
    return Child(
        name="beat",
        says_ready=True,
        command=[
            *_CELERY,
            "beat",
            "--scheduler",
            "worker.beat:LeasedScheduler",
            "--pidfile",
            "",
            "--loglevel",
            settings.log_level,
        ],
    )


def web_child() -> Child:
    """This function will describe the pages that customers reach from a message."""
    return Child(name="web", command=[sys.executable, "-m", "worker", "web"])


def run(settings: Settings, children: Sequence[Child], parts: Sequence[str]) -> None:
    """This function will run processes, with the embedded Valkey if that is the broker.

    Args:
        settings: of this process.
        children: what to run.
        parts: what they do: "beat" and names of queues.

    Raises:
        NotReadyError: if the folder, the broker or another daemon stands in the way.
        ValkeyError: if the embedded Valkey does not start.
    """
    require_home(settings)
    require_broker(settings)
    with only_daemon(settings, parts):
        valkey = EmbeddedValkey(settings.home) if settings.embedded_broker else None
        if valkey is None:
            Supervisor(children).run()
            return
        try:
            valkey.start()
            Supervisor(children, tend=valkey.keep).run()
        finally:
            valkey.stop()
