"""What every service does with rows, in words that are put together once."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import recordsets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
    from sqlalchemy.orm import Session

    Then = Callable[[SqliteInsert | PostgresqlInsert], sa.Insert]

KEPT = 256  # statements that are built once: that takes about as long as sending one
_LOCKING = sa.text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
COUNTED = {"preserve_rowcount": True}


def is_sqlite(session: Session) -> bool:
    """Tell which of the two databases a session is on."""
    return dialect_of(session) == "sqlite"


def dialect_of(session: Session) -> str:
    """Return the name of the database that a session is on: statements that are kept are kept for each."""
    return session.get_bind().dialect.name


def insert_into(session: Session, table: sa.Table) -> SqliteInsert | PostgresqlInsert:
    """Return the dialect's INSERT, which knows ON CONFLICT; the two are alike in what we use."""
    return insert_on(dialect_of(session), table)


def insert_on(dialect: str, table: sa.Table) -> SqliteInsert | PostgresqlInsert:
    """Return the INSERT of one of the two, for a statement that is built once."""
    # Only the one in use is loaded: the other's dialect costs each process megabytes.
    insert: SqliteInsert | PostgresqlInsert = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    return insert


def insert_once(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose keys are new and leave the others as they are; return how many were new."""
    if not rows:
        return 0
    return insert(session, table, rows, _once)


def _once(inserting: SqliteInsert | PostgresqlInsert) -> sa.Insert:
    return inserting.on_conflict_do_nothing()


def insert_all(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows without asking for the numbers they got; one is sent in the simpler way of one."""
    if rows:
        insert(session, table, rows, _as_it_is)


def _as_it_is(inserting: SqliteInsert | PostgresqlInsert) -> sa.Insert:
    return inserting


def insert(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]], then: Then) -> int:
    """Insert rows, many of them on PostgreSQL as one value, by an INSERT that ``then`` completes; return how many were.

    Such a statement is kept, so ``then`` is always the same function.
    """
    connection, dialect = session.connection(), dialect_of(session)
    value = recordsets.as_value(table, rows) if dialect == "postgresql" else None
    statement = _inserting(dialect, table, then, tuple(rows[0]) if value else ())
    given = value or (rows if len(rows) > 1 else rows[0])
    written: sa.CursorResult[Any] = connection.execute(statement, given, execution_options=COUNTED)
    return written.rowcount


@lru_cache(maxsize=KEPT)
def _inserting(dialect: str, table: sa.Table, then: Then, names: Sequence[str]) -> sa.Insert:
    """Return the INSERT that ``then`` completes: of the columns that are named in a value, or of each row's own."""
    inserting = insert_on(dialect, table)
    return then(inserting.from_select(names, recordsets.rows_of(table, names)) if names else inserting.inline())


def lock_subject(session: Session, refs: Collection[str]) -> None:
    """Hold everybody else off these people until the transaction ends, in one order for all.

    Every write that adds something about a person and every own-store obligation does this first;
    otherwise an erasure misses a form that is not yet committed. On SQLite the write transaction
    itself is that lock; on PostgreSQL an advisory lock, which leaves nothing behind.
    """
    if is_sqlite(session) or not refs:
        return
    keys = sorted({_lock_key(ref) for ref in refs})
    session.connection().execute(_LOCKING, {"keys": keys}).all()


def _lock_key(ref: str) -> int:
    return int.from_bytes(hashlib.sha256(f"subject {ref}".encode()).digest()[:8], signed=True)
