"""Loops that work while there is work, wait for a bell, back off from trouble, and show that they live."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.backoff import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from shared.bell import Bell, Work

POLL = 1.0  # seconds; the net under every wake-up
LONGEST_PAUSE = timedelta(seconds=30)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Loop:
    """Calls ``step`` until it says that nothing was left to do, then waits for the bell.

    ``work`` names the kinds of work that it waits for; without a name, it is any.

    A heartbeat older than ``patience`` seconds means that the loop hangs, and its process ends itself so
    that its parent starts a new one; ``patience`` is longer than the longest step.
    """

    name: str
    step: Callable[[], bool]
    bell: Bell
    work: tuple[Work, ...] = ()
    patience: float = 600
    poll: float = POLL
    beat: float = field(default_factory=time.monotonic)
    failures: int = 0

    def run(self, stop: threading.Event) -> None:
        """Go round until ``stop`` is set."""
        heard = 0
        while not stop.is_set():
            self.beat = time.monotonic()
            try:
                worked = self.step()
                self.failures = 0
            except Exception as error:  # noqa: BLE001 - a loop outlives whatever happens in a step
                self._back_off(error, stop)
                continue
            if not worked:
                heard = self.bell.wait(heard, self.poll, *self.work)

    def _back_off(self, error: Exception, stop: threading.Event) -> None:
        self.failures += 1
        _log.error("a loop failed", exc_info=error, extra={"fields": {"loop": self.name, "failures": self.failures}})
        stop.wait(pause(self.failures, LONGEST_PAUSE).total_seconds())


class Crew:
    """Has one thread look for work, and wait for the bell, while others do what they found; then these look.

    Each of them looking for itself would ask the database at every ring what the others ask. ``find`` returns what
    is to be done, or None.
    """

    def __init__(self, find: Callable[[], Callable[[], object] | None], bell: Bell, work: Work) -> None:
        self._find = find
        self._bell = bell
        self._work = work
        self._looking = threading.Lock()
        self._heard = 0

    def loops(self, name: str, size: int) -> list[Loop]:
        """Return a loop for each of the crew."""
        return [Loop(f"{name} {number}", self._step, self._bell) for number in range(size)]

    def _step(self) -> bool:
        """Never says that nothing was left to do: whoever looks also waits."""
        if not self._looking.acquire(timeout=POLL):
            return True
        try:
            found = self._find()
            if found is None:
                self._heard = self._bell.wait(self._heard, POLL, self._work)
        finally:
            self._looking.release()
        if found is not None:
            found()
            self._bell.ring(self._work)  # what had to come after it may be due now
        return True


def run_all(loops: Sequence[Loop], stop: threading.Event, pulse: Path | None = None) -> None:
    """Run each loop in a thread of its own until ``stop`` is set; end the process when one of them hangs.

    ``pulse`` is a file that is touched every second for whoever watches the process from outside.
    """
    threads = [threading.Thread(target=loop.run, args=(stop,), name=loop.name, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    while not stop.wait(1):
        for loop in loops:
            if time.monotonic() - loop.beat > loop.patience:
                _log.critical("a loop hangs; its process ends", extra={"fields": {"loop": loop.name}})
                os._exit(70)
        if pulse is not None:
            pulse.touch()
    for loop in loops:
        loop.bell.ring()
    for thread in threads:
        thread.join(timeout=20)
