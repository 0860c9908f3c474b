"""Wrapping data keys under a service's master keys, and retiring a master key."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import insert_once
from shared.errors import ConfigurationError
from shared.vault.ciphers import decrypt, encrypt
from shared.vault.tables import data_keys, master_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.database import Database
    from shared.keys.rings import KeyRing

BATCH = 200
REMEMBERED = 300.0
"""For how many seconds a process may remember a master key that a rotation has destroyed."""


@dataclass(slots=True)
class Masters:
    """A service's master keys: ``read`` gives the key file as it is now, since a command may have rotated it."""

    read: Callable[[], KeyRing] = field(repr=False)
    service: str
    seconds: Callable[[], float] = time.monotonic
    _known: tuple[float, KeyRing] | None = field(default=None, init=False, repr=False)

    def current(self) -> KeyRing:
        """Read the key file again and return its ring."""
        ring = self.read()
        self._known = (self.seconds(), ring)
        return ring

    def wrap(self, ring: KeyRing, key_id: str, key: bytes) -> bytes:
        """Wrap a data key under the ring's current master key, for this key id only."""
        return encrypt(ring.current_key, key, self._context(key_id))

    def unwrap(self, master_id: str, key_id: str, wrapped: bytes) -> bytes:
        """Return a data key. Raises ConfigurationError without its master key, IntegrityError when it was changed."""
        ring = self._recent()
        if master_id not in ring.keys:
            ring = self.current()
        if master_id not in ring.keys:
            raise ConfigurationError(f"Master key {master_id} of {self.service} is needed and is not there.")
        return decrypt(ring.keys[master_id], wrapped, self._context(key_id))

    def _recent(self) -> KeyRing:
        known = self._known
        return known[1] if known is not None and self.seconds() - known[0] < REMEMBERED else self.current()

    def _context(self, key_id: str) -> str:
        return f"data key|{self.service}|{key_id}"


def is_retired(session: Session, master_id: str, now: datetime) -> bool:
    """Tell whether a master key may no longer wrap anything, and keep that answer true until the commit."""
    insert_once(session, master_keys, [{"master_id": master_id, "seen_at": now}])
    query = sa.select(master_keys.c.retired_at).where(master_keys.c.master_id == master_id)
    return session.scalar(query.with_for_update(read=True)) is not None


def rewrap(database: Database, masters: Masters, now: datetime) -> int:
    """Bring every live data key under the current master key and return how many that took.

    First the older ones are retired, in every process; then the keys go over in batches. Interrupted anywhere,
    doing it again finishes it. Afterwards nothing live needs an older master key.
    """
    ring = masters.current()
    with database.transaction() as session:
        insert_once(session, master_keys, [{"master_id": each, "seen_at": now} for each in sorted(ring.keys)])
        older = sa.and_(master_keys.c.master_id != ring.current, master_keys.c.retired_at.is_(None))
        session.execute(sa.update(master_keys).where(older).values(retired_at=now))
    total = 0
    while count := _rewrap_batch(database, masters, ring):
        total += count
    return total


def _rewrap_batch(database: Database, masters: Masters, ring: KeyRing) -> int:
    older = sa.and_(data_keys.c.master_id != ring.current, data_keys.c.destroyed_at.is_(None))
    columns = (data_keys.c.key_id, data_keys.c.master_id, data_keys.c.wrapped)
    query = sa.select(*columns).where(older).order_by(data_keys.c.key_id).limit(BATCH)
    with database.transaction() as session:
        # A key that is being destroyed meanwhile must not come back to life: PostgreSQL waits for it here.
        rows = session.execute(query.with_for_update()).all()
        for key_id, master_id, wrapped in rows:
            fresh = masters.wrap(ring, key_id, masters.unwrap(master_id, key_id, wrapped))
            session.execute(
                sa.update(data_keys).where(data_keys.c.key_id == key_id).values(wrapped=fresh, master_id=ring.current)
            )
    return len(rows)
