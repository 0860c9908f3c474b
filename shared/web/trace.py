"""The access log: one line a call, with the route's template and never what stood in its place."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING

from flask import request

from shared.log import traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    Write = Callable[[bytes], object]

LOG = logging.getLogger("services.access")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traced(app: WSGIApplication) -> WSGIApplication:
    """Give every call of an app a trace context of its own (W3C), say it in X-Request-Id, and log the answer."""

    def trace(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        digits = secrets.token_hex(24)
        traceparent.set(f"00-{digits[:32]}-{digits[32:]}-01")

        def start(status: str, headers: list[tuple[str, str]], failure: OptExcInfo | None = None) -> Write:
            trace_id = (traceparent.get() or "")[3:35]
            _log(environ["REQUEST_METHOD"], status, time.perf_counter() - began)
            return start_response(status, [*headers, ("X-Request-Id", trace_id)], failure)

        try:
            return app(environ, start)
        finally:
            # The thread is to say nothing of this call in what it does next.
            traceparent.set(None)

    return trace


def keep_trace() -> None:
    """Go on with the trace that a caller brought, if it is one: for callers we know.

    It stands in logs and events for years, and its 48 digits are room enough for a telephone number: not
    everybody may write there.
    """
    given = request.headers.get("traceparent", "")
    if TRACEPARENT.fullmatch(given):
        traceparent.set(given)


def _log(method: str, status: str, seconds: float) -> None:
    rule = request.url_rule
    LOG.info(
        "answered",
        extra={
            "fields": {
                "method": method if method in METHODS else "other",
                "route": rule.rule if rule else "none",
                "status": int(status[:3]),
                "milliseconds": round(seconds * 1000, 1),
            }
        },
    )
