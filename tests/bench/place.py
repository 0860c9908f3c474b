"""An installation of all services on real servers, the programs that run on it, and what a turn puts into it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pika
import psutil
import sqlalchemy as sa

from services import registry
from shared.clock import system_clock
from shared.jobs import job_runs
from shared.messaging.rabbitmq.topology import queue_name
from shared.service import Tools
from tests.bench.bench import Bench
from tests.bench.events import empty
from tests.e2e.running import PROGRAMS, Program, plain_environ, processes_with
from tests.kit.installation import Installation, on_postgresql, told_only_what_they_had
from tests.kit.movers import load_definitions


class Running:
    """One process on a place: it can be held while work is laid out for it, and let go."""

    def __init__(self, place: Place, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._mark = f"DISCREET_BENCH={uuid.uuid4()}"
        key, _, value = self._mark.partition("=")
        directory = place.directory / "programs" / name
        self._program = Program(command, directory, plain_environ(**environ, **{key: value}))

    def start(self, ready: Callable[[str], bool]) -> None:
        """Start it and wait until it is ready; ``ready`` sees what it logged."""
        self._program.start(lambda: ready(self.log()))

    def log(self) -> str:
        """Return what it logged."""
        return self._program.log()

    def last_words(self) -> str:
        """Return the end of what it logged."""
        return self.log()[-2000:]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop it where it is, with its connections and locks, for a moment shorter than a heartbeat.

        What is laid out meanwhile must need nothing of it: a broker's queue, not its own database.
        """
        process = self.processes()[0]
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def processes(self) -> list[psutil.Process]:
        """Return it and its children, the oldest first."""
        return sorted(processes_with(self._mark), key=lambda each: each.create_time())

    def close(self) -> None:
        """End it."""
        self._program.close()


class Place:
    """Four services on one database, with or without a broker; a context manager."""

    def __init__(self, bench: Bench, database: str, *, broker: bool = False, **environ: str) -> None:
        self.bench = bench
        self.database = database
        self.directory = bench.directory()
        self.environ = {**told_only_what_they_had(self.directory), **environ}
        self.postgres_url = bench.database() if database == "postgresql" else ""
        if self.postgres_url:
            self.environ |= on_postgresql(self.postgres_url)
        self.installation = Installation(
            self.directory, services=registry.load_all(), clock=system_clock, environ=self.environ
        )
        self._running: list[Running] = []
        self.amqp_url = ""
        if broker:
            self.amqp_url = bench.virtual_host()
            self.url_of = load_definitions(self.installation.services, bench.broker.management, self.amqp_url)
            self.environ["DISCREET_AMQP_URL"] = self.url_of("{service}")

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what runs here."""
        for each in reversed(self._running):
            each.close()
        self.installation.close()

    @property
    def tools(self) -> Mapping[str, Tools]:
        """What the actions of each service use."""
        return self.installation.tools

    def run(
        self,
        name: str,
        command: Sequence[str],
        ready: Callable[[str], bool],
        environ: Mapping[str, str] | None = None,
    ) -> Running:
        """Start a program and wait until it is ready; without an ``environ`` it gets the installation's."""
        own = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(self.directory), **self.environ}
        running = Running(self, name, [str(PROGRAMS / command[0]), *command[1:]], own if environ is None else environ)
        self._running.append(running)
        running.start(ready)
        return running

    def worker(self, name: str) -> Running:
        """Start `discreet worker NAME` as it is; it is ready when it also hears from the broker."""
        running = self.run(f"worker-{name}", ["python", "-m", "services.worker", name], lambda log: '"working"' in log)
        if self.amqp_url:
            self.wait_for_consumer(queue_name(name))
        return running

    def plain_url(self) -> str:
        """Return the URL of a database of the same kind for a floor."""
        return self.bench.database() if self.postgres_url else f"sqlite:///{self.directory / 'plain.sqlite3'}"

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """Open a channel on the broker as an account that may do everything."""
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def wait_for_consumer(self, queue: str) -> None:
        """Wait until somebody consumes from a queue."""
        deadline = time.monotonic() + 60
        with self.channel() as channel:
            while channel.queue_declare(queue, passive=True).method.consumer_count == 0:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"nobody consumes from {queue}")
                time.sleep(0.05)

    def purge(self, *queues: str) -> None:
        """Empty queues."""
        with self.channel() as channel:
            for queue in queues:
                channel.queue_purge(queue)

    def count(self, service: str, query: sa.Select[tuple[int]]) -> int:
        """Count in a service's database."""
        with self.tools[service].database.reading() as session:
            return session.scalar(query) or 0

    def empty(self, service: str, *tables: sa.Table) -> None:
        """Empty tables of a service."""
        empty(self.tools[service].database, *tables)

    def no_jobs_now(self, service: str) -> None:
        """Write down that the timed jobs of a service have just run: a turn measures what comes in."""
        now = system_clock()
        jobs = self.installation.services[service].jobs
        with self.tools[service].database.transaction() as session:
            session.execute(sa.delete(job_runs))
            session.execute(sa.insert(job_runs), [{"job": job.name, "started_at": now} for job in jobs])
