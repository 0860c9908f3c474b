"""Log lines as JSON on standard error: names and numbers, never what a person gave in confidence."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from contextvars import ContextVar
from typing import Any

from shared.clock import system_clock, utc_text

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The W3C trace context of the call or delivery being worked on."""


_AS_JSON = json.JSONEncoder(default=str)
"""In ASCII, so that no letter can break a line."""


class JsonLines(logging.Formatter):
    """One JSON object a line; of an exception only its type and its frames, since messages hold values."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; ``extra={"fields": {...}}`` adds fields that the caller knows to be safe."""
        line: dict[str, Any] = {
            "time": utc_text(system_clock()),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if trace := traceparent.get():
            line["traceparent"] = trace
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__qualname__
            line["frames"] = [
                f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return _AS_JSON.encode(line)


class WithoutRequests(logging.Filter):
    """Takes out of gunicorn's own lines what it repeats of a request, and the address of whoever sent it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, without what may be somebody's."""
        message = str(record.msg)
        if message.startswith("Invalid request from"):
            record.msg, record.args = "What came was no request as HTTP has them.", ()
        elif message.startswith(("Error handling request", "Socket error processing request")):
            kind = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
            record.msg, record.args, record.exc_info = "Error handling a request: %s", (kind and kind.__name__,), None
        return True


def configure_logging(level: str = "INFO") -> None:
    """Send every line, and every exception nobody caught, to standard error in this form; safe to do again."""
    # What our lines do not say is not found out for each of them (Logging HOWTO, "Optimization").
    logging._srcfile, logging.logThreads, logging.logMultiprocessing = None, False, False  # noqa: SLF001
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    sys.excepthook = lambda *exception: _uncaught(exception)
    threading.excepthook = lambda thread: _uncaught((thread.exc_type, thread.exc_value, thread.exc_traceback))
    # Their own lines repeat URLs, which may hold an address.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # And seven lines for every connection that failed; ours says it in one.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def _uncaught(exception: Any) -> None:
    logging.getLogger(__name__).critical("nobody caught an exception", exc_info=exception)
