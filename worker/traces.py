"""Traces over OTLP, if the operator wants them: nothing of it is even loaded otherwise.

Started in each child, after its fork, since the exporter has a thread. It never holds work up:
spans wait in a bounded queue, and what the collector does not take in five seconds is dropped.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from billing.spans import draw_by
from config.settings import Settings
from worker.errors import NotReadyError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

#: Seconds for the collector to take a batch.
TAKEN_WITHIN = 5


def require(settings: Settings) -> None:
    """This function will refuse to start where traces are wanted and cannot be sent.

    Raises:
        NotReadyError: saying what to do.
    """
    names = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    if settings.otel_endpoint is None:
        return
    try:
        there = all(find_spec(name) is not None for name in names)
    except ModuleNotFoundError:
        there = False
    if not there:
        raise NotReadyError(
            "ALERTA_OTEL_ENDPOINT needs more packages; run: pip install 'alerta-internet[otel]'"
        )


class Traces:
    """Draws the spans of this process, until it is closed.

    Args:
        settings: of this process; without an endpoint nothing is loaded or done.
        service: what the process calls itself.
    """

    def __init__(self, settings: Settings, *, service: str = "alerta") -> None:
        self._provider: TracerProvider | None = None
        if settings.otel_endpoint is None:
            return
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - see above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - see above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - see above

        # The standard variables (OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER) are read here.
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        exporter = OTLPSpanExporter(
            endpoint=f"{settings.otel_endpoint}/v1/traces", timeout=TAKEN_WITHIN
        )
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("alerta")

        def draw(name: str, attributes: dict[str, str | int]) -> AbstractContextManager[object]:
            # The text of an exception may quote what it failed on: its kind is enough.
            return tracer.start_as_current_span(
                name, attributes=attributes, record_exception=False, set_status_on_exception=False
            )

        self._provider = provider
        draw_by(draw)

    def close(self) -> None:
        """Send what waits, and draw no more."""
        if self._provider is not None:
            draw_by(None)
            self._provider.shutdown()
            self._provider = None
