"""What the libraries that make our requests may say in the logs, and what not."""

from __future__ import annotations

import logging


def quiet_http_logs() -> None:
    """Raise the loggers of httpx and httpcore to WARNING; the composition root calls this once.

    httpx logs every address at INFO with its query, and our filters are national ids and e-mails.
    Nothing here does it on import: a library that silences others behind their back is worse.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def quiet_retries() -> None:
    """Let stamina log no retry: it would name a wait of 0 s, since `transport.py` does the waiting.

    Whoever makes a client calls this, so that it is loaded only where Wispro is asked.
    """
    import stamina.instrumentation  # noqa: PLC0415

    stamina.instrumentation.set_on_retry_hooks(())
