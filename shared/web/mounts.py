"""A service as it is put on an app: its routes, its tools, and what it can say about itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import UnauthenticatedError

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from shared.auth import Principal
    from shared.clock import Clock
    from shared.settings import Settings
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


class Secrets(Protocol):
    """Where a service's or the console's own secrets come from."""

    def secret(self, purpose: str) -> bytes:
        """Return a secret that is the same in all processes of the service."""


class Ground(Protocol):
    """What the web side itself needs; ``shared.service.Tools`` is one, and so is what the console has."""

    @property
    def settings(self) -> Settings:
        """The installation's settings."""

    @property
    def clock(self) -> Clock:
        """The clock that ``call.now`` goes by."""

    @property
    def keys(self) -> Secrets:
        """The service's keys."""


def nobody(_token: str, _now: datetime) -> Principal:
    """Know no token: for what is mounted without an API."""
    raise UnauthenticatedError("No token is taken here.")


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One service on an app, under ``/<name>``.

    ``tools`` are the service's Tools where it has ``apis``. ``authenticate`` turns a token and the time into a
    Principal or raises UnauthenticatedError. ``checks`` raise when the part they are named for is not ready.
    ``metrics`` and ``policy`` are read at each call. ``cookies`` are those it may set, as the policy registers them.
    ``restoring`` says whether stored data is being put right after a restore. ``extend`` does with the Flask app
    what only Flask can, for the console: extensions, blueprints, sessions.
    """

    name: str
    tools: Ground
    apis: Sequence[Api] = ()
    authenticate: Authenticate = nobody
    templates: Path | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    metrics: Callable[[], Iterable[Sample]] = tuple
    policy: Callable[[], Mapping[str, Any]] | None = None
    cookies: Collection[str] = ()
    restoring: Callable[[], bool] = bool
    extend: Callable[[Flask], None] | None = None

    @cached_property
    def secret(self) -> bytes:
        """What cursors and rate counters are keyed with."""
        return self.tools.keys.secret("web")
