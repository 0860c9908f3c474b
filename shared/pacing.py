"""How much one write transaction does on SQLite, where everybody else who writes waits meanwhile; it is learned."""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECONDS = 0.02  # a longer write transaction would hold up the forms
ItemT = TypeVar("ItemT")


class Pace:
    """Remembers by kind how many were last done together and how long that took. Threads may share it."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[int, float]] = {}

    def slices(self, items: Sequence[ItemT], kind_of: Callable[[ItemT], str]) -> Iterator[Sequence[ItemT]]:
        """Cut off what there is time for, at least one: of a kind as many as took no longer before, or twice as many.

        What stands together is of one kind. Whoever goes through these knows what was not reached.
        """
        began, first = self._seconds(), True
        for kind, alike in groupby(items, kind_of):
            rest, done = list(alike), 0
            while rest:
                left = SECONDS - (self._seconds() - began)
                size = self._size(kind, left, done)
                if size < 1 and not first:
                    return
                wanted = max(1, size)
                some, rest = rest[:wanted], rest[wanted:]
                started = self._seconds()
                yield some
                self._learn(kind, len(some), self._seconds() - started, whole=first and len(some) == wanted)
                done += len(some)
                first = False

    def _size(self, kind: str, left: float, done: int) -> int:
        if kind not in self._known:
            return 1
        size, took = self._known[kind]
        return int(min(2 * max(size, done), size * left / took))

    def _learn(self, kind: str, size: int, took: float, *, whole: bool) -> None:
        """Few of them say little of how long many take: each call costs something, however much it does."""
        known, _ = self._known.get(kind, (0, 0.0))
        if whole or size >= known or took > SECONDS:
            self._known[kind] = (size, max(took, 1e-6))
