"""The access log: one line a call, with the route's template and never what stood in its place."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING

from flask import g, request

from shared.log import traceparent

if TYPE_CHECKING:
    from flask import Flask, Response

LOG = logging.getLogger("services.access")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def trace_calls(app: Flask) -> None:
    """Give every call a trace context of its own (W3C), and log it when answered."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def keep_trace() -> None:
    """Go on with the trace that a caller brought, if it is one: for callers we know.

    It stands in logs and events for years, and its 48 digits are room enough for a telephone number: not
    everybody may write there.
    """
    given = request.headers.get("traceparent", "")
    if TRACEPARENT.fullmatch(given):
        traceparent.set(given)


def _begin() -> None:
    g.started = time.perf_counter()
    traceparent.set(f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")


def _forget(_error: BaseException | None) -> None:
    """Let the thread say nothing of this call in what it does next."""
    traceparent.set(None)


def _end(response: Response) -> Response:
    trace = traceparent.get() or ""
    response.headers["X-Request-Id"] = trace[3:35]
    LOG.info(
        "answered",
        extra={
            "fields": {
                "method": request.method if request.method in METHODS else "other",
                "route": request.url_rule.rule if request.url_rule else "none",
                "status": response.status_code,
                "milliseconds": round((time.perf_counter() - g.started) * 1000, 1),
            }
        },
    )
    return response
