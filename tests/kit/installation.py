"""A whole installation in one process, on real databases, moved step by step by the test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from services import registry
from services.sandbox import addresses
from shared.composition import build_applier, build_tools
from shared.database import Base
from shared.keys import make_trial_keys
from shared.messaging.embedded import EmbeddedMover
from shared.messaging.tables import incarnations
from shared.propagation.composition import complete
from shared.propagation.worker import ObligationWorker
from shared.service import Service
from shared.settings import CONFIG, ROOT, SERVICES, Settings
from shared.vault import KeyBase
from tests.kit.empty import make_empty, make_schemas, schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shared.service import Tools


@dataclass
class Hands:
    """A clock that the test turns."""

    now: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class Installation:
    """Services with their tools, and the loops' work as calls; one that is not new finds its databases made."""

    home: Path
    services: Mapping[str, Service]
    clock: Hands = field(default_factory=Hands)
    environ: Mapping[str, str] = field(default_factory=dict)
    moved_by: Callable[[Installation], Mover] = lambda installation: Embedded(installation)  # noqa: PLW0108 - below
    is_new: bool = True
    tools: dict[str, Tools] = field(init=False)

    def __post_init__(self) -> None:
        """Make keys and databases, and put the tools together."""
        settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(self.home), **self.environ})
        make_trial_keys(settings.keys, SERVICES)
        addresses.prepare(settings.home, settings.port + 1)
        self.settings = settings
        if self.is_new:
            make_empty(
                {
                    settings.database_url(name): (Base.metadata, service.metadata)
                    for name, service in self.services.items()
                }
                | {settings.key_database_url(name): (KeyBase.metadata,) for name in self.services}
            )
        self.tools = {name: self._tools(name) for name in self.services}
        self.mover = self.moved_by(self)

    def _tools(self, name: str) -> Tools:
        tools = build_tools(self.settings, name, clock=self.clock)
        if not self.is_new:
            return tools
        with tools.database.transaction() as session:
            if session.scalar(sa.select(incarnations.c.id).limit(1)) is None:
                session.execute(sa.insert(incarnations).values(id=f"first-{name}", started_at=self.clock()))
        return tools

    def settle(self, rounds: int = 200) -> None:
        """Move, apply and carry out until nothing is left to do now."""
        quiet = 0
        for _ in range(rounds):
            worked = any([self.mover.move(), self.apply(), self.work()])
            quiet = 0 if worked else quiet + 1
            if quiet >= self.mover.quiet_rounds:
                return
        raise AssertionError("it does not come to rest")

    def close(self) -> None:
        """Let go of connections."""
        self.mover.close()
        for tools in self.tools.values():
            tools.close()

    def apply(self) -> int:
        """Apply every inbox once."""
        return sum(build_applier(service, self.tools[name]).apply() for name, service in self.services.items())

    def work(self) -> bool:
        """Carry out one obligation of each service."""
        workers = [ObligationWorker(service, self.tools[name]) for name, service in self.services.items()]
        return any([worker.work() for worker in workers])  # noqa: C419 - each has its turn


class Mover(Protocol):
    """Carries events from every outbox to the inboxes that want them."""

    quiet_rounds: int
    """How many rounds without work mean that nothing is under way any more."""

    def move(self) -> bool:
        """Carry what is there; return whether anything was."""

    def close(self) -> None:
        """Let go of what it holds."""


class Embedded:
    """The embedded mover over all services of an installation."""

    quiet_rounds = 1

    def __init__(self, installation: Installation) -> None:
        databases = {name: tools.database for name, tools in installation.tools.items()}
        self._services = list(databases)
        self._mover = EmbeddedMover(databases, registry.subscriptions(installation.services), installation.clock)

    def move(self) -> bool:
        """Carry every outbox away once."""
        return any([self._mover.move(name) for name in self._services])  # noqa: C419 - each has its turn

    def close(self) -> None:
        """Nothing to let go of."""


def on_postgresql(url: str) -> dict[str, str]:
    """Return the environment of an installation in a PostgreSQL database that is there, with its schemas."""
    make_schemas(url)
    return schemas(url)


def told_only_what_they_had(directory: Path) -> dict[str, str]:
    """Return the environment of the trial register with nobody in it who is told always.

    Where nothing plays the processors, whoever is told would never answer.
    """
    text = (ROOT / CONFIG / "processors.trial.yaml").read_text(encoding="utf-8")
    assert "always: true" in text
    path = directory / "processors.yaml"
    path.write_text(text.replace("always: true", "always: false"), encoding="utf-8")
    return {"DISCREET_PROCESSORS": str(path)}


def bare_service(name: str, **parts: object) -> Service:
    """Return a service that holds nothing but what the test gives it."""
    return complete(replace(Service(name=name, metadata=sa.MetaData()), **parts))  # type: ignore[arg-type]
