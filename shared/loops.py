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

    from shared.bell import Bell

POLL = 1.0  # seconds; the net under every wake-up
LONGEST_PAUSE = timedelta(seconds=30)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Loop:
    """Calls ``step`` until it says that nothing was left to do, then waits for the bell.

    A heartbeat older than ``patience`` seconds means that the loop hangs, and its process ends itself so
    that its parent starts a new one; ``patience`` is longer than the longest step.
    """

    name: str
    step: Callable[[], bool]
    bell: Bell
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
                heard = self.bell.wait(heard, self.poll)

    def _back_off(self, error: Exception, stop: threading.Event) -> None:
        self.failures += 1
        _log.error("a loop failed", exc_info=error, extra={"fields": {"loop": self.name, "failures": self.failures}})
        stop.wait(pause(self.failures, LONGEST_PAUSE).total_seconds())


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
