"""What a played processor does later: one thread, jobs by their time."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("services.sandbox")


class Background:
    """Runs jobs one after another, each not before its time; closing it forgets those that are left."""

    def __init__(self) -> None:
        """Start the thread, which ends with the program."""
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = self._busy = False
        threading.Thread(target=self._run, name="sandbox-background", daemon=True).start()

    def schedule(self, seconds: float, job: Callable[[], None]) -> None:
        """Run `job` after so many seconds."""
        with self._changed:
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._order), job))
            self._changed.notify()

    def clear(self) -> None:
        """Forget every job that has not begun."""
        with self._changed:
            self._jobs.clear()

    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        with self._changed:
            return not self._jobs and not self._busy

    def close(self) -> None:
        """Forget every job and end the thread."""
        with self._changed:
            self._jobs.clear()
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:
                log.exception("A job of the sandbox failed.")
            finally:
                self._busy = False

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                wait = self._jobs[0][0] - time.monotonic() if self._jobs else None
                if wait is not None and wait <= 0:
                    self._busy = True
                    return heapq.heappop(self._jobs)[2]
                self._changed.wait(wait)
            return None
