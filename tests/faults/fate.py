"""What happens to a process while it works: it dies between two commits, or is held in the middle of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.database import Database


class Died(BaseException):
    """The process is gone; nothing that catches errors catches this."""


@dataclass
class Fate:
    """When whoever works now dies: at so many commits and calls from here; never, with None."""

    left: int | None = None
    written: set[str] = field(default_factory=set)
    """The services that wrote something since somebody looked."""

    def tick(self) -> None:
        """Come by a place where a process can die."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Died

    def rule(self, service: str, database: Database) -> None:
        """Have it before every commit of a service's database. What was committed before stays, as it would."""

        def before_commit(_connection: sa.Connection) -> None:
            self.tick()
            self.written.add(service)

        sa.event.listen(database.engine("write"), "commit", before_commit)


@dataclass
class Slow:
    """A step in a thread of its own, that stands still at a gate until it is let go."""

    gate: Gate
    thread: Thread

    @classmethod
    def begin(cls, gate: Gate, step: Callable[[], object]) -> Slow | None:
        """Start a step; return it once it stands at the gate, or None when it came to an end without."""

        def run() -> None:
            try:
                step()
            finally:
                gate.paused.set()

        thread = Thread(target=run)
        thread.start()
        assert gate.paused.wait(30)
        if gate.reached:
            return cls(gate, thread)
        thread.join()
        return None

    def let_go(self) -> None:
        """Have it go on to its end."""
        self.gate.go_on.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


@dataclass
class Gate:
    """A place in a call, ``before`` or ``after`` the act, where it is held up."""

    when: str
    reached: bool = False
    paused: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def come_by(self, when: str) -> None:
        """Stand still here, if this is the place."""
        if when == self.when and not self.reached:
            self.reached = True
            self.paused.set()
            assert self.go_on.wait(60)
