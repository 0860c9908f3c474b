"""The data keys of one service: found, destroyed, counted again and swept in its key database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.errors import KeyDestroyedError
from shared.failpoints import reach
from shared.many import among
from shared.vault.tables import data_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from shared.database import Database
    from shared.vault.masters import Masters

CHUNK = 500
"""How many ids go into one statement; both databases take more, none takes any number."""


def find_key(database: Database, masters: Masters, key_id: str) -> bytes:
    """Return a data key. Raises KeyDestroyedError when it was destroyed or never was."""
    found = find_keys(database, masters, [key_id])
    if key_id not in found:
        raise KeyDestroyedError("The key of this record is destroyed: nobody can read it any more.")
    return found[key_id]


def find_keys(database: Database, masters: Masters, key_ids: Collection[str]) -> dict[str, bytes]:
    """Return the data keys that are live, by id, with one query for each ``CHUNK`` of them."""
    columns = (data_keys.c.key_id, data_keys.c.master_id, data_keys.c.wrapped)
    found: dict[str, bytes] = {}
    with database.reading() as session:
        for some in _chunks(key_ids):
            live = sa.and_(among(data_keys.c.key_id, some), data_keys.c.destroyed_at.is_(None))
            for key_id, master_id, wrapped in session.execute(sa.select(*columns).where(live)):
                found[key_id] = masters.unwrap(master_id, key_id, wrapped)
    return found


def destroy_keys(database: Database, key_ids: Collection[str], now: datetime) -> int:
    """Overwrite these keys and return how many were live; doing it again changes nothing.

    The log is emptied each time: who overwrote them before may have ended before it came to that.
    """
    destroyed = 0
    for some in _chunks(key_ids):
        with database.transaction() as session:
            live = sa.and_(among(data_keys.c.key_id, some), data_keys.c.destroyed_at.is_(None))
            statement = sa.update(data_keys).where(live).values(wrapped=b"", destroyed_at=now)
            destroyed += len(session.scalars(statement.returning(data_keys.c.key_id)).all())
            reach("vault.destroying")
        reach("vault.destroyed")
    if key_ids:
        _leave_no_log(database)
    return destroyed


def surviving_keys(database: Database, key_ids: Collection[str]) -> set[str]:
    """Return which of these keys can still open something: the count after a destruction, by another query."""
    with database.reading() as session:
        return {
            key_id
            for some in _chunks(key_ids)
            for key_id in session.scalars(
                sa.select(data_keys.c.key_id).where(
                    among(data_keys.c.key_id, some), sa.func.length(data_keys.c.wrapped) > 0
                )
            )
        }


def sweep_keys(
    database: Database, used: Callable[[Collection[str]], Collection[str]], reserved_before: datetime
) -> int:
    """Delete the live keys of before that time that nothing refers to, and return how many.

    They were reserved and never given out, or given out in a transaction that was rolled back, or their record
    is gone and a crash came before their destruction. ``used`` says which of some ids are still referred to. The
    log is emptied in any case, of what a crash or a reader that was in the way has left in it.
    """
    swept = 0
    for some in _live_in_order(database, reserved_before):
        unused = set(some) - set(used(some))
        if not unused:
            continue
        with database.transaction() as session:
            session.execute(sa.delete(data_keys).where(among(data_keys.c.key_id, unused)))
        swept += len(unused)
    _leave_no_log(database)
    return swept


def _live_in_order(database: Database, reserved_before: datetime) -> Iterator[list[str]]:
    last = ""
    while True:
        with database.reading() as session:
            query = sa.select(data_keys.c.key_id).where(
                data_keys.c.key_id > last,
                data_keys.c.destroyed_at.is_(None),
                data_keys.c.reserved_at < reserved_before,
            )
            some = list(session.scalars(query.order_by(data_keys.c.key_id).limit(CHUNK)))
        if not some:
            return
        yield some
        last = some[-1]


def _chunks(key_ids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(set(key_ids))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _leave_no_log(database: Database) -> None:
    """Empty SQLite's write-ahead log, in which the old pages still stand; a busy one is emptied next time."""
    if database.dialect != "sqlite":
        return
    connection = database.engine("write").raw_connection()
    try:
        connection.execute("PRAGMA busy_timeout=200")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA busy_timeout=30000")
    finally:
        connection.close()
