"""`python -m worker.reception`: what the daemon runs to answer support's commands."""

from __future__ import annotations

from config.settings import load_settings
from worker import logs
from worker.reception.answering import Reception


def main() -> None:
    """Answer until SIGTERM or SIGINT."""
    settings = load_settings()
    logs.configure(settings)
    Reception(settings).serve()


if __name__ == "__main__":
    main()
