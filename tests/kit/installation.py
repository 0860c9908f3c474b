"""A whole installation in one process, on real databases, moved step by step by the test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services import registry
from shared.composition import build_applier, build_tools
from shared.database import Base, Database
from shared.keys import make_trial_keys
from shared.messaging.embedded import EmbeddedMover
from shared.messaging.tables import incarnations
from shared.propagation.composition import complete
from shared.propagation.worker import ObligationWorker
from shared.service import Service
from shared.settings import SERVICES, Settings
from shared.vault import KeyBase

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    """Services with their tools, and the loops' work as calls."""

    home: Path
    services: Mapping[str, Service]
    clock: Hands = field(default_factory=Hands)
    environ: Mapping[str, str] = field(default_factory=dict)
    tools: dict[str, Tools] = field(init=False)

    def __post_init__(self) -> None:
        """Make keys and databases, and put the tools together."""
        settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(self.home), **self.environ})
        make_trial_keys(settings.keys, SERVICES)
        self.settings = settings
        self.tools = {name: self._tools(name) for name in self.services}
        self._mover = EmbeddedMover(
            {name: tools.database for name, tools in self.tools.items()},
            registry.subscriptions(self.services),
            self.clock,
        )

    def _tools(self, name: str) -> Tools:
        for url in (self.settings.database_url(name), self.settings.key_database_url(name)):
            if url.startswith("sqlite:///"):
                (self.home / url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        tools = build_tools(self.settings, name, clock=self.clock)
        Base.metadata.create_all(tools.database.engine())
        self.services[name].metadata.create_all(tools.database.engine())
        KeyBase.metadata.create_all(Database(self.settings.key_database_url(name)).engine())
        with tools.database.transaction() as session:
            if session.scalar(sa.select(incarnations.c.id).limit(1)) is None:
                session.execute(sa.insert(incarnations).values(id=f"first-{name}", started_at=self.clock()))
        return tools

    def settle(self, rounds: int = 50) -> None:
        """Move, apply and carry out until nothing is left to do now."""
        for _ in range(rounds):
            if not any([self.move(), self.apply(), self.work()]):
                return
        raise AssertionError("it does not come to rest")

    def move(self) -> int:
        """Carry every outbox away once."""
        return sum(self._mover.move(name) for name in self.services)

    def apply(self) -> int:
        """Apply every inbox once."""
        return sum(build_applier(service, self.tools[name]).apply() for name, service in self.services.items())

    def work(self) -> bool:
        """Carry out one obligation of each service."""
        workers = [ObligationWorker(service, self.tools[name]) for name, service in self.services.items()]
        return any([worker.work() for worker in workers])  # noqa: C419 - each has its turn


def bare_service(name: str, **parts: object) -> Service:
    """Return a service that holds nothing but what the test gives it."""
    return complete(replace(Service(name=name, metadata=sa.MetaData()), **parts))  # type: ignore[arg-type]
