"""Kills processes in an order that a seed decides, and sees to it that each comes back."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Self

import psutil

RARELY = {"rabbitmq": 0.5, "postgresql": 0.7, "web": 0.1}
"""What takes long to come back leaves fewer kills to the others: a server, and what falls over so often that its
parent waits longer each time (the one-machine web; its worker process comes back at once)."""
NOT_BACK = 0.05


class Killer:
    """Kills one after another until it is told to stop; ``killed`` counts them by name."""

    def __init__(self, victims: Mapping[str, Callable[[], None]], seed: int, pauses: tuple[float, float]) -> None:
        self.killed: Counter[str] = Counter()
        self.failure: Exception | None = None
        self._victims = victims
        self._chance = random.Random(seed)
        self._pauses = pauses
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._kill_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop when the last victim is back."""
        self._stop.set()
        self._thread.join()

    def run(self, seconds: float) -> None:
        """Go on for so long, or until a victim does not come back."""
        self._thread.join(seconds)

    def _kill_on(self) -> None:
        names = sorted(self._victims)
        weights = [RARELY.get(name, 1.0) for name in names]
        pause = 0.0
        while not self._stop.wait(pause):
            [name] = self._chance.choices(names, weights)
            try:
                self._victims[name]()
            except (psutil.Error, FileNotFoundError):  # it is not back yet from the last time: another one's turn
                pause = NOT_BACK
                continue
            except Exception as error:  # noqa: BLE001 - the test says what did not come back
                self.failure = error
                return
            self.killed[name] += 1
            pause = self._chance.uniform(*self._pauses)
