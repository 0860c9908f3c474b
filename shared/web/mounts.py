"""A service as it is put on an app: its routes, its tools, and what it can say about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from shared.auth import Principal
    from shared.service import Tools
    from shared.web.routes import Api

Check = Callable[[], None]
Authenticate = Callable[[str, datetime], "Principal"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number for /metrics; ``name`` and the values of ``labels`` come from code, never from a person."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    kind: str = "gauge"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One service on an app, under ``/<name>``.

    ``secret`` is the same in all processes of the service; cursors and rate counters are keyed with it.
    ``authenticate`` turns a token and the time into a Principal or raises UnauthenticatedError. ``checks``
    raise when the part they are named for is not ready. ``metrics`` and ``policy`` are read at each call.
    ``restoring`` says whether stored data is being put right after a restore. ``extend`` does with the
    Flask app what only Flask can, for the console: extensions, blueprints, sessions.
    """

    name: str
    tools: Tools
    apis: Sequence[Api]
    secret: bytes
    authenticate: Authenticate
    templates: Path | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    metrics: Callable[[], Iterable[Sample]] = tuple
    policy: Callable[[], Mapping[str, Any]] | None = None
    restoring: Callable[[], bool] = bool
    extend: Callable[[Flask], None] | None = None
