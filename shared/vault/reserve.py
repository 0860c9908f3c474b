"""Data keys reserved ahead: many in one commit, each given out once, and none kept for long."""

from __future__ import annotations

import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from shared.database import insert_all
from shared.errors import ConfigurationError
from shared.vault.ciphers import KEY_OCTETS
from shared.vault.masters import is_retired
from shared.vault.tables import data_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.clock import Clock
    from shared.database import Database
    from shared.keys.rings import KeyRing
    from shared.vault.masters import Masters

CHANCE_OCTETS = 8
SMALL, LARGE = 8, 64
"""How many keys a block has: few when the last one was not used up, so that a quiet service wastes little."""
LIFETIME = timedelta(hours=1)
"""How long a block is drawn from. Far less than the age at which a sweep takes a key for unused."""


class DataKey(NamedTuple):
    """A data key and its id."""

    key_id: str
    key: bytes


def elapsed() -> float:
    """Return seconds that also pass while the machine sleeps, where it can tell (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class _Block:
    """What one process has in hand; a forked child starts with its own, as its parent goes on with this one."""

    process: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: list[DataKey] = field(default_factory=list)
    began: float = 0.0
    reserved_at: datetime | None = None

    def is_stale(self, seconds: float, now: datetime) -> bool:
        """Tell whether the block has lived too long, by either of two clocks: one may have stood still or jumped."""
        return (
            self.reserved_at is None
            or seconds - self.began >= LIFETIME.total_seconds()
            or abs(now - self.reserved_at) >= LIFETIME
        )


class Reserve:
    """Gives out data keys that are already safe in the key database. Threads may share it; so may a fork."""

    def __init__(
        self, database: Database, masters: Masters, clock: Clock, *, seconds: Callable[[], float] = elapsed
    ) -> None:
        self._database = database
        self._masters = masters
        self._clock = clock
        self._seconds = seconds
        self._block = _Block()

    def issue(self) -> DataKey:
        """Return a key that was never given out before and never will be again."""
        if (block := self._block).process != os.getpid():
            # Two threads may both get here: each then draws from a block of its own, and one is left to the sweep.
            block = self._block = _Block()
        with block.lock:
            if block.is_stale(self._seconds(), self._clock()):
                self._fill(block, SMALL)
            elif not block.keys:
                self._fill(block, LARGE)
            return block.keys.pop()

    def issue_many(self, number: int) -> list[DataKey]:
        """Return so many keys that are committed together, apart from the block that single ones are drawn from."""
        if number <= 1:
            return [self.issue() for _ in range(number)]
        return self._committed(number, self._clock())

    def forget(self) -> None:
        """Give none of the keys in hand out: the key database they were reserved in may have been replaced."""
        with self._block.lock:
            self._block.reserved_at = None

    def _fill(self, block: _Block, size: int) -> None:
        block.keys.clear()  # what is left of an old block is swept
        began, now = self._seconds(), self._clock()
        block.keys, block.began, block.reserved_at = self._committed(size, now), began, now

    def _committed(self, size: int, now: datetime) -> list[DataKey]:
        keys = self._reserve(size, now) or self._reserve(size, now)
        if not keys:
            raise ConfigurationError("The key file names a master key that the key database has retired.")
        return keys

    def _reserve(self, size: int, now: datetime) -> list[DataKey]:
        """Return keys that are committed; none when the master key was retired between reading and writing."""
        ring = self._masters.current()
        keys = _new_keys(size)
        with self._database.transaction() as session:
            if is_retired(session, ring.current, now):
                return []
            insert_all(session, data_keys, [self._row(ring, key, now) for key in keys])
        return keys

    def _row(self, ring: KeyRing, key: DataKey, now: datetime) -> dict[str, object]:
        return {
            "key_id": key.key_id,
            "wrapped": self._masters.wrap(ring, key.key_id, key.key),
            "master_id": ring.current,
            "reserved_at": now,
        }


def _new_keys(number: int) -> list[DataKey]:
    """Make keys. Their ids begin with the time, so that those of one moment stand beside each other in every index."""
    moment, chance = f"{time.time_ns():016x}", secrets.token_bytes(number * (CHANCE_OCTETS + KEY_OCTETS))
    ids, keys = chance[: number * CHANCE_OCTETS].hex(), chance[number * CHANCE_OCTETS :]
    width = 2 * CHANCE_OCTETS
    return [
        DataKey(f"{moment}{ids[each * width : (each + 1) * width]}", keys[each * KEY_OCTETS : (each + 1) * KEY_OCTETS])
        for each in range(number)
    ]
