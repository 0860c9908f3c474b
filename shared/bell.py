"""A bell in the process: whoever waits for work of some kind is woken without a poll."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Literal, get_args

Work = Literal["inbox", "outbox", "obligation", "mail"]
WORK: tuple[Work, ...] = get_args(Work)
ANY = ""


class Bell:
    """Counts its rings, so that one that rang while nobody listened is not missed; with it rings the one ``above``."""

    def __init__(self, above: Bell | None = None) -> None:
        self._above = above
        self._condition = threading.Condition()
        self._rings: Counter[str] = Counter()

    def ring(self, *work: Work) -> None:
        """Wake everybody who waits for these kinds of work; for none named, everybody."""
        with self._condition:
            self._rings.update((ANY, *(work or WORK)))
            self._condition.notify_all()
        if self._above is not None:
            self._above.ring(*work)

    def wait(self, heard: int, timeout: float, *work: Work) -> int:
        """Wait at most ``timeout`` seconds for a ring after ``heard``; return the count to hand in next time.

        Only rings for these kinds of work are counted; for none named, all rings are.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._count(work) != heard, timeout)
            return self._count(work)

    def _count(self, work: tuple[Work, ...]) -> int:
        return sum(self._rings[each] for each in work or (ANY,))
