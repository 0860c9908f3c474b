"""A bell in the process: whoever waits for work is woken without a poll."""

from __future__ import annotations

import threading


class Bell:
    """Counts its rings, so that one that rang while nobody listened is not missed; with it rings the one ``above``."""

    def __init__(self, above: Bell | None = None) -> None:
        self._above = above
        self._condition = threading.Condition()
        self._rings = 0

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()
        if self._above is not None:
            self._above.ring()

    def wait(self, heard: int, timeout: float) -> int:
        """Wait at most ``timeout`` seconds for a ring after ``heard``; return the count to hand in next time."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != heard, timeout)
            return self._rings
