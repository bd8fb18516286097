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
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

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
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, *_chain()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _chain() -> list[Any]:
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [clean, stamp, plain if sys.stderr.isatty() else structlog.processors.JSONRenderer()]


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


@cache
def temporal_runtime() -> Runtime:
    """Temporal's core, its log handed to ours. The fields of its lines are left out: they quote failures whole."""
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"), append_log_fields_to_message=False)
    quiet = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=quiet, forwarding=forwarding)))
