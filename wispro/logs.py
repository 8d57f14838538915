"""Keeps the addresses of our requests out of the logs of the libraries that make them."""

from __future__ import annotations

import logging


def quiet_http_logs() -> None:
    """Raise the loggers of httpx and httpcore to WARNING; the composition root calls this once.

    httpx logs every address at INFO with its query, and our filters are national ids and e-mails.
    Nothing here does it on import: a library that silences others behind their back is worse.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
