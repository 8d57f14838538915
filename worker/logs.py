"""One line per event, for people (console) or machines (JSON), never with a secret in it."""

from __future__ import annotations

import logging
import sys

import structlog

from config.settings import Settings

#: These print addresses, payloads or headers at lower levels.
_QUIET = ("httpx", "httpcore", "apprise", "kombu", "amqp", "urllib3")
#: Celery says three lines for each tick; ours is one for each unit of work that did something.
_CHATTY = ("celery.app.trace", "celery.worker.strategy", "celery.beat")


def configure(settings: Settings) -> None:
    """This function will send structlog and the standard library to one handler on stderr."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level]
        ),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in (*_QUIET, *_CHATTY):
        logging.getLogger(name).setLevel(logging.WARNING)
