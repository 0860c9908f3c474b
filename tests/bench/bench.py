"""What every row is given: how often to measure, on what, the servers of this run, and a place for files."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.servers.postgresql import Databases, PostgreSQL
from tests.servers.rabbitmq import RabbitMQ, VirtualHosts

SHOWN = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Bench:
    """One run; servers start when a row first asks for them, and end with the run."""

    pairs: int
    quick: bool
    databases: Collection[str]
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def setups(self) -> list[str]:
        """The whole set-ups that use these databases."""
        return [
            name
            for name, database in (("embedded", "sqlite"), ("distributed", "postgresql"))
            if database in self.databases
        ]

    def close(self) -> None:
        """End the servers and remove the files."""
        self._stack.close()

    def number(self, full: int) -> int:
        """Return how many of something to take: a tenth in a quick run."""
        return max(1, full // 10) if self.quick else full

    def directory(self) -> Path:
        """Return a new directory, on the disk that the servers have as well."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="discreet-bench-")))

    @cached_property
    def postgres(self) -> PostgreSQL:
        """The database server."""
        return self._stack.enter_context(PostgreSQL())

    @cached_property
    def broker(self) -> RabbitMQ:
        """The broker."""
        return self._stack.enter_context(RabbitMQ())

    def database(self) -> str:
        """Make an empty database on the server and return its URL."""
        return Databases(self.postgres.url).create()

    def virtual_host(self) -> str:
        """Make an empty virtual host on the broker and return its URL."""
        return VirtualHosts(self.broker.url, self.broker.management_url).create()

    def say(self, text: str) -> None:
        """Tell whoever waits how far we are."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201
