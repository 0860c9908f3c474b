"""One clinic on each mover and each database, put back to a moment of the story, and processes that die in it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.messaging.rabbitmq.topology import queue_name
from shared.propagation.claiming import LEASE
from shared.settings import SERVICES
from tests.faults.failpoints.played import Book, services
from tests.faults.failpoints.story import ACTS, Story
from tests.kit.dying import live
from tests.kit.installation import Embedded, Hands, Installation, Mover, on_postgresql
from tests.kit.movers import Rabbit, load_definitions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.postgresql import Databases
    from tests.servers.rabbitmq import Management


@dataclass
class Server:
    """Databases of the clinic on a PostgreSQL, and a copy of them for each moment."""

    databases: Databases
    url: str
    kept: dict[str, str] = field(default_factory=dict)


@dataclass
class Broker:
    """A virtual host of the clinic."""

    management: Management
    url: str

    def purge(self) -> None:
        """Empty every queue of what a test that failed left behind."""
        vhost = self.url.rsplit("/", 1)[1]
        for name in SERVICES:
            self.management.call("DELETE", f"queues/{vhost}/{queue_name(name)}/contents")


@dataclass
class Setup:
    """A clinic in one directory; each process that lives in it opens it anew."""

    root: Path
    server: Server | None = None
    broker: Broker | None = None
    moments: dict[str, datetime] = field(default_factory=dict)
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Make the clinic, play the story once, and keep the moment before each act."""
        self.home = self.root / "home"
        self.home.mkdir()
        self._environ = on_postgresql(self.server.url) if self.server else {}
        urls = self._load_broker()
        self._moved_by = (lambda made: Rabbit(made, urls, wait=0.005)) if urls else Embedded
        self.now = Hands().now
        story = self._open(is_new=True)
        story.open()
        for act in ACTS:
            self._leave(story)
            self._keep(act)
            story = self.enter()
            story.play(act)
        self._leave(story)

    @property
    def mover(self) -> str:
        """What moves events here."""
        return "rabbitmq" if self.broker else "embedded"

    def enter(self) -> Story:
        """Open the clinic as a new process does."""
        return self._open(is_new=False)

    def look(self) -> Story:
        """Open it to look around: nothing moves meanwhile."""
        return self._open(is_new=False, moved_by=Embedded)

    def wait(self) -> None:
        """Let the lease of a process that died run out."""
        self.now += LEASE + timedelta(minutes=1)

    def put_back(self, act: str) -> None:
        """Put everything back to the moment before an act."""
        shutil.rmtree(self.home)
        shutil.copytree(self.root / act, self.home)
        if self.server:
            self.server.databases.put_back(self.server.url, self.server.kept[act])
        if self.broker:
            self.broker.purge()
        self.now = self.moments[act]

    def live(self, act: str, point: str, hit: int = 1) -> int:
        """Play an act in a process of its own that dies at a point; return how it ended."""
        return live(lambda: self.enter().play(act), point, hit)

    def _open(self, *, is_new: bool, moved_by: Callable[[Installation], Mover] | None = None) -> Story:
        book = Book(self.home / "book")
        made = Installation(
            self.home,
            services(book),
            clock=Hands(self.now),
            environ=self._environ,
            moved_by=moved_by or self._moved_by,
            is_new=is_new,
        )
        return Story(made, book)

    def _leave(self, story: Story) -> None:
        self.now = story.installation.clock()
        story.close()

    def _keep(self, moment: str) -> None:
        self.moments[moment] = self.now
        shutil.copytree(self.home, self.root / moment)
        if self.server:
            self.server.kept[moment] = copy = self.server.databases.create()
            self.server.databases.put_back(copy, self.server.url)

    def _load_broker(self) -> Callable[[str], str] | None:
        if self.broker is None:
            return None
        return load_definitions(services(Book(self.home / "book")), self.broker.management, self.broker.url)
