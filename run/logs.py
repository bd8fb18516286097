"""Structured logs on standard error: references, never names or words of a complaint.

Our own events and the libraries' records go the same way: an error is told by its kinds and places without its words,
every value is masked by its shape, and no value can begin a line.
"""

import logging
import sys
import threading
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import structlog
from opentelemetry import trace
from temporalio import activity, workflow
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from activities.counting import LATENESS
from complaints.frames import frames, kind
from run import redact

Event = MutableMapping[str, Any]
stamp = structlog.processors.TimeStamper(fmt="iso")


def configure(level: str) -> None:
    """One line for each event, for our own logs and the libraries'."""
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Records())
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    logging.raiseExceptions = False  # a record that cannot be written would be printed with all it holds
    logging.captureWarnings(True)
    sys.excepthook = lambda _, error, __: _unhandled(error)
    threading.excepthook = lambda caught: _unhandled(caught.exc_value)
    sys.unraisablehook = lambda caught: _unhandled(caught.exc_value)
    structlog.configure(
        processors=[structlog.processors.add_log_level, *_chain()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _chain() -> list[Any]:
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    placed = [structlog.contextvars.merge_contextvars, of_process, of_trace]
    return [*placed, clean, stamp, plain if sys.stderr.isatty() else structlog.processors.JSONRenderer()]


def of_process(_: Any, __: str, event: Event) -> Event:
    """With the case whose activity or workflow speaks; its ID is the reference."""
    if activity.in_activity():
        event.setdefault("reference", activity.info().workflow_id)
    elif workflow.in_workflow():
        event.setdefault("reference", workflow.info().workflow_id)
    return event


def of_trace(_: Any, __: str, event: Event) -> Event:
    """With the trace that is being written, if one is."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
    return event


def clean(_: Any, __: str, event: Event) -> Event:
    """The event without words of errors, masked; the processor that everything goes through."""
    error = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if error:
        found = (
            error if isinstance(error, BaseException) else (error if isinstance(error, tuple) else sys.exc_info())[1]
        )
        if found is not None:
            event["error"] = frames(found)
    return {redact.text(name): redact.value(value, name) for name, value in event.items()}


class _Records(logging.Formatter):
    """The records of libraries as events of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        event: Any = {"event": said(record), "level": record.levelname.lower(), "logger": record.name}
        event["exc_info"] = record.exc_info
        for step in _chain():
            event = step(None, record.levelname.lower(), event)
        return str(event)


def said(record: logging.LogRecord) -> str:
    """What a library says, without the words of the errors it quotes."""
    if isinstance(record.msg, BaseException):
        return kind(record.msg)
    if record.name == "py.warnings":  # a warning may quote the value it is about: its place and kind are left
        return ":".join(record.getMessage().split(":")[:3])
    arguments = record.args
    if isinstance(arguments, tuple):
        arguments = tuple(kind(a) if isinstance(a, BaseException) else a for a in arguments)
    try:
        message = str(record.msg) % arguments if arguments else str(record.msg)
    except (TypeError, ValueError, KeyError):
        message = str(record.msg)
    # The first line says what has happened. Below it, asyncio and others quote errors, tasks and source lines.
    return message.splitlines()[0] if message else ""


def _unhandled(error: BaseException | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt):
        return
    structlog.get_logger().critical("unhandled", exc_info=error)


BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)


@cache
def temporal_runtime(metrics: str | None = None) -> Runtime:
    """Temporal's core, its log handed to ours. The fields of its lines are left out: they quote failures whole.

    `metrics`: address and port at which it serves its figures, and ours of the worker, to Prometheus.
    """
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"), append_log_fields_to_message=False)
    quiet = TelemetryFilter(core_level="WARN", other_level="ERROR")
    served = metrics and PrometheusConfig(
        bind_address=metrics,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides={LATENESS: BUCKETS},
    )
    telemetry = TelemetryConfig(
        logging=LoggingConfig(filter=quiet, forwarding=forwarding),
        metrics=served or None,
        attach_service_name=False,
    )
    try:
        return Runtime(telemetry=telemetry)
    except ValueError as error:  # the port is taken, or the address is not this machine's
        raise RuntimeError(f"AMENDS_METRICS_PORT: {error}") from None
